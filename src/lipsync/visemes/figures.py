"""The confusion and the table of classes, for ``dvc plots`` and for people."""

import csv
from pathlib import Path

import numpy as np

from lipsync.files import atomic_path
from lipsync.visemes.labels import VISEMES
from lipsync.visemes.metrics import class_table

DPI = 110
ROWS = 1000  # of a label in confusion.csv at most: shares to 0.1 % of a corpus of any size


def write_confusion(folder: Path, table: np.ndarray) -> None:
    """confusion.csv and confusion.png: which share of each label's frames was told as what.

    table: (15, 15) frames by label and by what was told
    The CSV has a row (label, told) for each frame, which DVC's template counts, or for `ROWS`
    frames of a label that has more.
    """
    frames = table.sum(1, keepdims=True)
    rows = np.rint(table * np.minimum(1, ROWS / np.maximum(frames, 1))).astype(int)
    with atomic_path(folder / "confusion.csv") as path, path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("label", "told"))
        for i, j in np.ndindex(rows.shape):
            writer.writerows([(VISEMES[i], VISEMES[j])] * rows[i, j])
    shares = table / np.maximum(frames, 1)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 6.5), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, vmin=0, vmax=1, cmap="magma_r")
    axes.set_xticks(range(len(VISEMES)), VISEMES, rotation=60)
    axes.set_yticks(range(len(VISEMES)), VISEMES)
    axes.set(xlabel="told", ylabel="label", title="held-out frames: share of each label")
    for i, j in np.argwhere(shares >= 0.03):
        colour = "white" if shares[i, j] > 0.5 else "black"
        text = f"{100 * shares[i, j]:.0f}"
        axes.text(j, i, text, ha="center", va="center", fontsize=7, color=colour)
    figure.colorbar(image, ax=axes, shrink=0.8)
    with atomic_path(folder / "confusion.png") as path:
        figure.savefig(path, dpi=DPI)


def write_classes(path: Path, table: np.ndarray) -> None:
    """classes.csv: `lipsync.visemes.metrics.ClassRow` of each viseme."""
    with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        rows = class_table(table)
        writer.writerow(rows[0]._fields)
        for row in rows:
            writer.writerow(
                ("" if np.isnan(v) else f"{v:.4f}") if isinstance(v, float) else v for v in row
            )
