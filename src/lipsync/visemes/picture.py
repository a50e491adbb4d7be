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
INCHES = (14.0, 3.6)  # of a row
RANGE = 14.0  # nepers below the loudest that are shown


def write_picture(path: Path, sound: Path, found: list[Shape], posteriors: np.ndarray) -> None:
    """Rows of 5 s: the spectrogram, the shapes under it, and the posteriors (T, 15) below.

    Raises LipsyncError where matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise LipsyncError(
            "a picture needs matplotlib, which is not installed; run `uv pip install matplotlib`, "
            "or leave --picture out"
        ) from None
    seconds = min(len(posteriors) / FRAME_RATE, MOST_SECONDS)
    columns = frame_columns(read_audio(sound), round(seconds * FRAME_RATE))
    rows = max(1, int(np.ceil(seconds / SECONDS_A_ROW)))
    figure = Figure(figsize=(INCHES[0], INCHES[1] * rows), layout="constrained")
    for number, part in enumerate(figure.subfigures(rows, 1, squeeze=False)[:, 0]):
        start = number * SECONDS_A_ROW
        upper, middle, lower = part.subplots(
            3, 1, sharex=True, gridspec_kw={"height_ratios": [4, 1, 5], "hspace": 0}
        )
        _spectrogram(upper, columns, start)
        _shapes(middle, found, start)
        _posteriors(lower, posteriors, start)
        lower.set_xlim(start, start + SECONDS_A_ROW)
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


def _shapes(axes, found: list[Shape], start: float) -> None:  # type: ignore[no-untyped-def]
    for shape in found:
        if shape.end <= start or shape.start >= start + SECONDS_A_ROW:
            continue
        colour = f"C{VISEMES.index(shape.viseme) % 10}" if shape.viseme != "sil" else "#eeeeee"
        axes.axvspan(shape.start, shape.end, color=colour, alpha=0.6, lw=0.5, ec="black")
        middle = (max(shape.start, start) + min(shape.end, start + SECONDS_A_ROW)) / 2
        axes.text(middle, 0.5, shape.viseme, ha="center", va="center", fontsize=7)
    axes.set_yticks([])
    axes.tick_params(labelbottom=False)


def _posteriors(axes, posteriors: np.ndarray, start: float) -> None:  # type: ignore[no-untyped-def]
    part = _window(posteriors, start)
    axes.imshow(
        part.T, origin="lower", aspect="auto", cmap="magma_r", vmin=0, vmax=1,
        extent=_extent(part, start, len(VISEMES)),
    )  # fmt: skip
    axes.set_yticks(np.arange(len(VISEMES)) + 0.5, VISEMES, fontsize=4.5)
    axes.set_xlabel("seconds", fontsize=7)
