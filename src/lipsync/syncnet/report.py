"""SyncNet's held-out offset curve, for ``dvc plots`` and for people."""

import csv
from pathlib import Path

import numpy as np

from lipsync.files import atomic_path
from lipsync.syncnet.score import MAX_SHIFT, SyncScore
from lipsync.syncnet.trust import Trust

DPI = 110


def write_offset_curve(folder: Path, found: SyncScore, trust: Trust) -> None:
    """sync_offsets.csv and sync_offsets.png: mean cosine by frames that the lips come late."""
    offsets = np.arange(-MAX_SHIFT, MAX_SHIFT + 1)
    cosines = found.curve[::-1]  # by how much the speech is late -> by how much the lips are
    with atomic_path(folder / "sync_offsets.csv") as temporary, temporary.open("w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("offset_frames", "cosine"))
        for offset, cosine in zip(offsets, cosines, strict=True):
            writer.writerow((offset, f"{cosine:.5g}"))
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.axvspan(-1, 1, color="#eeeeee")
    axes.plot(offsets, cosines)
    axes.set(
        title=f"held-out top-1 {trust.top1:.2f} ({trust.low:.2f} to {trust.high:.2f})",
        xlabel="lips after sound, frames",
        ylabel="mean cosine",
    )
    axes.grid(alpha=0.3)
    with atomic_path(folder / "sync_offsets.png") as temporary:
        figure.savefig(temporary, dpi=DPI)
