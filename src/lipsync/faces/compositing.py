"""Putting a face back into its picture: RGB where pictures are judged, planes where they are made.

Both blend with the same weights; in planes colour has half the resolution anyway, and whatever the
weight leaves alone stays as it was filmed, to the bit.
"""

import math
from functools import cache

import cv2
import numpy as np

from lipsync.faces.crop import resample
from lipsync.faces.masks import PASTE_START, paste_mask
from lipsync.media.colours import BT709
from lipsync.media.planes import to_yuv_matrix, views

_paste_mask = cache(paste_mask)


def paste(
    frame: np.ndarray, face: np.ndarray, box: np.ndarray, mask: np.ndarray | None = None
) -> np.ndarray:
    """A copy of ``frame`` (H, W, 3) uint8 with ``face`` (S, S, 3) uint8 blended into ``box`` (4,).

    The inverse of `crop.extract`. mask (S, S) float32 0..1 is the weight of the face, `paste_mask`
    where not given; where it is 0 the frame stays as it is, to the bit.
    """
    x0, y0, x1, y1 = (float(value) for value in box)
    left, top = int(np.ceil(x0)), int(np.ceil(y0))  # whole pixels inside the box
    right, bottom = int(np.floor(x1)), int(np.floor(y1))
    result = frame.copy()
    region = result[top:bottom, left:right]
    step = face.shape[0] / (x1 - x0)  # pixels of the face to one of the frame
    where = ((left - x0) * step, (top - y0) * step, step, (bottom - top, right - left))
    weight = resample(_paste_mask(face.shape[0]) if mask is None else mask, *where, smooth=True)
    fitted = resample(face, *where)
    region[:] = cv2.blendLinear(region, fitted, 1 - weight, weight)
    return result


def paste_planes(planes: np.ndarray, face: np.ndarray, box: np.ndarray) -> None:
    """Blend ``face`` (S, S, 3) uint8 RGB into ``box`` (4,) of a picture of ``media.planes``.

    The face becomes luma and colour at its own size, and each is fitted to its own plane.
    """
    size = face.shape[0]
    height, width = planes.shape[0] * 2 // 3, planes.shape[1]
    x0, y0, x1, y1 = (float(value) for value in box)
    begin = y0 + PASTE_START * (y1 - y0) - 1  # the mask is 0 above
    left, top = (max(0, math.floor(edge)) // 2 * 2 for edge in (x0, begin))  # colour's own pixels
    right = min(width, math.ceil(x1 / 2) * 2)
    bottom = min(height, math.ceil(y1 / 2) * 2)
    step = size / (x1 - x0)  # pixels of the face to one of luma
    x, y = (left - x0) * step, (top - y0) * step
    layers = cv2.transform(face, to_yuv_matrix(BT709))  # (S, S, 3)
    luma, u, v = views(planes)
    shape = bottom - top, right - left
    where = [(x, y, step, shape), (x, y, 2 * step, (shape[0] // 2, shape[1] // 2))]
    fine, coarse = (resample(_paste_mask(size), *at, smooth=True) for at in where)
    for layer, (plane, at, weight) in enumerate(
        ((luma, where[0], fine), (u, where[1], coarse), (v, where[1], coarse))
    ):
        fitted = resample(cv2.extractChannel(layers, layer), *at, smooth=plane is not luma)
        rows, columns = weight.shape
        row, column = (top, left) if plane is luma else (top // 2, left // 2)
        region = plane[row : row + rows, column : column + columns]
        region[:] = cv2.blendLinear(np.ascontiguousarray(region), fitted, 1 - weight, weight)
