"""What the head does of itself while it speaks: slight motion and blinks, blind to the speech."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLINK_EVERY = (2.0, 5.0)  # seconds between blinks
BLINK_CLOSE, BLINK_OPEN = 0.10, 0.16  # seconds
BLINK_SEED = 4


@dataclass(frozen=True)
class Pose:
    """Where the head is: turn in radians, shift x, y in pixels, scale; lids 0 open .. 1 closed."""

    turn: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    lids: float = 0.0


def poses(times: NDArray[np.float64]) -> list[Pose]:
    """The pose at each of ``times`` (N,) seconds."""
    turn = np.deg2rad(1.3 * _sway(times, 5.3, 0.4) + 0.7 * _sway(times, 3.1, 2.0))
    x = 3.0 * _sway(times, 6.7, 1.1) + 1.0 * _sway(times, 2.9, 0.3)
    y = 2.0 * _sway(times, 4.3, 2.6) + 1.0 * _sway(times, 2.3, 1.7)
    scale = 1 + 0.010 * _sway(times, 7.9, 0.9)
    lids = _blinks(times)
    return [
        Pose(float(a), (float(b), float(c)), float(d), float(e))
        for a, b, c, d, e in zip(turn, x, y, scale, lids, strict=True)
    ]


def _sway(times: NDArray[np.float64], period: float, phase: float) -> NDArray[np.float64]:
    return np.sin(2 * np.pi * times / period + phase)


def _blinks(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lids (N,) 0..1."""
    random = np.random.default_rng(BLINK_SEED)
    lids = np.zeros(len(times))
    instant = 0.6
    while len(times) and instant < times[-1] + 1:
        closing = 1 - (instant - times) / BLINK_CLOSE
        opening = 1 - (times - instant) / BLINK_OPEN
        share = np.clip(np.minimum(closing, opening) * 1.25, 0.0, 1.0)
        lids = np.maximum(lids, share * share * (3 - 2 * share))
        instant += random.uniform(*BLINK_EVERY)
    return lids
