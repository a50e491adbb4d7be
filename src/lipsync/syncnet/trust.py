"""Is SyncNet better than chance on video that it has not seen?

A SyncNet at chance has no opinion worth learning from. The share of right answers alone does not
tell: neighbouring windows are nearly the same one, so that a few lucky seconds look like hundreds
of right answers. A block bootstrap (Carlstein, 1986) resamples whole seconds, and chance has to lie
below its interval. With fewer than four seconds of answers the interval is too narrow (it lets 7 %
of noise of 1.2 to 1.6 s pass, and 1 to 2.5 % from 4 s on), so there is none.
"""

from dataclasses import dataclass

import numpy as np

from lipsync.syncnet.score import MAX_SHIFT, pool_windows

CHANCE = 3 / (2 * MAX_SHIFT + 1)  # share of the shifts that lie within one frame of the truth
BLOCK = 1.0  # seconds that are resampled together
LEAST_BLOCKS = 4  # fewer say too little of how blocks differ
RESAMPLES = 2000
TAIL = 2.5  # percent beyond either end of the interval


@dataclass(frozen=True)
class Trust:
    """Held-out top-1 within one frame among 31 shifts, and its 95 % interval; all 0..1."""

    top1: float
    low: float
    high: float

    @property
    def better_than_chance(self) -> bool:
        """Whether even the low end of the interval is above chance."""
        return self.low > CHANCE

    def __str__(self) -> str:
        return (
            f"finds the right one of {2 * MAX_SHIFT + 1} shifts in {self.top1:.0%} of the held-out "
            f"video (95 % interval {self.low:.0%} to {self.high:.0%}, chance {CHANCE:.0%})"
        )


def measure_trust(
    cosines: np.ndarray, starts: np.ndarray, average: int, fps: float, seed: int = 0
) -> Trust:
    """Judge a scan of held-out windows.

    Args:
        cosines, starts, average: as of ``score.summarise``
        fps: frames a second
    Returns:
        the interval is 0..1, so that nothing is trusted, of fewer than ``LEAST_BLOCKS`` blocks of
        answers
    """
    pooled, first = pool_windows(cosines, starts, average)
    right = np.abs(pooled.argmax(1) - MAX_SHIFT) <= 1  # (W',)
    frames = max(1, round(BLOCK * fps))
    if len(right) < LEAST_BLOCKS * frames:
        return Trust(float(right.mean()), 0.0, 1.0)
    seconds = (first - first[0]) // frames
    block = np.unique(seconds, return_inverse=True)[1]
    count = np.bincount(block)  # (blocks,) answers
    hits = np.bincount(block, weights=right)
    blocks = len(count)
    draw = np.random.default_rng(seed)
    times = draw.multinomial(blocks, np.full(blocks, 1 / blocks), RESAMPLES)  # (R, blocks)
    low, high = np.percentile((times @ hits) / (times @ count), [TAIL, 100 - TAIL])
    return Trust(float(right.mean()), float(low), float(high))
