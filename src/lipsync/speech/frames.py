"""The filter bank on the clock of frames of 10 ms: frame j stands for (j + 0.5) / 100 s."""

import numpy as np

from lipsync.speech.fbank import BINS, HOP, WINDOW, fbank

FRAME_RATE = 100  # frames a second, one a hop
LEAD = WINDOW // 2 - HOP // 2  # samples before frame 0 that column 0 stands on


def frame_columns(sound: np.ndarray, frames: int) -> np.ndarray:
    """Columns around the instants of frames 0 ... frames - 1, (frames, 80) float32.

    sound: (n,) float32 -1..1 at 16 kHz; beyond its ends there is digital silence.
    """
    if not frames:
        return np.zeros((0, BINS), np.float32)
    needed = (frames - 1) * HOP + WINDOW
    padded = np.zeros(needed, np.float32)
    part = sound[: needed - LEAD]
    padded[LEAD : LEAD + len(part)] = part
    return fbank(padded)
