"""Lids that close over the portrait's eyes.

A lid is painted rather than warped: the portrait's upper lids are all lashes and fold, which would
be drawn out into streaks. Its skin is that below the eye, mirrored; its edge carries the lashes.
"""

import numpy as np
from numpy.typing import NDArray

from lipsync.sample.texture import Floats, mix, ramp, sample

# Mesh points of each eye's edges, from left to right in the picture
UPPER_EDGES = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (362, 398, 384, 385, 386, 387, 388, 466, 263),
)
LOWER_EDGES = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133),
    (362, 382, 381, 380, 374, 373, 390, 249, 263),
)

FOLD = 5.5  # pixels above the eye's upper edge where the lid's skin begins
LASHES = 1.4  # pixels, half the thickness of the line of lashes
TINT = np.array([0.97, 0.93, 0.90])  # of the skin, RGB
LASH_COLOR = np.array([62.0, 42.0, 34.0])  # RGB 0..255


class Eye:
    """One eye of mesh points (468, 2); ``side`` 0 is the left one in the picture."""

    def __init__(self, points: Floats, side: int) -> None:
        from scipy.interpolate import PchipInterpolator

        upper, lower = points[list(UPPER_EDGES[side])], points[list(LOWER_EDGES[side])]
        self._ends = (float(upper[0, 0]), float(upper[-1, 0]))
        self._upper = PchipInterpolator(upper[:, 0], upper[:, 1])
        self._lower = PchipInterpolator(lower[:, 0], lower[:, 1])
        both = np.concatenate([upper, lower])
        low, high = both.min(axis=0) - 2 * FOLD, both.max(axis=0) + 2 * FOLD
        self.box = (*np.floor(low).astype(int), *np.ceil(high).astype(int))  # x0, y0, x1, y1

    def paint(
        self, lids: float, texture: NDArray[np.float32], positions: Floats
    ) -> tuple[Floats, Floats]:
        """Colour (..., 3) RGB 0..255 and cover (...) 0..1 at picture ``positions`` (..., 2).

        ``lids`` 0 open .. 1 closed.
        """
        left, right = self._ends
        x, y = np.clip(positions[..., 0], left, right), positions[..., 1]
        across = np.clip((positions[..., 0] - left) / (right - left), 0.0, 1.0)
        upper, lower = self._upper(x), self._lower(x)
        edge = upper + lids * (lower - upper)
        arch = np.sqrt(np.clip(4 * across * (1 - across), 0.0, 1.0))
        begin = upper - FOLD * arch
        mirrored = np.stack([positions[..., 0], lower + 10.0 + 0.5 * (edge - y)], axis=-1)
        skin = sample(texture, mirrored) * TINT
        skin = skin * (1 - 0.10 * np.clip((y - begin) / (edge - begin + 1), 0.0, 1.0))[..., None]
        lash = np.exp(-(((y - edge) / LASHES) ** 2)) * ramp(arch, 0.0, 0.6) * 0.8
        color = mix(skin, LASH_COLOR, lash)
        cover = ramp(y, begin - 1.5, begin + 2.5) * np.clip((edge - y) / 1.5 + 1.0, 0.0, 1.0)
        return color, cover * ramp(arch, 0.0, 0.35) * ramp(np.asarray(lids), 0.0, 0.25)
