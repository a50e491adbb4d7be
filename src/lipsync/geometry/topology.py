"""Which vertices speech does not move, a ring of vertices around the face, and the triangles.

The mesh ends at the jaw, but hair, throat and collar beside it are warped and blended too. So the
face is surrounded by a ring of further vertices that follow the head's pose and no expression:
``RING`` of them, a copy of the face's outline, moved outwards from its middle.
"""

import numpy as np

from lipsync.faces.landmarks import POINTS

# Forehead, temples, eye corners, bridge of the nose.
RIGID = (
    *(10, 67, 297, 103, 332, 54, 284, 162, 389, 127, 356),
    *(33, 133, 362, 263, 168, 6, 197, 195),
)
OUTLINE = (  # of the face, from the forehead down its left side and up its right one
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
RING = len(OUTLINE)  # vertices POINTS ... POINTS + RING - 1
RING_SCALE = 1.35  # of the outline's distance from the middle of the face
NOSE_TIP, NOSE_BASE = 4, 2
LIP_WEIGHT = 3.0  # of a lip's displacement in principal components; other vertices count 1

LOWER_LIP_INNER_EDGE = (95, 88, 178, 87, 14, 317, 402, 318, 324)
OPENED = 0.02  # eye distances by which the lower lip's inner edge is lowered to triangulate

# Where the new face is pasted: around the mouth, in units of the eye distance.
BLEND_ABOVE, BLEND_BELOW = 0.58, 0.95  # reach from the middle of the lips, where the weight is 0
BLEND_ASIDE = 0.80
BLEND_FADE = 0.35  # share of the reach over which the weight falls from 1 to 0


def with_ring(shape: np.ndarray) -> np.ndarray:
    """Add the ring to a mean shape: (468, 3) -> (504, 3)."""
    outline = shape[list(OUTLINE)]
    middle = outline.mean(0)
    ring = middle + RING_SCALE * (outline - middle)
    ring[:, 2] = outline[:, 2]  # as deep as the outline
    return np.concatenate([shape, ring])


def triangulate(shape: np.ndarray) -> np.ndarray:
    """Triangles (T, 3) int32 over the 504 vertices of a mean shape (504, 3), seen from the front.

    Of the shape with its mouth opened: else closed lips could be joined across the gap.
    """
    from scipy.spatial import Delaunay  # of the extra `train`

    flat = shape[:, :2].copy()
    flat[list(LOWER_LIP_INNER_EDGE), 1] += OPENED
    return Delaunay(flat).simplices.astype(np.int32)


def speech_weight(shape: np.ndarray) -> np.ndarray:
    """(504,) float64: share of each vertex's displacement that counts as expression.

    0 above the tip of the nose and on the ring, 1 below the base of the nose.
    """
    top, full = shape[NOSE_TIP, 1], shape[NOSE_BASE, 1]
    weight = _rise((shape[:, 1] - top) / (full - top))
    weight[POINTS:] = 0
    return weight


def blend_weights(shape: np.ndarray) -> np.ndarray:
    """(504, 2) float32: weight of the new face at each vertex, 1 around the mouth, 0 at the ring.

    The first within an oval that ends in a point below the chin: it leaves out the corners of the
    jaw, beside which hair, throat and collar begin. The second within the whole oval, for where the
    wanted jaw is elsewhere than the filmed one.
    """
    dx, dy = (shape[:, :2] - shape[[13, 14], :2].mean(0)).T
    reach = np.where(dy < 0, BLEND_ABOVE, BLEND_BELOW)
    across, down = np.abs(dx) / BLEND_ASIDE, np.abs(dy) / reach
    oval = np.hypot(across, down)
    pointed = np.where(dy < 0, oval, across + down)
    weight = _rise((1 - np.stack([pointed, oval], axis=1)) / BLEND_FADE)
    weight[POINTS:] = 0
    return weight.astype(np.float32)


def _rise(x: np.ndarray) -> np.ndarray:
    """0 up to 0, 1 from 1 on, smooth between."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)
