"""The time by which a recording's sound comes before its picture, and how sure that is.

Signs are those of ITU-R BT.1359: positive when the sound is advanced, so a positive offset is
mended by delaying the sound by as much.
"""

from dataclasses import dataclass, replace

import numpy as np

from lipsync.alignment.scan import BLOCK, Scan, scan_lags, scan_wrong_lags

# Lips move before they are heard. Calibrated on four recordings held to be in step, a synthetic one
# and three of real people, whose correlation was best with the sound 68, 4, -1 and -44 ms after the
# lips (docs/alignment.md): their mean is 7 ms, their standard deviation 46 ms. Four are few, so
# SPREAD is larger: without the bias of so small a sample (46 / 0.921) the deviation is 50 ms; that
# the mean is uncertain too makes 56 ms (50 x sqrt(1 + 1/4)) for another recording; rounded up.
LEAD = 0.007  # seconds
SPREAD = 0.060  # seconds; no measurement of one person is more certain than this
LEAST_BLOCKS = 8  # seconds of visible lips below which nothing is said
WIDEST = 0.5  # seconds between the ends of an interval that still says something
SUMMIT = 0.8  # share of the best correlation above which the curve's middle is taken
RESAMPLES = 1000
COVERAGE = 95  # percent of the interval


@dataclass(frozen=True)
class Offset:
    """A measured offset; times in seconds, positive where the sound comes before the picture.

    Attributes:
        seconds: the offset; None where there was too little to compute any
        low, high: its 95 % interval: bootstrap over blocks of a second, and people's differences
        correlation: best held-out correlation of sound and lips, over the lags
        chance: the best that the sound of wrong instants reached
        doubt: why the figure is not to be trusted; empty where it is
        lags, curve: (L,) lags as of ``Scan``, and the correlation at each
    """

    seconds: float | None
    low: float | None
    high: float | None
    correlation: float
    chance: float
    doubt: str
    lags: np.ndarray
    curve: np.ndarray

    def excludes(self, tolerance: float) -> bool:
        """Whether sound and picture are for certain more than ``tolerance`` seconds apart."""
        if self.doubt or self.low is None or self.high is None:
            return False
        return self.low > tolerance or self.high < -tolerance

    def delayed(self, seconds: float) -> "Offset":
        """The offset that is left when the sound is delayed by ``seconds``."""
        if self.seconds is None or self.low is None or self.high is None:
            return self
        return replace(
            self,
            seconds=self.seconds - seconds,
            low=self.low - seconds,
            high=self.high - seconds,
        )


def measure_offset(columns: np.ndarray, targets: np.ndarray, fps: float, seed: int = 0) -> Offset:
    """Measure the offset of a recording.

    Args:
        columns: (4 N, D) from ``sound_columns``
        targets: (N, T) from ``lip_movement``, NaN where lips are not seen
    """
    scan = scan_lags(columns, targets, fps)
    wrong = scan_wrong_lags(columns, targets, fps)
    blocks = 0 if scan is None else len(scan.sums)
    if scan is None or wrong is None or blocks < LEAST_BLOCKS:
        doubt = (
            f"only {blocks * BLOCK:.0f} s with lips in view, {LEAST_BLOCKS * BLOCK:.0f} are needed"
        )
        return Offset(None, None, None, 0.0, 0.0, doubt, np.zeros(0), np.zeros(0))
    curve = scan.correlations()
    chance = float(wrong.correlations().max())
    draw = np.random.default_rng(seed)
    low, high = _interval(scan, draw)
    doubt = ""
    if curve.max() <= chance:
        doubt = "the sound tells the lips no better than that of other instants does"
    elif high - low > WIDEST:
        doubt = f"it lies anywhere from {low * 1e3:.0f} to {high * 1e3:.0f} ms"
    return Offset(
        seconds=LEAD - _summit(scan.lags, curve),
        low=low,
        high=high,
        correlation=float(curve.max()),
        chance=chance,
        doubt=doubt,
        lags=scan.lags,
        curve=curve,
    )


def _interval(scan: Scan, draw: np.random.Generator) -> tuple[float, float]:
    """The offset's percentile interval: blocks resampled, people's differences added."""
    blocks = len(scan.sums)
    counts = draw.multinomial(blocks, np.full(blocks, 1 / blocks), RESAMPLES)  # (R, blocks)
    curves = scan.correlations(counts.astype(float))  # (R, L)
    peaks = np.array([_summit(scan.lags, curve) for curve in curves])
    offsets = LEAD - peaks + draw.normal(0, SPREAD, RESAMPLES)
    tail = (100 - COVERAGE) / 2
    low, high = np.percentile(offsets, [tail, 100 - tail])
    return float(low), float(high)


def _summit(lags: np.ndarray, curve: np.ndarray) -> float:
    """The middle of the lags around the best one, weighted by how far they rise above SUMMIT.

    A sound window of several frames fits nearly as well a frame aside, so that the highest point of
    the plateau is chance and its middle is not.
    """
    best = int(curve.argmax())
    above = curve - SUMMIT * curve[best]
    first, last = best, best
    while first > 0 and above[first - 1] > 0:
        first -= 1
    while last < len(curve) - 1 and above[last + 1] > 0:
        last += 1
    around = slice(first, last + 1)
    weight = above[around].sum()
    return float((above[around] @ lags[around]) / weight if weight > 0 else lags[best])
