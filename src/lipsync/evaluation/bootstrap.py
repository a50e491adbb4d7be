"""How far a figure could be off: intervals by the moving-block bootstrap.

Neighbouring frames are alike, so drawing single frames anew would pretend to more evidence than
there is. Blocks of consecutive frames are drawn instead, anywhere and with replacement, until
they are as long as the original (Kunsch, "The jackknife and the bootstrap for general stationary
observations", 1989). Each figure here is a function of sums over frames, and the sum over a block
is a difference of running sums, so a thousand resamples cost next to nothing.

All rows of the same length and block are drawn alike, so figures may be subtracted resample by
resample: that is a paired comparison.
"""

import numpy as np

RESAMPLES = 1000
BLOCK_SECONDS = 0.5  # a syllable or two; the opening of a mouth forgets itself in 0.2-0.3 s
LEAST_BLOCKS = 4  # fewer say too little of how blocks differ: there is no interval
COVERED = 95.0  # percent
LEAST_KNOWN = 0.95  # share of resamples in which a figure must be known
SEED = 0
INTERVAL = "_interval"  # what the name of a figure's interval ends in, in details.json

Interval = list[float] | None
"""[low, high], or None where it cannot be told"""


class Blocks:
    """The blocks that resamples of consecutive rows are made of.

    Args:
        rows: L, in their order in time
        block: rows in a block; rounded, at least 1
        seed: rows that have nothing to do with each other want different ones
    """

    def __init__(self, rows: int, block: float, seed: int = SEED) -> None:
        self._rows, self._block = rows, max(1, round(block))
        self.enough = rows >= LEAST_BLOCKS * self._block
        if self.enough:
            shape = (RESAMPLES, int(np.ceil(rows / self._block)))
            last_start = rows - self._block
            self._starts = np.random.default_rng(seed).integers(0, last_start + 1, shape)

    def sums(self, moments: np.ndarray) -> np.ndarray:
        """Sums over each resample: moments (L, ...) -> (R, ...); NaN where rows are too few."""
        if not self.enough:
            return np.full((RESAMPLES, *moments.shape[1:]), np.nan)
        running = np.concatenate([np.zeros_like(moments[:1]), np.cumsum(moments, axis=0)])
        whole = running[self._block :] - running[: -self._block]  # (L - block + 1, ...)
        first = sum(whole[starts] for starts in self._starts[:, :-1].T)  # (R, ...)
        begin = self._starts[:, -1]
        rest = self._rows - (self._starts.shape[1] - 1) * self._block  # the last block is cut
        return first + running[begin + rest] - running[begin]


def interval(values: np.ndarray) -> Interval:
    """Percentile interval of a figure in each resample (R,); unknown ones are not finite."""
    known = values[np.isfinite(values)]
    if len(known) < LEAST_KNOWN * len(values):
        return None
    tail = (100 - COVERED) / 2
    return [float(edge) for edge in np.percentile(known, [tail, 100 - tail])]


def means(blocks: Blocks, values: np.ndarray) -> np.ndarray:
    """Mean of the known rows of values (L, ...) in each resample, (R, ...)."""
    known = np.isfinite(values)
    count, total = blocks.sums(known.astype(float)), blocks.sums(np.where(known, values, 0.0))
    return divided(total, count)


def ratios(blocks: Blocks, values: np.ndarray, real: np.ndarray) -> np.ndarray:
    """(R,) sum of values over sum of real ones, of the rows (L,) in which both are known."""
    known = np.isfinite(values) & np.isfinite(real)
    parts = np.stack([np.where(known, each, 0.0) for each in (values, real)], axis=1)
    return divided(*blocks.sums(parts).T)


def correlations(blocks: Blocks, curves: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Pearson's r of each curve with the real one in each resample.

    Args:
        curves: (L, ...), a curve along the first axis; real: (L,)
    Returns:
        (R, ...), 0 where one of the two never moves, NaN where they share fewer than 3 rows
    """
    real = np.broadcast_to(real.reshape(-1, *[1] * (curves.ndim - 1)), curves.shape)
    known = np.isfinite(curves) & np.isfinite(real)
    a, b = (_centred(each, known) for each in (curves, real))
    moments = np.stack([known, a, b, a * a, b * b, a * b], axis=-1)
    n, sum_a, sum_b, sum_aa, sum_bb, sum_ab = np.moveaxis(blocks.sums(moments), -1, 0)
    spread_a, spread_b = n * sum_aa - sum_a**2, n * sum_bb - sum_b**2
    moves = (spread_a > 1e-9 * n * sum_aa) & (spread_b > 1e-9 * n * sum_bb)
    product = np.sqrt(np.where(moves, spread_a * spread_b, 1.0))
    r = np.where(moves, (n * sum_ab - sum_a * sum_b) / product, 0.0)
    return np.where(n >= 3, r, np.nan)


def spreads(blocks: Blocks, values: np.ndarray, real: np.ndarray) -> np.ndarray:
    """(R,) standard deviation of values over that of real ones, of the rows (L,) with both known.

    NaN where fewer than 3 are known or the real ones never move.
    """
    known = np.isfinite(values) & np.isfinite(real)
    a, b = (_centred(each, known) for each in (values, real))
    n, sum_a, sum_b, sum_aa, sum_bb = blocks.sums(np.stack([known, a, b, a * a, b * b], axis=1)).T
    spread_a, spread_b = n * sum_aa - sum_a**2, n * sum_bb - sum_b**2
    moves = (n >= 3) & (spread_b > 1e-9 * n * sum_bb)
    share = divided(spread_a.clip(min=0), np.where(moves, spread_b, 0.0))
    return np.sqrt(share)


def _centred(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Less the mean of each curve's known rows, 0 where not known: sums of squares stay exact."""
    filled = np.where(known, values, 0.0)
    mean = filled.sum(0) / np.maximum(known.sum(0), 1)
    return np.where(known, filled - mean, 0.0)


def divided(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    """NaN where it is divided by 0."""
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count != 0)
