"""What plain statistics can do: mouth opening from the mel spectrogram by ridge regression.

Fitted on the training part, asked about the held-out part. A network that follows the speech less
well than ridge regression has not earned its name. Whatever the speech
encoder is, this hears mel, and of it what the motion network hears: the frames past ... future.
"""

import numpy as np

from lipsync.speech.windows import speech_windows
from lipsync.training.ridge import fit_line
from lipsync.training.split import Split, limit_training

LEAST_FRAMES = 60  # with fewer, folds and the gaps beside them leave nothing to fit on


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
    features = _features(mel, fitted, past, future)
    line = fit_line(features, opening[fitted, None], fitted, reach=past + future)
    return line(_features(mel, asked, past, future))[:, 0]


def _features(mel: np.ndarray, frames: np.ndarray, past: int, future: int) -> np.ndarray:
    """(B, (past + 1 + future) x 320) float64; silence, which is 0 in mel, beyond the ends."""
    windows = speech_windows(mel, np.zeros_like(mel[0]), frames, past, future)  # (B, T, 320)
    return windows.reshape(len(frames), -1).astype(np.float64)
