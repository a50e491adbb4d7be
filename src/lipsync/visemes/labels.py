"""Visemes, and which of them each frame shows.

The 15 are those of Oculus Lip Sync, which game characters have shapes for:
https://developers.meta.com/horizon/documentation/unity/audio-ovrlipsync-viseme-reference
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lipsync.speech.frames import FRAME_RATE

VISEMES = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR",
           "aa", "E", "ih", "oh", "ou")  # fmt: skip
CLASSES = len(VISEMES)
SILENCE = VISEMES.index("sil")
IGNORED = -1  # label of frames that nobody knows: not learned from, not counted
FRAME = 1 / FRAME_RATE  # seconds; frame j stands for (j + 0.5) FRAME


class Interval(NamedTuple):
    """Something said between two times, in seconds."""

    start: float
    end: float
    label: str


def frame_labels(visemes: Sequence[tuple[float, float, int]], frames: int) -> np.ndarray:
    """(frames,) int8: the viseme of the interval that holds each frame's instant.

    visemes: (start, end, class) in order, seconds; where there is none, frames are silent.
    """
    labels = np.full(frames, SILENCE, np.int8)
    for start, end, viseme in visemes:
        # Frame j is inside where start <= (j + 0.5) FRAME < end
        first, last = (int(np.ceil(round(t / FRAME - 0.5, 6))) for t in (start, end))
        labels[max(first, 0) : max(last, 0)] = viseme
    return labels
