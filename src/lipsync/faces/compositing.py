"""Putting a face back into its picture: RGB where pictures are judged, planes where they are made.

Both blend with the same weights; in planes colour has half the resolution anyway, and whatever the
weight leaves alone stays as it was filmed, to the bit.
"""

from functools import cache

import cv2
import numpy as np

from lipsync.faces.crop import resample
from lipsync.faces.masks import paste_mask
from lipsync.media.planes import Area, from_rgb, rgb_of, views

KERNEL = 4  # pixels beyond the box that its resampling looks at

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
    fitted, weight = _fitted(face, box, mask, (top, left, bottom, right))
    region[:] = cv2.blendLinear(region, fitted, 1 - weight, weight)
    return result


def paste_planes(planes: np.ndarray, face: np.ndarray, box: np.ndarray) -> None:
    """Blend ``face`` (S, S, 3) uint8 RGB into ``box`` (4,) of a picture of ``media.planes``."""
    area = _even_area(box, planes.shape, margin=0)
    fitted, weight = _fitted(face, box, None, area)
    half = cv2.resize(weight, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    pieces = zip(views(planes, area), views(from_rgb(fitted)), (weight, half, half), strict=True)
    for old, new, share in pieces:
        old[:] = cv2.blendLinear(np.ascontiguousarray(old), new, 1 - share, share)


def extract_planes(planes: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    """`crop.extract` from a picture of ``media.planes``: (size, size, 3) uint8 RGB."""
    area = _even_area(box, planes.shape, margin=KERNEL)
    x0, y0, x1, _ = (float(value) for value in box)
    step = (x1 - x0) / size
    return resample(rgb_of(planes, area), x0 - area[1], y0 - area[0], step, (size, size))


def _fitted(
    face: np.ndarray, box: np.ndarray, mask: np.ndarray | None, area: Area
) -> tuple[np.ndarray, np.ndarray]:
    """The face (h, w, 3) and its weight (h, w) at the pixels of ``area``."""
    size = face.shape[0]
    x0, y0, x1, _ = (float(value) for value in box)
    top, left, bottom, right = area
    step = size / (x1 - x0)  # pixels of the face to one of the frame
    where = ((left - x0) * step, (top - y0) * step, step, (bottom - top, right - left))
    weight = resample(_paste_mask(size) if mask is None else mask, *where)
    return resample(face, *where), np.clip(weight, 0, 1)


def _even_area(box: np.ndarray, shape: tuple[int, ...], margin: int) -> Area:
    """Whole pixels around the box, on even numbers, within planes of ``shape``."""
    height, width = shape[0] * 2 // 3, shape[1]
    left, top = (max(0, int(np.floor(edge)) - margin) // 2 * 2 for edge in box[:2])
    right, bottom = (int(np.ceil(edge)) + margin for edge in box[2:])
    right, bottom = (
        min(limit, edge + edge % 2) for limit, edge in ((width, right), (height, bottom))
    )
    return top, left, bottom, right
