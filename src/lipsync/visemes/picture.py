"""A timeline under the spectrogram that it was told from."""

from pathlib import Path

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.media.audio import read_audio
from lipsync.speech.frames import FRAME_RATE, frame_columns
from lipsync.visemes.labels import VISEMES
from lipsync.visemes.timeline import Shape

DPI = 110
SECONDS_A_ROW = 5.0
MOST_SECONDS = 120.0  # that are drawn; a picture of an hour would be read by nobody
INCHES = (16.0, 4.6)  # of a row
TALL = 0.09  # seconds of a shape below which the labels of neighbours would overlap: by turns
RANGE = 14.0  # nepers below the loudest that are shown


def write_picture(path: Path, sound: Path, found: list[Shape], posteriors: np.ndarray) -> None:
    """Rows of 5 s: the spectrogram, the shapes under it, and the posteriors (T, 15) below.

    Of a longer sound the first `MOST_SECONDS` are drawn, and the picture says so.
    Raises LipsyncError where matplotlib is not installed.
    """
    try:
        from matplotlib import colormaps
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise LipsyncError(
            "a picture needs matplotlib, which is not installed; run `uv pip install matplotlib`, "
            "or leave --picture out"
        ) from None
    seconds = min(len(posteriors) / FRAME_RATE, MOST_SECONDS)
    columns = frame_columns(read_audio(sound), round(seconds * FRAME_RATE))
    rows = max(1, int(np.ceil(seconds / SECONDS_A_ROW)))
    colours = dict(zip(VISEMES[1:], colormaps["tab20"].colors, strict=False))  # type: ignore
    figure = Figure(figsize=(INCHES[0], INCHES[1] * rows), layout="constrained")
    for number, part in enumerate(figure.subfigures(rows, 1, squeeze=False)[:, 0]):
        start = number * SECONDS_A_ROW
        upper, middle, lower = part.subplots(
            3, 1, sharex=True, gridspec_kw={"height_ratios": [4, 1.4, 7], "hspace": 0}
        )
        _spectrogram(upper, columns, start)
        _shapes(middle, found, start, colours)
        _posteriors(lower, posteriors, start)
        lower.set_xlim(start, start + SECONDS_A_ROW)
    if len(posteriors) / FRAME_RATE > seconds:
        whole = len(posteriors) / FRAME_RATE
        figure.suptitle(f"the first {seconds:.0f} s of {whole:.0f}", fontsize=9)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DPI)


def _window(values: np.ndarray, start: float) -> np.ndarray:
    first = round(start * FRAME_RATE)
    return values[first : first + round(SECONDS_A_ROW * FRAME_RATE)]


def _extent(values: np.ndarray, start: float, height: float) -> tuple[float, float, float, float]:
    return (start, start + len(values) / FRAME_RATE, 0, height)


def _spectrogram(axes, columns: np.ndarray, start: float) -> None:  # type: ignore[no-untyped-def]
    part = _window(columns, start)
    loudest = float(columns.max()) if columns.size else 0.0
    axes.imshow(
        part.T, origin="lower", aspect="auto", cmap="magma", extent=_extent(part, start, 80),
        vmin=loudest - RANGE, vmax=loudest,
    )  # fmt: skip
    axes.set_ylabel("mel band")
    axes.tick_params(labelbottom=False)


def _shapes(  # type: ignore[no-untyped-def]
    axes, found: list[Shape], start: float, colours: dict[str, tuple[float, float, float]]
) -> None:
    height = 0.5
    for shape in found:
        if shape.end <= start or shape.start >= start + SECONDS_A_ROW:
            continue
        colour = colours.get(shape.viseme, "#eeeeee")  # silence is grey
        axes.axvspan(shape.start, shape.end, fc=colour, alpha=0.6, lw=0.5, ec="black")
        height = 0.5 if shape.end - shape.start > TALL else 0.75 if height < 0.6 else 0.25
        middle = (max(shape.start, start) + min(shape.end, start + SECONDS_A_ROW)) / 2
        axes.text(middle, height, shape.viseme, ha="center", va="center", fontsize=7)
    axes.set_yticks([])
    axes.tick_params(labelbottom=False)


def _posteriors(axes, posteriors: np.ndarray, start: float) -> None:  # type: ignore[no-untyped-def]
    part = _window(posteriors, start)
    axes.imshow(
        part.T, origin="lower", aspect="auto", cmap="magma_r", vmin=0, vmax=1,
        extent=_extent(part, start, len(VISEMES)),
    )  # fmt: skip
    axes.set_yticks(np.arange(len(VISEMES)) + 0.5, VISEMES, fontsize=6.5)
    axes.set_xlabel("seconds", fontsize=7)
