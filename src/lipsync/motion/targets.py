"""What is learned of a person: expressions, how errors are weighed, and folds of the frames."""

from dataclasses import dataclass

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.motion.data import MotionData, width_of
from lipsync.motion.opening import gap_of
from lipsync.training.split import Split

FOLDS = 4  # contiguous parts of the frames; a network learns from the other three
CLOSED = 0.2  # share of the frames whose lips count as closed
SHUT = 0.1  # share of the frames whose mean is the mouth of silence
WIDTH = 0.3  # weight of the mouth's width, of the opening's
MIN_FRAMES = 40  # ten a fold


@dataclass(frozen=True)
class Fold:
    """A part of the training frames.

    Attributes:
        frames: (F,) int64, to be predicted by what did not learn from them
        others: (T,) int64 frames whose speech windows touch none of ``frames``
    """

    frames: np.ndarray
    others: np.ndarray


class Targets:
    """The training part of one person, as the ridge regression and the networks learn it.

    Args:
        weight: of the opening's error, beside that of the expression
        reach: frames nearer than this share speech

    Attributes:
        frames: (T,) int64, valid frames of the training part
        folds: of ``frames``
        expression: (N, E) float64
        gap: (N,) float64, signed gap between the lips
        centre: (E,) float64 mean expression
        closed: (N,) bool, whether a frame's lips count as closed
        resting: (E,) float64, the expression of silence: the mean of the least open frames
        measures: (E, E + 2) float64; errors times this, squared and summed, are the loss
    """

    def __init__(self, data: MotionData, split: Split, weight: float, reach: int) -> None:
        self.frames = np.flatnonzero(data.valid[: split.training_end])
        if len(self.frames) < MIN_FRAMES:
            raise LipsyncError(
                f"motion: a face in only {len(self.frames)} frames of the training part; at least "
                f"{MIN_FRAMES} are needed: use a longer video that shows the face from the front"
            )
        self.expression = data.expression.cpu().numpy().astype(np.float64)
        known = self.expression[self.frames]
        weights, mean_gap = gap_of(data.shape)
        self.gap_weights, self.gap_offset = weights, mean_gap
        self.gap = self.expression @ weights + mean_gap
        self.centre = known.mean(0)
        opening = data.shape.opening(self.expression)
        closed, shut = np.quantile(opening[self.frames], [CLOSED, SHUT])
        self.closed = opening <= closed
        self.resting = known[opening[self.frames] <= shut].mean(0)
        away = known - self.centre
        measures = [np.eye(known.shape[1]) / np.sqrt(np.square(away).sum(1).mean())]
        for direction, share in ((weights, 1.0), (width_of(data.shape), WIDTH)):
            spread = max((away @ direction).std(), 1e-9)
            measures.append(np.sqrt(weight * share) * direction[:, None] / spread)
        self.measures = np.concatenate(measures, axis=1)
        self.folds = make_folds(self.frames, reach)

    def gaps(self, expression: np.ndarray) -> np.ndarray:
        """Signed gaps (B,) of expressions (B, E)."""
        return expression @ self.gap_weights + self.gap_offset

    def agreement(self, gaps: np.ndarray) -> float:
        """Pearson's r of predicted gaps (T,) of ``frames`` and real ones within the folds.

        Each fold's means are taken out: how far the lips are open on average drifts over a video,
        and no speech tells it.
        """
        first, second = np.concatenate(self._centred(gaps), axis=1)
        return _correlation(first, second)

    def fold_agreements(self, gaps: np.ndarray) -> np.ndarray:
        """(F,) the same of each fold by itself."""
        return np.array([_correlation(*pair) for pair in self._centred(gaps)])

    def _centred(self, gaps: np.ndarray) -> list[np.ndarray]:
        """Predicted and real gaps (2, n) of each fold, without their means."""
        pairs, start = [], 0
        for fold in self.folds:
            part, real = gaps[start : start + len(fold.frames)], self.gap[fold.frames]
            pairs.append(np.stack([part - part.mean(), real - real.mean()]))
            start += len(fold.frames)
        return pairs

    @property
    def opening_direction(self) -> np.ndarray:
        """(E,) what the expression does, on average, where the gap is larger by 1."""
        away = self.expression[self.frames] - self.centre
        gap = away @ self.gap_weights
        return away.T @ gap / max(np.square(gap).sum(), 1e-12)


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Of numbers whose means are 0."""
    return float((first @ second) / np.sqrt((first @ first) * (second @ second) + 1e-18))


def make_folds(frames: np.ndarray, reach: int) -> list[Fold]:
    """Contiguous parts of ascending frame numbers (T,), and for each the frames apart from it."""
    folds = []
    for part in np.array_split(frames, FOLDS):
        apart = (frames < part[0] - reach) | (frames > part[-1] + reach)
        folds.append(Fold(part, frames[apart]))
    return folds
