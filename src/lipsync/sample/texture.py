"""Small arithmetic of painting that mouth and eyes share."""

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync.sample.portrait import DETAIL

Floats = NDArray[np.float64]


def sample(texture: NDArray[np.float32], positions: Floats) -> Floats:
    """RGB (..., 3) of the portrait's texture at picture coordinates (..., 2)."""
    where = (positions * DETAIL - 0.5).astype(np.float32)
    picked = cv2.remap(
        texture, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return picked.astype(np.float64)


def mix(under: Floats, over: Floats, share: Floats) -> Floats:
    """``under`` (..., 3) with ``over`` laid on it by ``share`` (...) 0..1."""
    return under + (over - under) * share[..., None]


def ramp(value: Floats, start: float | Floats, end: float | Floats) -> Floats:
    """0 below ``start``, 1 above ``end``, smooth between (the cubic 3x² - 2x³)."""
    share = np.clip((value - start) / (end - start), 0.0, 1.0)
    return share * share * (3 - 2 * share)
