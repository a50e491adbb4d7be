"""What is seen between the lips: dark, upper teeth, tongue, a hint of lower teeth.

Upper teeth are the portrait's own and stay where the portrait has them. Lower teeth are the same
row upside down, a little above the lower lip, and come into sight when the mouth is wide open.
"""

import numpy as np
from numpy.typing import NDArray

from lipsync.sample.lips import Lips, LipShape
from lipsync.sample.texture import Floats, mix, ramp, sample

SEAM = 0.45  # pixels that the dark line of closed lips reaches beyond each inside edge
TEETH_INSET = 1.5  # pixels of the portrait's lower lip that its lower inside edge takes in
LOWER_TEETH = 0.075  # height over the resting width
LOWER_TEETH_SHADE = np.array([0.60, 0.50, 0.44])  # of the upper teeth's colour
CAVITY = np.array([44.0, 17.0, 16.0])  # RGB 0..255
ROUND_HIDES = 0.9  # of the upper teeth's height, behind rounded lips
ROUND_SHADES = 0.4  # of the upper teeth's light, behind rounded lips
TONGUE = np.array([150.0, 70.0, 66.0])
LIP_SHADOW = 0.035  # over the resting width: how far the upper lip's shadow reaches


def paint(
    lips: Lips, shape: LipShape, texture: NDArray[np.float32], positions: Floats
) -> tuple[Floats, Floats]:
    """Colour (..., 3) RGB 0..255 and cover (...) 0..1 at ``positions`` (..., 2).

    Positions are picture coordinates of the head at rest.
    """
    place = lips.to_frame(positions)
    x, y = place[..., 0], place[..., 1]
    _, upper, lower, _ = lips.curves(shape)
    top = np.interp(x, upper[:, 0], upper[:, 1])
    bottom = np.interp(x, lower[:, 0], lower[:, 1])
    half = upper[-1, 0]
    side = np.clip(np.abs(x) / half, 0.0, 1.0)
    height = bottom - top
    seam = SEAM * (1 - side**4)
    cover = (
        np.clip(y - top + 0.5 + seam, 0.0, 1.0)
        * np.clip(bottom - y + 0.5 + seam, 0.0, 1.0)
        * np.clip(half - np.abs(x) + 0.5, 0.0, 1.0)
    )

    color = np.broadcast_to(CAVITY, (*x.shape, 3)).copy()
    tongue_y = bottom - 0.10 * lips.width * shape.gap
    across, down = x / (0.36 * lips.width), (y - tongue_y) / (0.16 * lips.width)
    tongue = np.exp(-(across**2) * 1.5 - down**2) * ramp(height / lips.width, 0.10, 0.28) * 0.75
    color = mix(color, TONGUE, tongue)

    portrait_lower = lips.portrait[2]
    teeth_end = np.interp(x, portrait_lower[:, 0], portrait_lower[:, 1]) - TEETH_INSET
    rows = bottom - LOWER_TEETH * lips.width
    flipped = np.stack([x, teeth_end - 0.5 - (y - rows)], axis=-1)
    lower_teeth = sample(texture, lips.to_picture(flipped)) * LOWER_TEETH_SHADE
    shown = np.clip(y - rows + 0.5, 0.0, 1.0) * (1 - ramp(side, 0.45, 0.75))
    shown = shown * ramp(height / lips.width, 0.22, 0.34) * 0.8
    color = mix(color, lower_teeth, shown)

    seen_end = teeth_end + ROUND_HIDES * shape.round * (np.minimum(top, teeth_end) - teeth_end)
    shade = 0.62 + 0.38 * np.clip((y - top) / (LIP_SHADOW * lips.width), 0.0, 1.0)
    shade = shade * (1 - 0.55 * side**3) * (1 - ROUND_SHADES * shape.round)
    upper_teeth = sample(texture, positions) * shade[..., None]
    color = mix(color, upper_teeth, np.clip((seen_end - y) / 1.5 + 0.5, 0.0, 1.0))

    line = ramp(height, 0.5, 3.0)  # closed lips: nothing but their dark line
    return mix(np.broadcast_to(CAVITY + 30, color.shape), color, line), cover
