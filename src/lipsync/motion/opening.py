"""How widely the mouth opens: predicted gaps between the lips, brought to those that were filmed.

Predictions of least squares move toward the mean, and for a voice that the network does not know
they move less still. So the quantiles of the predicted gaps, over the frames in which somebody
speaks, are mapped to the quantiles of the gaps that were filmed in speech (histogram matching):
a monotone, piecewise linear function of the gap. Gaps up to that of silence stay as they are.

The quantiles of predictions are those of the voice that is heard, up to now, and to begin with
those of the person's own voice. A file is heard for up to a minute beforehand.
"""

from dataclasses import dataclass

import numpy as np

from lipsync.geometry.model import ShapeModel

QUANTILES = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
PRIOR = 25.0  # frames of speech that the person's own predictions count
MEMORY = 1500.0  # frames of speech: time constant of the statistics
STEEPEST = 4.0  # of the function: where the sound tells nothing, more would only enlarge errors
BEYOND = (0.3, 1.5)  # its slope above the last quantile, at least and at most
BINS, REACH = 400, 4.0  # of the histogram: 0 is rest, REACH the last quantile so many times
UPPER, LOWER = 13, 14  # mesh points of the inner lips
LEAST = 1e-4  # eye distances between two quantiles


@dataclass(frozen=True)
class OpeningRange:
    """The gaps between a person's lips, in eye distances.

    Attributes:
        gap_weights: (E,), gap_offset: the signed gap is ``expression @ gap_weights + gap_offset``
        direction: (E,) change of the expression that opens the gap by 1
        rest: gap in silence
        predicted: (Q,) ``QUANTILES`` of predictions for the person's own voice, of speech that
            was not learned from
        filmed: (Q,) of the real gaps in the same frames
    """

    gap_weights: np.ndarray
    gap_offset: float
    direction: np.ndarray
    rest: float
    predicted: np.ndarray
    filmed: np.ndarray


def gap_of(shape: ShapeModel) -> tuple[np.ndarray, float]:
    """The signed gap between the inner lips as a linear function of the expression.

    Unlike ``ShapeModel.opening``, a length, it is negative where the lips pass through each other.

    Returns:
        (E,) float64 weights and the gap of the mean face, in eye distances
    """
    offset = float(shape.mean[LOWER, 1] - shape.mean[UPPER, 1])
    return gap_weights(shape.components), offset


def gap_weights(components: np.ndarray) -> np.ndarray:
    """(E,) float64: what each of some displacements (E, V, 3) adds to the gap."""
    return (components[:, LOWER, 1] - components[:, UPPER, 1]).astype(np.float64)


class OpeningMatcher:
    """Expressions in, expressions with matched openings out, one after the other."""

    def __init__(self, opening: OpeningRange) -> None:
        self._range = opening
        widest = max(float(opening.predicted[-1]) - opening.rest, LEAST * len(QUANTILES))
        self._step = REACH * widest / BINS
        self._counts = np.zeros(BINS)

    def hear(self, expressions: np.ndarray, speaking: np.ndarray) -> None:
        """Learn the quantiles of predictions (B, E) where somebody is speaking, (B,) bool."""
        for gap in self._gaps(expressions)[speaking]:
            self._count(float(gap))

    def match(self, expression: np.ndarray, speaking: bool) -> np.ndarray:
        """A predicted expression (E,), which is learned from first -> (E,) float32."""
        gap = float(self._gaps(expression[None])[0])
        if speaking:
            self._count(gap)
        wanted = OpeningFunction(self._range, self._quantiles())(gap)
        return (expression + self._range.direction * (wanted - gap)).astype(np.float32)

    def _gaps(self, expressions: np.ndarray) -> np.ndarray:
        return expressions @ self._range.gap_weights + self._range.gap_offset

    def _count(self, gap: float) -> None:
        self._counts *= 1 - 1 / MEMORY
        self._counts[int(np.clip((gap - self._range.rest) / self._step, 0, BINS - 1))] += 1

    def _quantiles(self) -> np.ndarray:
        """(Q,) of what was heard, and of the person's own voice before much is."""
        usual, total = self._range.predicted, np.cumsum(self._counts)
        if not total[-1]:
            return usual
        wanted = np.array(QUANTILES) * total[-1]
        place = np.searchsorted(total, wanted)
        below = total[place] - self._counts[place]
        inside = (wanted - below) / self._counts[place]
        found = self._range.rest + (place + inside) * self._step
        return (PRIOR * usual + total[-1] * found) / (PRIOR + total[-1])


class OpeningFunction:
    """Gap -> gap: quantiles of predictions (Q,) become those that were filmed."""

    def __init__(self, opening: OpeningRange, predicted: np.ndarray) -> None:
        rest, steps = opening.rest, LEAST * np.arange(1, len(predicted) + 1)
        ascending = np.maximum.accumulate(np.maximum(predicted - steps, rest)) + steps
        self._from = np.concatenate([[rest], ascending])
        self._to = to = np.maximum(np.concatenate([[rest], opening.filmed]), rest)
        most, middle = STEEPEST * np.diff(self._from), len(to) // 2  # the median
        for i in range(middle - 1, 0, -1):
            to[i] = max(to[i], to[i + 1] - most[i])
        for i in range(1, len(to)):
            to[i] = min(to[i], to[i - 1] + most[i - 1])
        slope = (self._to[-1] - self._to[-2]) / (self._from[-1] - self._from[-2])
        self._beyond = float(np.clip(slope, *BEYOND))

    def __call__(self, gap: float) -> float:
        if gap <= self._from[0]:
            return gap
        if gap > self._from[-1]:
            return float(self._to[-1] + self._beyond * (gap - self._from[-1]))
        return float(np.interp(gap, self._from, self._to))
