"""Which frames are trained on and which are held out.

The last ``split.validation`` of a video is held out, and ``split.gap`` seconds before it belong to
neither side, so that no speech window and no neighbouring picture reaches across.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.training.params import SplitParams

# Consecutive frames that are sampled together: longer than SyncNet's windows, the refiner's clips.
SEGMENT = 25
APART = 10**7  # frames between two people whose frames stand in one row
MIN_FRAMES = 20  # on either side; fewer can neither teach nor measure anything


@dataclass(frozen=True)
class Split:
    """Frame numbers [0, training_end) and [validation_start, frames)."""

    training_end: int
    validation_start: int
    frames: int

    @property
    def training(self) -> np.ndarray:
        """(T,) int64 frame numbers of the training part."""
        return np.arange(self.training_end)

    @property
    def validation(self) -> np.ndarray:
        """(V,) int64 frame numbers of the held-out part."""
        return np.arange(self.validation_start, self.frames)


def in_one_row(people: Sequence[np.ndarray]) -> np.ndarray:
    """Frame numbers of several people one after the other, too far apart to share speech."""
    return np.concatenate([frames + number * APART for number, frames in enumerate(people)])


def split_frames(frames: int, fps: float, params: SplitParams) -> Split:
    """Split ``frames`` pictures at ``fps``; LipsyncError if either part is too short."""
    start = frames - round(frames * params.validation)
    end = start - round(params.gap * fps)
    if end < MIN_FRAMES or frames - start < MIN_FRAMES:
        raise LipsyncError(
            f"split: {frames} frames at {fps:g} fps leave {max(end, 0)} for training and "
            f"{frames - start} held out; both need at least {MIN_FRAMES}: take a longer video, "
            "or change split.validation or split.gap"
        )
    return Split(training_end=end, validation_start=start, frames=frames)


def limit_training(valid: np.ndarray, split: Split, most: int | None) -> np.ndarray:
    """Which frames may be used when the training part is sampled; held-out frames all may.

    What is trained on are clips of consecutive frames, so seconds are sampled, not single frames.

    Args:
        valid: (N,) bool
        most: frames of the training part at most, None for all
    Returns:
        (N,) bool; at most ``most`` valid frames of the training part are true
    """
    return _limit(valid, 0, split.training_end, most)


def limit_held_out(valid: np.ndarray, split: Split, most: int | None) -> np.ndarray:
    """As ``limit_training``, of the held-out part; frames of the training part all may."""
    return _limit(valid, split.validation_start, split.frames, most)


def _limit(valid: np.ndarray, start: int, end: int, most: int | None) -> np.ndarray:
    used = np.ones(len(valid), bool)
    there = np.flatnonzero(valid[start:end]) + start
    if most is None or most >= len(there):
        return used
    used[start:end] = False
    segments = most // SEGMENT
    firsts = np.linspace(0, len(there) - SEGMENT, segments).round().astype(int)
    used[there[firsts[:, None] + np.arange(SEGMENT)]] = True
    return used


def runs(valid: np.ndarray, length: int) -> np.ndarray:
    """Starts of all windows of ``length`` consecutive valid frames.

    Args:
        valid: (N,) bool
    Returns:
        (M,) int64, each i with valid[i : i + length] all true
    """
    if len(valid) < length:
        return np.zeros(0, dtype=np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(valid, length)  # (N - length + 1, length)
    return np.flatnonzero(windows.all(axis=1))


def evenly(values: np.ndarray, count: int) -> np.ndarray:
    """At most ``count`` of values (n,), evenly spaced."""
    spaced = np.linspace(0, len(values) - 1, min(count, len(values)))
    return values[spaced.round().astype(int)]
