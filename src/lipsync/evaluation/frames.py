"""Which held-out frames are rendered, and their sound."""

import numpy as np

from lipsync.media.clock import sample_count

RUN_SECONDS = 2.0  # of consecutive frames: long enough for the words of SyncNet's windows


def choose_frames(start: int, end: int, fps: float, most: int) -> np.ndarray:
    """Frame numbers (J,) int64, ascending, of ``start`` ... ``end - 1``.

    All of them, or, where there are more than ``most``, runs of two seconds that are evenly spread;
    one run at least.
    """
    count = end - start
    length = min(count, round(RUN_SECONDS * fps))
    if count <= max(most, length):
        return np.arange(start, end)
    firsts = np.linspace(start, end - length, max(1, most // length)).round().astype(np.int64)
    return (firsts[:, None] + np.arange(length)).reshape(-1)


def last_face(valid: np.ndarray) -> int:
    """The frame after the last one of valid (N,) that shows a face: what follows is a card, say."""
    return int(np.flatnonzero(valid)[-1]) + 1


def run_numbers(frames: np.ndarray) -> np.ndarray:
    """(J,) which run of consecutive numbers each of ``frames`` belongs to: 0, 0, ..., 1, 1, ..."""
    return np.cumsum(np.diff(frames, prepend=frames[:1] - 1) != 1)


def sound_of(sound: np.ndarray, frames: np.ndarray, fps: float, rate: int) -> np.ndarray:
    """Sound (n,) of the whole recording -> that of ``frames``, run after run."""
    numbers = run_numbers(frames)
    parts = []
    for number in range(numbers[-1] + 1):
        run = frames[numbers == number]
        first, last = (sample_count(int(edge), fps, rate) for edge in (run[0], run[-1] + 1))
        parts.append(sound[first:last])
    return np.concatenate(parts)
