"""The time by which a recording's audio comes before its picture, and how sure that is.

A predicted opening of the mouth, from the audio alone, is correlated with the filmed one at lags
from -0.6 to 0.6 s; the best lag is the offset. Slow changes are taken out of both curves first:
how widely somebody opens the mouth on average, and what the head's pose leaves in the measurement,
say nothing of time. What is left of syllables is cut off at two deviations, so that no single one
decides.

Signs are those of ITU-R BT.1359: positive when the audio is advanced, so a positive offset is
corrected by delaying the audio by as much.
"""

from dataclasses import dataclass, replace

import numpy as np

MAX_LAG = 0.6  # seconds that audio and picture may be apart to be found
STEPS = 4  # lags a frame
SLOW = 0.28  # seconds on either side, whose weighted mean (Hann) is subtracted
MOST_DEVIATIONS = 2.0  # of what is left; beyond it is cut off
STILL = 1e-9  # of the largest value: a deviation below it is rounding
LEAST_SECONDS = 4.0  # with a face, below which nothing is said
# Of the best correlations of audio that belongs to other pictures, 97 % stay below this over the
# square root of the seconds, for excerpts of 5 to 16 s alike (docs/alignment.md).
CHANCE = 1.0
WRONG_LAGS = 100  # at most, beyond twice MAX_LAG, of the audio turned around a circle
BLOCK = 0.5  # seconds that are resampled together
RESAMPLES = 1000
COVERAGE = 95  # percent of the intervals
NEAR = 0.12  # seconds around the best lag within which a resample's best lag is looked for
# Standard deviation of the offset between people who are equally in step: 14 ms among eight of the
# GRID corpus whom the base did not know, 3 s each, whose own uncertainty is in it.
SPREAD = 0.014  # seconds
WIDEST = 0.1  # seconds between the ends of an interval that is certain to about a frame


@dataclass(frozen=True)
class Offset:
    """A measured offset; times in seconds, positive where the audio comes before the picture.

    Attributes:
        seconds: the offset; None where it was not measured
        low, high: its 95 % interval: bootstrap over blocks of half a second, and how people differ
        correlation: of predicted and filmed opening at the best lag: the score
        correlation_interval: its 95 % interval
        as_it_is: correlation without any lag
        as_it_is_interval: its 95 % interval
        chance: correlation that audio of other instants reaches
        doubt: why the offset is not to be trusted; empty where it is
        lags, curve: (L,) seconds by which the audio comes after the lips, ascending, and the
            correlation at each
    """

    seconds: float | None
    low: float | None
    high: float | None
    correlation: float
    correlation_interval: tuple[float, float]
    as_it_is: float
    as_it_is_interval: tuple[float, float]
    chance: float
    doubt: str
    lags: np.ndarray
    curve: np.ndarray

    def excludes(self, tolerance: float) -> bool:
        """Whether audio and picture are for certain more than ``tolerance`` seconds apart."""
        if self.doubt or self.low is None or self.high is None:
            return False
        return self.low > tolerance or self.high < -tolerance

    def delayed(self, seconds: float) -> "Offset":
        """The offset that is left when the audio is delayed by ``seconds``."""
        if self.seconds is None or self.low is None or self.high is None:
            return self
        return replace(
            self,
            seconds=self.seconds - seconds,
            low=self.low - seconds,
            high=self.high - seconds,
        )


def unmeasured(doubt: str) -> Offset:
    """What is known of a recording that was not measured."""
    nothing, unknown = np.zeros(0), (0.0, 0.0)
    return Offset(None, None, None, 0.0, unknown, 0.0, unknown, 0.0, doubt, nothing, nothing)


def measure_offset(
    predicted: np.ndarray, filmed: np.ndarray, fps: float, steps: int = 1, seed: int = 0
) -> Offset:
    """Measure the offset of audio against picture, and how well the lips follow the audio.

    Args:
        predicted: (steps * N,) opening predicted from the audio, in any unit; without NaN
        filmed: (N,) opening of the mouth in the picture, in any unit; NaN where there is no face
        steps: predictions a frame, the first of each in the middle of its frame; 1 is interpolated
        seed: of the bootstrap
    """
    frames = np.flatnonzero(np.isfinite(filmed))
    seconds = len(frames) / fps
    if seconds < LEAST_SECONDS:
        return unmeasured(
            f"only {seconds:.1f} s with a face and audio, {LEAST_SECONDS:.0f} are needed"
        )
    if steps == 1:
        predicted, steps = interpolated(predicted, STEPS), STEPS
    x, y = _quick_part(predicted, steps * fps), _quick_part(filmed, fps)
    reach = round(MAX_LAG * fps) * steps
    shifts = np.arange(-reach, reach + 1)
    lags = shifts / (steps * fps)
    _, block = np.unique((frames / (BLOCK * fps)).astype(int), return_inverse=True)
    sums = _sums(x, y, frames, steps, shifts, block)  # (blocks, L, 3)
    curve = _correlations(sums.sum(0))
    best = int(curve.argmax())
    chance = max(CHANCE / np.sqrt(seconds), _best_of_wrong_lags(x, y, frames, steps, reach))
    draw = np.random.default_rng(seed)
    counts = draw.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), RESAMPLES)
    curves = _correlations(np.tensordot(counts.astype(float), sums, 1))  # (R, L)
    near = round(NEAR * steps * fps)
    around = slice(max(0, best - near), best + near + 1)
    peaks = _peaks(lags[around], curves[:, around])
    low, high = _interval(draw.normal(0, SPREAD, RESAMPLES) - peaks)
    doubt = ""
    if curve[best] <= chance:
        doubt = (
            "the lips go with the audio no better than with that of other instants (correlation "
            f"{curve[best]:.2f}, by chance up to {chance:.2f})"
        )
    elif not 0 < best < len(curve) - 1:
        doubt = f"they may be more than {MAX_LAG} s apart, the most that is looked for"
    elif high - low > WIDEST:
        doubt = f"it lies anywhere from {low * 1e3:.0f} to {high * 1e3:.0f} ms"
    return Offset(
        seconds=float(-_peaks(lags, curve[None])[0]),
        low=low,
        high=high,
        correlation=float(curve[best]),
        correlation_interval=_interval(curves[:, best]),
        as_it_is=float(curve[reach]),
        as_it_is_interval=_interval(curves[:, reach]),
        chance=float(chance),
        doubt=doubt,
        lags=lags,
        curve=curve,
    )


def interpolated(values: np.ndarray, steps: int) -> np.ndarray:
    """Values (N,) of frames, at ``steps`` instants from each frame on: (steps * N,); cubic."""
    from scipy.interpolate import CubicSpline

    instants = np.minimum(np.arange(steps * len(values)) / steps, len(values) - 1)
    return CubicSpline(np.arange(len(values)), values)(instants)


def _quick_part(values: np.ndarray, rate: float) -> np.ndarray:
    """Values (n,), ``rate`` a second, without slow changes and outliers; NaN stay.

    Returned in units of their standard deviation.
    """
    kernel = np.hanning(2 * round(SLOW * rate) + 1)
    known = np.isfinite(values)
    total = np.convolve(np.where(known, values, 0.0), kernel, "full")
    weight = np.convolve(known.astype(float), kernel, "full")
    middle = slice(len(kernel) // 2, len(kernel) // 2 + len(values))
    quick = values - total[middle] / np.maximum(weight[middle], 1e-9)
    deviation = quick[known].std()
    if deviation <= STILL * np.abs(values[known]).max():
        return np.where(known, 0.0, np.nan)
    return np.clip(quick / deviation, -MOST_DEVIATIONS, MOST_DEVIATIONS)


def _sums(
    x: np.ndarray,
    y: np.ndarray,
    frames: np.ndarray,
    steps: int,
    shifts: np.ndarray,
    block: np.ndarray,
) -> np.ndarray:
    """Sums over blocks of x squared, y squared and x times y: (blocks, L, 3).

    frames: (F,) of y that are known; block: (F,) number of each frame's block
    """
    found = np.zeros((block.max() + 1, len(shifts), 3))
    for place, shift in enumerate(shifts):
        index = steps * frames + shift
        inside = (index >= 0) & (index < len(x))
        a, b, where = x[index[inside]], y[frames[inside]], block[inside]
        for number, product in enumerate((a * a, b * b, a * b)):
            found[:, place, number] = np.bincount(where, product, len(found))
    return found


def _correlations(sums: np.ndarray) -> np.ndarray:
    """(..., 3) -> (...); 0 where one of the two never moves."""
    xx, yy, xy = np.moveaxis(sums, -1, 0)
    both = np.sqrt(xx * yy)
    return np.divide(xy, both, out=np.zeros_like(both), where=both > 1e-12)


def _best_of_wrong_lags(
    x: np.ndarray, y: np.ndarray, frames: np.ndarray, steps: int, reach: int
) -> float:
    """The best correlation with x turned around a circle by more than twice the reach."""
    most = len(x) - 2 * reach
    if most < 2 * reach:
        return 0.0
    shifts = np.unique(np.linspace(2 * reach, most, WRONG_LAGS).round().astype(int))
    turned = np.concatenate([x, x])
    sums = _sums(turned, y, frames, steps, shifts, np.zeros(len(frames), int))
    return float(_correlations(sums[0]).max())


def _peaks(lags: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """The lag of the best point of each curve (R, L), between lags by a parabola: (R,)."""
    best = curves.argmax(1)
    rows = np.arange(len(curves))
    middle = np.clip(best, 1, len(lags) - 2)
    before, at, after = (curves[rows, middle + near] for near in (-1, 0, 1))
    bend = before - 2 * at + after
    inside = (middle == best) & (bend < 0)
    aside = np.divide(before - after, 2 * bend, out=np.zeros(len(curves)), where=inside)
    return lags[best] + aside * (lags[1] - lags[0])


def _interval(values: np.ndarray) -> tuple[float, float]:
    tail = (100 - COVERAGE) / 2
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)
