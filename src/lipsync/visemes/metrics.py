"""How well frames are told, against labels.

A frame counts once, whatever its phone lasts. Strict accuracy asks for the label of the very frame;
accuracy within 30 ms takes the label of any frame at most three away, as borders between phones
are not known better than that (aligners differ by 20 ms and more).
"""

from typing import NamedTuple

import numpy as np

from lipsync.visemes.labels import CLASSES, IGNORED, VISEMES

TOLERANCE = 3  # frames of 10 ms


class ClassRow(NamedTuple):
    """How one viseme is told."""

    viseme: str
    frames: int  # that are labelled so
    share: float
    precision: float  # NaN where it is never told
    recall: float  # NaN where it has no frames
    f1: float
    mistaken_for: str  # the viseme that is most often told in its place


def confusion(labels: np.ndarray, told: np.ndarray) -> np.ndarray:
    """(15, 15) int64: frames by label (rows) and by what was told (columns).

    labels, told: (N,) classes; frames labelled `IGNORED` are left out.
    """
    known = labels != IGNORED
    pairs = labels[known].astype(np.int64) * CLASSES + told[known]
    return np.bincount(pairs, minlength=CLASSES**2).reshape(CLASSES, CLASSES)


def strict_accuracy(table: np.ndarray) -> float:
    """Share of frames told right; NaN without frames."""
    total = table.sum()
    return float(np.trace(table) / total) if total else float("nan")


def near(labels: np.ndarray, told: np.ndarray, tolerance: int = TOLERANCE) -> np.ndarray:
    """(N,) bool: is what was told of a frame the label of any frame at most ``tolerance`` away?

    labels, told: (N,) of one utterance.
    """
    padded = np.pad(labels, tolerance, constant_values=IGNORED)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * tolerance + 1)  # (N, 2 t + 1)
    return (around == told[:, None]).any(axis=1)


def f1_scores(table: np.ndarray) -> np.ndarray:
    """(15,) harmonic mean of precision and recall, 0 where nothing is right; NaN for visemes that
    are neither labelled nor told."""
    both = table.sum(0) + table.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(both > 0, 2 * np.diag(table) / both, np.nan)


def macro_f1(table: np.ndarray) -> float:
    """Mean F1 over the visemes that have frames; a rare one weighs as much as silence."""
    labelled = table.sum(1) > 0
    return float(f1_scores(table)[labelled].mean()) if labelled.any() else float("nan")


def class_table(table: np.ndarray) -> list[ClassRow]:
    """A row for each viseme, in their order."""
    labelled, told, right = table.sum(1), table.sum(0), np.diag(table)
    wrong = table - np.diag(right)
    scores = f1_scores(table)

    def ratio(part: int, whole: int) -> float:
        return float(part / whole) if whole else float("nan")

    return [
        ClassRow(
            viseme=name,
            frames=int(labelled[i]),
            share=ratio(labelled[i], labelled.sum()),
            precision=ratio(right[i], told[i]),
            recall=ratio(right[i], labelled[i]),
            f1=float(scores[i]),
            mistaken_for=VISEMES[int(wrong[i].argmax())] if wrong[i].any() else "",
        )
        for i, name in enumerate(VISEMES)
    ]
