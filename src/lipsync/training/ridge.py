"""Ridge regression with a penalty that the data choose: the straight line through speech windows.

Hoerl & Kennard, "Ridge regression: biased estimation for nonorthogonal problems", 1970. The penalty
is chosen by cross-validation over contiguous blocks of frames: neighbouring frames share most of
their speech window, so folds of single frames would find no penalty large enough.
"""

from dataclasses import dataclass

import numpy as np

from lipsync.training.split import evenly

FOLDS = 5  # contiguous, of the frames in their order
PENALTIES = np.logspace(-3, 3, 25)  # of the mean variance of a feature
MOST_FRAMES = 2500  # evenly spaced; the time grows with their cube, and neighbours are alike


@dataclass(frozen=True)
class Line:
    """features (..., D) -> features @ weights (D, C) + offset (C,)"""

    weights: np.ndarray
    offset: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        return features @ self.weights + self.offset


def fit_line(features: np.ndarray, wanted: np.ndarray, frames: np.ndarray, reach: int) -> Line:
    """The line that tells ``wanted`` from ``features``; each column has a penalty of its own.

    Args:
        features: (F, D) float64
        wanted: (F, C)
        frames: (F,) ascending frame numbers of the rows
        reach: frames nearer than this to a fold share its speech; they are not asked about it
    """
    chosen = evenly(np.arange(len(frames)), MOST_FRAMES)
    features, wanted, frames = features[chosen], wanted[chosen], frames[chosen]
    errors = np.zeros((len(PENALTIES), wanted.shape[1]))
    for fold in np.array_split(np.arange(len(frames)), FOLDS):
        if not len(fold):
            continue
        rest = (frames < frames[fold[0]] - reach) | (frames > frames[fold[-1]] + reach)
        if rest.sum() < 2:
            continue
        weights, offset = _fit(features[rest], wanted[rest], PENALTIES)
        guessed = features[fold] @ weights + offset[:, None]  # (P, fold, C)
        errors += np.square(guessed - wanted[fold]).sum(axis=1)
    if not errors.any():  # too few frames to choose by: say as little as possible
        errors[:-1] = 1.0
    best = errors.argmin(axis=0)  # (C,)
    weights, offset = _fit(features, wanted, PENALTIES)
    columns = np.arange(wanted.shape[1])
    return Line(weights[best, :, columns].T, offset[best, columns])


def _fit(
    features: np.ndarray, wanted: np.ndarray, penalties: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (P, D, C) and offsets (P, C) for each penalty, of features (F, D), wanted (F, C).

    All penalties share one eigendecomposition, of the smaller of the two Gram matrices.
    """
    centre, level = features.mean(axis=0), wanted.mean(axis=0)
    x, y = features - centre, wanted - level
    scale = penalties * np.square(x).sum() / x.shape[1]  # (P,)
    wide = len(x) < x.shape[1]
    values, vectors = np.linalg.eigh(x @ x.T if wide else x.T @ x)  # (n,), (n, n)
    turned = vectors.T @ (y if wide else x.T @ y)  # (n, C)
    damped = turned / (values.clip(0)[:, None] + scale[:, None, None])  # (P, n, C)
    basis = x.T @ vectors if wide else vectors  # (D, n)
    weights = basis @ damped  # (P, D, C)
    return weights, level - centre @ weights
