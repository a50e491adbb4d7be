"""Putting a face back into its picture."""

from functools import cache

import cv2
import numpy as np

from lipsync.faces.crop import resample
from lipsync.faces.masks import paste_mask

_paste_mask = cache(paste_mask)


def paste(
    frame: np.ndarray, face: np.ndarray, box: np.ndarray, mask: np.ndarray | None = None
) -> np.ndarray:
    """A copy of ``frame`` (H, W, 3) uint8 with ``face`` (S, S, 3) uint8 blended into ``box`` (4,).

    The inverse of `crop.extract`. mask (S, S) float32 0..1 is the weight of the face, `paste_mask`
    where not given; where it is 0 the frame stays as it is, to the bit.
    """
    size = face.shape[0]
    if mask is None:
        mask = _paste_mask(size)
    x0, y0, x1, y1 = (float(value) for value in box)
    left, top = int(np.ceil(x0)), int(np.ceil(y0))  # whole pixels inside the box
    right, bottom = int(np.floor(x1)), int(np.floor(y1))
    step = size / (x1 - x0)  # pixels of the face to one of the frame
    where = ((left - x0) * step, (top - y0) * step, step, (bottom - top, right - left))

    result = frame.copy()
    region = result[top:bottom, left:right]
    weight = np.clip(resample(mask, *where), 0, 1)
    region[:] = cv2.blendLinear(region, resample(face, *where), 1 - weight, weight)
    return result
