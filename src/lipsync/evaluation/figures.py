"""Curves and pictures to judge by, and the same curves as CSV for ``dvc plots``."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lipsync.evaluation.heldout import Instant, Tables
from lipsync.evaluation.report import shifted_correlations
from lipsync.evaluation.shifts import WrongSpeech
from lipsync.files import atomic_path
from lipsync.syncnet.score import MAX_SHIFT, SyncScore

COLUMNS = 8  # frames on the contact sheet
LABEL = 20  # pixels of height of a line of text
DPI = 110
REAL, RENDERED, FILMED = "#333333", "#1f77b4", "#2ca02c"
WRONG, RIDGE = "#d62728", "#9a9a9a"


def choose_instants(opening: np.ndarray) -> np.ndarray:
    """Rows (at most 8,) for the contact sheet, one in each of eight equal parts of the frames.

    The first shows the part's most closed mouth, the last one the most open, the others those
    between. opening (J,) of the filmed mouths, NaN where there is no face.
    """
    parts = np.array_split(np.flatnonzero(np.isfinite(opening)), COLUMNS)
    chosen = []
    for number, part in enumerate(parts):
        if len(part):
            rank = round(number / (COLUMNS - 1) * (len(part) - 1))
            chosen.append(part[np.argsort(opening[part], kind="stable")[rank]])
    return np.array(chosen, np.int64)


class ContactSheet:
    """Crops of a few frames: real, with the filmed expression, and from speech.

    Args:
        rows: of the frames that are shown
    """

    def __init__(self, rows: np.ndarray, fps: float) -> None:
        self._rows, self._fps = set(rows.tolist()), fps
        self._columns: list[np.ndarray] = []

    def __call__(self, instant: Instant) -> None:
        """Observe a frame."""
        if instant.row not in self._rows:
            return
        named = [
            (f"real, {(instant.frame + 0.5) / self._fps:.2f} s", instant.real_crop),
            ("filmed expression", instant.filmed_crop),
            ("from speech", instant.rendered_crop),
        ]
        width = instant.real_crop.shape[1]
        parts = [part for text, crop in named for part in (label(text, width), crop)]
        self._columns.append(np.concatenate(parts))

    def write(self, path: Path) -> None:
        """Write the sheet as PNG."""
        sheet = cv2.cvtColor(np.concatenate(self._columns, axis=1), cv2.COLOR_RGB2BGR)
        with atomic_path(path) as temporary:
            temporary.write_bytes(cv2.imencode(".png", sheet)[1].tobytes())


def label(text: str, width: int) -> np.ndarray:
    """A line of dark text on white, (LABEL, width, 3) uint8."""
    line = np.full((LABEL, width, 3), 255, np.uint8)
    cv2.putText(line, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (40, 40, 40), 1, cv2.LINE_AA)
    return line


def write_opening(
    folder: Path,
    tables: Tables,
    ridge: np.ndarray,
    wrong: WrongSpeech,
    frames: np.ndarray,
    fps: float,
) -> None:
    """mouth_opening.png and mouth_opening.csv: opening over time; shifted_speech.csv: r by shift.

    The picture shows what ridge regression predicts (J,) too, and one mismatched audio, that of the
    middle shift. Where ``frames`` (J,) leave some out, their runs stand side by side.
    """
    seconds = (frames + 0.5) / fps
    spoken, filmed, still = (t.opening for t in (tables.spoken, tables.filmed, tables.still))
    curves = {
        "real": tables.opening,
        "rendered": spoken,
        "filmed": filmed,
        "still": still,
        "ridge": ridge,
    }
    write_csv(
        folder / "mouth_opening.csv",
        ("seconds", *curves),
        zip(seconds, *curves.values(), strict=True),
    )
    write_csv(
        folder / "shifted_speech.csv",
        ("shift_seconds", "correlation"),
        zip(wrong.shifts / fps, shifted_correlations(tables), strict=True),
    )
    figure = new_figure((10, 3.6))
    axes = figure.subplots()
    cuts = np.flatnonzero(np.diff(frames) != 1) + 1
    x = np.arange(len(frames)) / fps if len(cuts) else seconds
    for name, colour, width, text in (
        ("real", REAL, 1.5, "real"),
        ("filmed", FILMED, 1, "rendered, expression as filmed"),
        ("rendered", RENDERED, 1.5, "rendered from speech"),
        ("ridge", RIDGE, 1, "ridge regression"),
    ):
        curve = curves[name]
        if np.isfinite(curve).any():
            broken = (np.insert(each.astype(float), cuts, np.nan) for each in (x, curve))
            axes.plot(*broken, color=colour, linewidth=width, label=text)
    if len(wrong.shifts):
        middle = len(wrong.shifts) // 2
        axes.plot(
            x[tables.shifted_rows],
            tables.shifted_opening[:, middle],
            "o",
            color=WRONG,
            markersize=3,
            label=f"rendered, speech off by {wrong.shifts[middle] / fps:.1f} s",
        )
    if len(cuts):
        begins = np.concatenate([[0], cuts])
        axes.set_xticks(x[begins], [f"{seconds[begin]:.1f}" for begin in begins])
    axes.set(xlabel="seconds", ylabel="mouth opening / eye distance", ylim=(0, None))
    finish(figure, axes, folder / "mouth_opening.png")


def write_offsets(folder: Path, rendered: SyncScore | None, real: SyncScore | None) -> None:
    """sync_offsets.png and sync_offsets.csv: SyncNet's agreement at each offset."""
    offsets = np.arange(-MAX_SHIFT, MAX_SHIFT + 1)
    nothing = np.full(len(offsets), np.nan)
    curves = [score.curve[::-1] if score else nothing for score in (real, rendered)]
    write_csv(
        folder / "sync_offsets.csv",
        ("offset_frames", "real", "rendered"),
        zip(offsets, *curves, strict=True),
    )
    figure = new_figure((6, 3.6))
    axes = figure.subplots()
    axes.axvspan(-1, 1, color="#eeeeee")
    for curve, name, colour in zip(curves, ("real", "rendered"), (REAL, RENDERED), strict=True):
        axes.plot(offsets, curve, color=colour, label=name)
    axes.set(xlabel="lips after sound, frames", ylabel="mean cosine")
    finish(figure, axes, folder / "sync_offsets.png")


def write_csv(path: Path, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Numbers with 5 significant digits; what is not known is left empty."""
    with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            writer.writerow([f"{value:.5g}" if np.isfinite(value) else "" for value in row])


def new_figure(inches: tuple[float, float]) -> Any:
    """A matplotlib figure that no window knows."""
    from matplotlib.figure import Figure

    return Figure(figsize=inches, layout="constrained")


def finish(figure: Any, axes: Any, path: Path) -> None:
    """Grid, legend above, and out as PNG."""
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=5, fontsize="small", frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DPI)
