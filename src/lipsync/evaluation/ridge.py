"""What plain statistics can do: mouth opening from the mel spectrogram by ridge regression.

Fitted on the training part, asked about the held-out part. A network that follows the speech less
well than a straight line through the spectrogram has not earned its name. Whatever the speech
encoder is, this hears mel, and of it what the generator hears: the frames past ... future.

Hoerl & Kennard, "Ridge regression: biased estimation for nonorthogonal problems", 1970. The penalty
is chosen by cross-validation over contiguous blocks of the training part: neighbouring frames share
most of their speech window, so folds of single frames would find no penalty large enough.
"""

import numpy as np

from lipsync.evaluation.heldout import evenly
from lipsync.speech.windows import speech_windows
from lipsync.training.split import Split, limit_training

FOLDS = 5  # contiguous, of the training frames in their order
PENALTIES = np.logspace(-3, 3, 25)  # of the mean variance of a feature
LEAST_FRAMES = 60  # with fewer, folds and the gaps beside them leave nothing to fit on
MOST_FRAMES = 2500  # evenly spaced; the time grows with their cube, and neighbours are alike


def fitted_frames(
    valid: np.ndarray, seen: np.ndarray, split: Split, most: int | None
) -> np.ndarray:
    """Frames to fit on: lips were seen there, and the trainings use them.

    Args:
        valid, seen: (N,) bool as of ``PersonData``
        most: ``frames.max_count``
    Returns:
        (F,) int64 ascending, all in the training part
    """
    used = seen & limit_training(valid, split, most)
    return np.flatnonzero(used[: split.training_end])


def predict_opening(
    mel: np.ndarray,
    opening: np.ndarray,
    fitted: np.ndarray,
    asked: np.ndarray,
    past: int,
    future: int,
) -> np.ndarray:
    """Mouth opening of the frames ``asked``, from the sound around them.

    Args:
        mel: (N, 320) float32 rows of ``speech.mel``
        opening: (N,) over the eye distance, NaN where not known
        fitted: (F,) ascending frames of the training part whose opening was seen
        asked: (A,) frames
        past, future: frames of sound before and after a frame
    Returns:
        (A,); all NaN where fewer than 60 frames can be fitted on
    """
    fitted = fitted[np.isfinite(opening[fitted])]
    if len(fitted) < LEAST_FRAMES:
        return np.full(len(asked), np.nan)
    fitted = evenly(fitted, MOST_FRAMES)
    features, wanted = _features(mel, fitted, past, future), opening[fitted]
    errors = np.zeros(len(PENALTIES))
    for fold in np.array_split(np.arange(len(fitted)), FOLDS):
        # Windows of frames so near to the fold hear some of its speech.
        first, last = fitted[fold[0]] - past - future, fitted[fold[-1]] + past + future
        rest = (fitted < first) | (fitted > last)
        if rest.sum() < 2:
            continue
        guessed = _fit(features[rest], wanted[rest], PENALTIES, features[fold])  # (P, fold)
        errors += np.square(guessed - wanted[fold]).sum(axis=1)
    best = PENALTIES[errors.argmin()]
    asked_features = _features(mel, asked, past, future)
    return _fit(features, wanted, np.array([best]), asked_features)[0]


def _features(mel: np.ndarray, frames: np.ndarray, past: int, future: int) -> np.ndarray:
    """(B, (past + 1 + future) x 320) float64; silence, which is 0 in mel, beyond the ends."""
    windows = speech_windows(mel, np.zeros_like(mel[0]), frames, past, future)  # (B, T, 320)
    return windows.reshape(len(frames), -1).astype(np.float64)


def _fit(
    features: np.ndarray, wanted: np.ndarray, penalties: np.ndarray, asked: np.ndarray
) -> np.ndarray:
    """What ridge regression with each penalty says of asked (A, D): (P, A).

    Fitted on features (F, D) and wanted (F,). All penalties share one eigendecomposition, of the
    smaller of the two Gram matrices.
    """
    centre, level = features.mean(axis=0), wanted.mean()
    x, y, new = features - centre, wanted - level, asked - centre
    scale = penalties * np.square(x).sum() / x.shape[1]  # (P,)
    if len(x) < x.shape[1]:
        values, vectors = np.linalg.eigh(x @ x.T)  # (F,), (F, F)
        weights = (vectors.T @ y)[:, None] / (values.clip(0)[:, None] + scale)  # (F, P)
        return level + ((new @ x.T) @ (vectors @ weights)).T
    values, vectors = np.linalg.eigh(x.T @ x)  # (D,), (D, D)
    weights = (vectors.T @ (x.T @ y))[:, None] / (values.clip(0)[:, None] + scale)  # (D, P)
    return level + (new @ (vectors @ weights)).T
