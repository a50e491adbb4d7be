"""Two masks in crop coordinates, functions of the crop's size alone.

The line of the eyes lies `crop.EYE_LINE` (0.175) of the side below the top. `visible_mask` ends
just below the lower lids: jaw, chin, cheeks and throat would tell the refiner what the mouth
does. `paste_mask` begins below that, is 1 over nose tip, cheeks, jaw and open chin, and runs out
wide.
"""

import numpy as np

VISIBLE_END = 0.245  # of the side, from the top: nothing is seen below
VISIBLE_FADE = 0.02  # of the side, above VISIBLE_END
PASTE_START = 0.26  # of the side, from the top: the frame's own lower lids stay when the head nods
PASTE_FADE_TOP = 0.09  # of the side, below PASTE_START
PASTE_FADE = 0.22  # of the half axes of the pasted oval
OVAL_POWER = 2.8  # 2 is an ellipse, more is boxier


def visible_rows(size: int) -> int:
    """Rows from the top of a crop of ``size`` in which something of the frame is visible."""
    return int(np.ceil(VISIBLE_END * size - 0.5))  # of pixels whose middle lies above the end


def visible_mask(size: int) -> np.ndarray:
    """(size, size) float32: 1 where the generator may see the target frame, 0 from 0.245 down."""
    y = (np.arange(size) + 0.5) / size
    rows = _rise((VISIBLE_END - y) / VISIBLE_FADE)
    return np.tile(rows[:, None], (1, size)).astype(np.float32)


def paste_mask(size: int) -> np.ndarray:
    """(size, size) float32: weight of the new face; 0 at the border and where the frame is seen."""
    steps = (np.arange(size) + 0.5) / size
    from_top = _rise((steps - PASTE_START) / PASTE_FADE_TOP)
    # An oval that ends inside the outermost pixels: their centres are half a pixel from the edge.
    away = (np.abs(steps - 0.5) / (0.5 - 1 / size)) ** OVAL_POWER
    radius = (away[None, :] + away[:, None]) ** (1 / OVAL_POWER)
    return (_rise((1 - radius) / PASTE_FADE) * from_top[:, None]).astype(np.float32)


def _rise(x: np.ndarray) -> np.ndarray:
    """0 up to 0, 1 from 1 on, smooth between, with level ends."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)
