"""What align_audio found, for DVC and for people."""

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING

from lipsync.alignment.offset import Offset
from lipsync.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 110


def write_offset(path: Path, measured: Offset, applied: float) -> None:
    """offset.json: milliseconds but for the correlations; null where nothing was measured.

    Args:
        applied: seconds that the audio was delayed by
    """
    values = {
        "measured_ms": milliseconds(measured.seconds),
        "low_ms": milliseconds(measured.low),
        "high_ms": milliseconds(measured.high),
        "trusted": not measured.doubt,
        "correlation": round(measured.correlation, 3),
        "as_it_is": round(measured.as_it_is, 3),
        "chance": round(measured.chance, 3),
        "applied_ms": round(applied * 1e3),
        "doubt": measured.doubt,
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2) + "\n")


def write_curve(folder: Path, measured: Offset) -> None:
    """correlation.csv and correlation.png: the correlation at each lag."""
    with atomic_path(folder / "correlation.csv") as temporary, temporary.open("w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("audio_after_lips_ms", "correlation"))
        for lag, value in zip(measured.lags, measured.curve, strict=True):
            writer.writerow((f"{lag * 1e3:.5g}", f"{value:.5g}"))
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    draw_curve(figure.subplots(), measured)
    with atomic_path(folder / "correlation.png") as temporary:
        figure.savefig(temporary, dpi=DPI)


def draw_curve(axes: "Axes", measured: Offset) -> None:
    """The correlation over lags, what chance reaches, and the interval of the best lag."""
    axes.plot(measured.lags * 1e3, measured.curve, label="predicted and filmed opening")
    axes.axhline(measured.chance, color="#999999", linestyle=":", label="audio of other instants")
    if measured.low is not None and measured.high is not None:
        span = (-measured.high * 1e3, -measured.low * 1e3)
        axes.axvspan(*span, color="#4477aa", alpha=0.2, label="95 % interval of the best lag")
    axes.set(xlabel="audio after lips, ms", ylabel="correlation")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right", fontsize="small")


def milliseconds(seconds: float | None) -> int | None:
    """Whole milliseconds of what is known."""
    return None if seconds is None else round(seconds * 1e3)
