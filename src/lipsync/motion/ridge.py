"""Ridge regression from speech windows to expressions.

Hoerl & Kennard, "Ridge regression: biased estimation for nonorthogonal problems", 1970. A row is
first reduced to its principal components, because a window of rows has thousands of features. The
penalty is chosen by predictions of the folds, each by the regression over the others: the largest
of those whose predictions go about best with the real opening of the mouth. Beside the frames it
learns windows of other levels, which say the same.
"""

from dataclasses import dataclass

import numpy as np
import torch

from lipsync.motion.data import MotionData
from lipsync.motion.model import MotionNet
from lipsync.motion.params import MotionParams
from lipsync.motion.targets import Targets
from lipsync.speech.windows import speech_windows

AS_GOOD = 0.02  # of r; differences smaller than this are chance
PENALTIES = np.logspace(-2, 0.5, 11)  # of the mean variance of a feature


@dataclass(frozen=True)
class Ridge:
    """A fitted regression, and its predictions of the frames that it did not learn from.

    Attributes:
        projection: (D, C), weights: (K C, E), offset: (E,) float64, as ``MotionNet`` holds them
        out_of_fold: (N, E) float64; only the frames of the targets are filled in
    """

    projection: np.ndarray
    weights: np.ndarray
    offset: np.ndarray
    out_of_fold: np.ndarray


def fit_ridge(model: MotionNet, data: MotionData, targets: Targets, params: MotionParams) -> Ridge:
    """Fit over the training part; ``model`` has its standardisation already."""
    rows = data.speech[data.past : data.past + data.frames].cpu().numpy()
    silence = data.silence.cpu().numpy()

    def features(rows: np.ndarray, around: np.ndarray, quiet: np.ndarray) -> np.ndarray:
        """Windows of projected rows around frames, flat: (B, K C) float64."""
        windows = speech_windows(
            project(model, rows, projection),
            project(model, quiet, projection),
            around,
            model.past,
            model.future,
        )
        return windows.reshape(len(around), -1).astype(np.float64)

    # Components of rows as they vary: with equal shares, features that hardly vary would be heard.
    scale = model.standardize.deviation.cpu().numpy()[:, None]  # (D, 1)
    known = standardized(model, rows[targets.frames]) * scale.T
    projection = scale * np.linalg.svd(known, full_matrices=False)[2][: model.projection.shape[1]].T
    levels = [rows]
    if data.per_decibel and params.gain:
        for decibels in (-params.gain, params.gain):
            louder = (rows + np.float32(decibels * data.per_decibel)).clip(0)
            levels.append(np.where(rows > 0, louder, rows))
    inputs = [features(level, np.arange(data.frames), silence) for level in levels]
    weight = 1 + params.closed * targets.closed

    def fit(frames: np.ndarray, penalties: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return fit_weighted(
            np.concatenate([x[frames] for x in inputs]),
            np.concatenate([targets.expression[frames]] * len(levels)),
            np.concatenate([weight[frames]] * len(levels)),
            penalties,
        )

    predictions = np.zeros((len(PENALTIES), *targets.expression.shape))
    for fold in targets.folds:
        learned = fold.others if len(fold.others) > 1 else targets.frames
        weights, offset = fit(learned, PENALTIES)
        predictions[:, fold.frames] = inputs[0][fold.frames] @ weights + offset[:, None]
    found = [
        targets.agreement(targets.gaps(prediction[targets.frames])) for prediction in predictions
    ]
    best = max(i for i, r in enumerate(found) if r >= max(found) - AS_GOOD)
    weights, offset = fit(targets.frames, PENALTIES[best : best + 1])
    return Ridge(projection, weights[0], offset[0], predictions[best])


def standardized(model: MotionNet, rows: np.ndarray) -> np.ndarray:
    """As ``MotionNet.standardized``, of arrays."""
    with torch.no_grad():
        device = model.centre.device
        found: np.ndarray = model.standardized(torch.from_numpy(rows).to(device)).cpu().numpy()
    return found


def project(model: MotionNet, rows: np.ndarray, projection: np.ndarray) -> np.ndarray:
    """Principal components (..., C) of rows (..., D)."""
    found: np.ndarray = standardized(model, rows) @ projection
    return found


def fit_weighted(
    features: np.ndarray, wanted: np.ndarray, weight: np.ndarray, penalties: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ridge regression of weighted examples, for several penalties at once.

    Args:
        features: (F, D)
        wanted: (F, E)
        weight: (F,)
        penalties: (P,) of the mean variance of a feature
    Returns:
        weights (P, D, E) and offsets (P, E)
    """
    share = weight / weight.sum()
    centre, level = share @ features, share @ wanted
    x, y = features - centre, wanted - level
    gram = (x * share[:, None]).T @ x  # (D, D)
    values, vectors = np.linalg.eigh(gram)
    turned = vectors.T @ ((x * share[:, None]).T @ y)  # (D, E)
    scale = penalties * max(np.trace(gram) / len(gram), 1e-12)  # (P,)
    damped = turned / (values.clip(0)[:, None] + scale[:, None, None])  # (P, D, E)
    weights = vectors @ damped
    return weights, level - centre @ weights


@torch.no_grad()
def take_ridge(model: MotionNet, ridge: Ridge) -> None:
    """Let ``model`` hold a fitted regression."""
    for name in ("projection", "weights", "offset"):
        model.get_buffer(name).copy_(torch.from_numpy(getattr(ridge, name)).float())
