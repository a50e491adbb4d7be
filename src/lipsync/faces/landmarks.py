"""Which mesh point is what, and measures made of them. Left and right are the person's own.

Measures are those of the picture: of points with a depth they look at x and y alone.

Numbers are those of MediaPipe's canonical face model (468 points).
"""

import numpy as np

POINTS = 468

LIPS_OUTER = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375),  # lower edge, right corner to left
    *(291, 409, 270, 269, 267, 0, 37, 39, 40, 185),  # upper edge, back
)
LIPS_INNER = (
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324),
    *(308, 415, 310, 311, 312, 13, 82, 81, 80, 191),
)
LIPS = tuple(sorted({*LIPS_OUTER, *LIPS_INNER}))
UPPER_LIP_INNER, LOWER_LIP_INNER = 13, 14

RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_EYE_OUTER, RIGHT_EYE_INNER = 33, 133
LEFT_EYE_OUTER, LEFT_EYE_INNER = 263, 362

RIGHT_TEMPLE, LEFT_TEMPLE = 127, 356
NOSE_BRIDGE = (168, 6, 197, 195)  # from between the eyes downwards
NOSE_TIP = 1
FOREHEAD = 10
CHIN = 152
JAW = (
    *(127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152),  # right temple to the chin
    *(377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356),  # and up to the left temple
)


def eye_distance(points: np.ndarray) -> np.ndarray:
    """(N,) pixels between the outer eye corners of points (N, 468, 2 or 3)."""
    return _distance(points, RIGHT_EYE_OUTER, LEFT_EYE_OUTER)


def mouth_opening(points: np.ndarray) -> np.ndarray:
    """(N,) gap between the inner lips over the eye distance: 0 closed, about 0.3 wide open.

    Of points (N, 468, 2 or 3); NaN where they are NaN.
    """
    return _distance(points, UPPER_LIP_INNER, LOWER_LIP_INNER) / eye_distance(points)


def mouth_boxes(lips: np.ndarray) -> np.ndarray:
    """(N, 4) x0, y0, x1, y1 around the lips' points (N, 40, 2), in their pixels."""
    return np.concatenate([lips.min(axis=1), lips.max(axis=1)], axis=1)


def _distance(points: np.ndarray, one: int, other: int) -> np.ndarray:
    """(N,) in the picture."""
    return np.linalg.norm(points[:, one, :2] - points[:, other, :2], axis=-1)
