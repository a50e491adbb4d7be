"""What align_audio found, for DVC and for people."""

import csv
import json
from pathlib import Path

from lipsync.alignment.offset import Offset
from lipsync.files import atomic_path

DPI = 110


def write_offset(path: Path, measured: Offset, applied: float) -> None:
    """offset.json: milliseconds but for the correlations; null where nothing could be measured.

    Args:
        applied: seconds that the sound was delayed by
    """
    values = {
        "measured_ms": _milliseconds(measured.seconds),
        "low_ms": _milliseconds(measured.low),
        "high_ms": _milliseconds(measured.high),
        "trusted": not measured.doubt,
        "correlation": round(measured.correlation, 3),
        "chance": round(measured.chance, 3),
        "applied_ms": round(applied * 1e3),
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2) + "\n")


def write_curve(folder: Path, measured: Offset) -> None:
    """correlation.csv and correlation.png: held-out correlation at each lag."""
    with atomic_path(folder / "correlation.csv") as temporary, temporary.open("w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("sound_after_lips_ms", "correlation"))
        for lag, value in zip(measured.lags, measured.curve, strict=True):
            writer.writerow((f"{lag * 1e3:.5g}", f"{value:.5g}"))
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(measured.lags * 1e3, measured.curve, label="sound tells lips")
    axes.axhline(measured.chance, color="#999999", linestyle=":", label="best of wrong instants")
    axes.set(xlabel="sound after lips, ms", ylabel="held-out correlation")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right", fontsize="small")
    with atomic_path(folder / "correlation.png") as temporary:
        figure.savefig(temporary, dpi=DPI)


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1e3)
