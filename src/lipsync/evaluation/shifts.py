"""Mismatched audio for the leak test: the right speech, turned around a circle by a second or more.

An avatar that reads the mouth off the picture goes on saying the right words; one that follows
the sound says the wrong ones, and then its lips know nothing of the real ones. Turning in a circle
keeps what is heard: the same words, pauses and silence, at other times.
"""

from dataclasses import dataclass

import numpy as np

LEAST_SECONDS = 1.0  # a shift is at least this, either way around the circle


@dataclass(frozen=True)
class WrongSpeech:
    """Shifts around a circle of frames.

    Attributes:
        start, length: the circle is frames start ... start + length - 1
        shifts: (K,) int64 ascending, frames; empty where the circle is too short for any
    """

    start: int
    length: int
    shifts: np.ndarray

    def frames(self, frame: int) -> np.ndarray:
        """(K,) frames whose speech is heard at ``frame`` instead of its own."""
        return self.start + (frame - self.start + self.shifts) % self.length


def circular_shifts(length: int, least: int, count: int) -> np.ndarray:
    """At most ``count`` evenly spaced shifts of ``least`` ... ``length - least`` frames."""
    if length < 2 * least:
        return np.zeros(0, np.int64)
    return np.unique(np.linspace(least, length - least, count).round().astype(np.int64))


def choose_wrong_speech(start: int, frames: int, fps: float, count: int) -> WrongSpeech:
    """Turn the held-out speech, frames ``start`` ... ``frames - 1``; all speech if that is short.

    Args:
        start: first held-out frame
        frames: N, of the whole video
        count: shifts that are wanted
    """
    least = int(np.ceil(LEAST_SECONDS * fps))
    held_out = circular_shifts(frames - start, least, count)
    if len(held_out) == count:
        return WrongSpeech(start, frames - start, held_out)
    return WrongSpeech(0, frames, circular_shifts(frames, least, count))
