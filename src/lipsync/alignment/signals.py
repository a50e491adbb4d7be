"""What is compared: a narrow stretch of sound, and the lips' shape and movement."""

from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.faces.landmarks import LIPS
from lipsync.speech.mel import BANDS, COLUMNS, MelEncoder

POOLED = 8  # neighbouring mel bands that are averaged: 10 remain, enough to tell vowels
GAPS = ((13, 14), (82, 87), (312, 317))  # points of the inner lips, above and below
CORNERS = (61, 291)
OUTER = (0, 17)  # middle of the upper lip's upper edge, and of the lower lip's lower edge


def read_lips(faces: Path) -> np.ndarray:
    """The lips of faces.npz, (N, 40, 2) float32 crop pixels, NaN where they were not seen.

    Raises LipsyncError if the file is missing or damaged.
    """
    try:
        with np.load(faces) as archive:
            lips, seen = archive["lips"], archive["seen"]
    except FileNotFoundError:
        raise LipsyncError(f"{faces}: no such file; run `dvc repro`") from None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise LipsyncError(f"{faces}: damaged: {error}; run `dvc repro`") from error
    return np.where(seen[:, None, None], lips, np.float32(np.nan))


def sound_columns(sound: np.ndarray, frames: int, fps: float) -> np.ndarray:
    """Log-mel bands, four columns a frame.

    Args:
        sound: (n,) float32 -1..1 at 16 kHz
    Returns:
        (4 frames, 10) float64; column j is centred on (j + 0.5) / (4 fps) seconds
    """
    columns = MelEncoder(fps).encode(sound, frames).reshape(COLUMNS * frames, BANDS)
    return columns.reshape(len(columns), -1, POOLED).mean(2).astype(np.float64)


def lip_movement(lips: np.ndarray) -> np.ndarray:
    """Gap between the inner lips, width, outer height, and the change of each from frame to frame.

    Args:
        lips: (N, 40, 2) points in crop pixels, in the order of ``faces.landmarks.LIPS``
    Returns:
        (N, 6) float64, crop pixels and crop pixels a frame; NaN where the lips or a neighbour's are
    """
    points = lips.astype(np.float64)

    def distance(a: int, b: int) -> np.ndarray:
        return np.linalg.norm(points[:, LIPS.index(a)] - points[:, LIPS.index(b)], axis=1)

    gap = np.mean([distance(*pair) for pair in GAPS], axis=0)
    shape = np.stack([gap, distance(*CORNERS), distance(*OUTER)], axis=1)  # (N, 3)
    change = np.full_like(shape, np.nan)
    change[1:-1] = (shape[2:] - shape[:-2]) / 2
    return np.concatenate([shape, change], axis=1)
