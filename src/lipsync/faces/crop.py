"""The square that is cut out of each picture, and the way in and out of its coordinates.

The box is made of points that stay when the mouth moves: temples, eye corners, bridge of the nose.
Its side is SIDE times the distance of the temples; the line of the eyes lies EYE_LINE of the side
below its top, so it begins above the brows and ends below the chin of a wide-open mouth. It follows
a tilted head (the chin swings aside) but is never turned itself.

Boxes are smoothed over time by fitting a straight line through each frame's neighbours, weighted by
a Gaussian that has 95 % of its weight within `crop.smoothing` seconds; the side over SIDE_STEADIER
times as long. The fit is symmetric, so it does not lag; it needs no padding at the ends and no
filling of frames without a face. Neighbours are those of the same shot: the box leaps at a cut.
"""

import cv2
import numpy as np

from lipsync.faces.landmarks import (
    LEFT_EYE_INNER,
    LEFT_EYE_OUTER,
    LEFT_TEMPLE,
    NOSE_BRIDGE,
    RIGHT_EYE_INNER,
    RIGHT_EYE_OUTER,
    RIGHT_TEMPLE,
)
from lipsync.faces.shots import shot_numbers, shot_ranges
from lipsync.media.colours import BT709
from lipsync.media.planes import to_rgb_matrix, views

SIDE = 1.36  # of the distance between the temples
EYE_LINE = 0.175  # of the side, from the top
SIDE_STEADIER = 4.0  # the side is smoothed over so many times `crop.smoothing`
EYE_CORNERS = (RIGHT_EYE_OUTER, RIGHT_EYE_INNER, LEFT_EYE_INNER, LEFT_EYE_OUTER)
ONE_SHOT = np.zeros(0, np.int64)  # the cuts of a video that has none


def crop_boxes(
    points: np.ndarray,
    valid: np.ndarray,
    width: int,
    height: int,
    fps: float,
    smoothing: float,
    cuts: np.ndarray = ONE_SHOT,
) -> np.ndarray:
    """Square boxes (N, 4) float32 x0, y0, x1, y1 inside a picture of ``width`` x ``height`` pixels.

    points (N, 468, 2 or 3) pixels, of which x and y count, valid (N,) bool with at least one True;
    smoothing in seconds; cuts (C,) frames at which a shot begins. A frame that is not valid gets
    the box of the nearest valid one of its shot, or of all where its shot has none.
    """
    frames = np.flatnonzero(valid)
    centres, sides = _geometry(points[frames, :, :2].astype(np.float64))
    sigma = smoothing * fps / 4  # frames; 95 % of a Gaussian lies within two sigma on either side
    centres = smooth(frames, centres, sigma, cuts)
    sides = smooth(frames, sides, sigma * SIDE_STEADIER, cuts)
    boxes = clamp(centres, sides, width, height)
    return boxes[_nearest(frames, len(points), cuts)].astype(np.float32)


def _nearest(frames: np.ndarray, count: int, cuts: np.ndarray) -> np.ndarray:
    """(count,) places in ``frames`` (K,) ascending of the nearest one, in the same shot if any."""
    nearest = np.searchsorted((frames[:-1] + frames[1:]) / 2, np.arange(count))
    for start, end in shot_ranges(cuts, count):
        first, last = np.searchsorted(frames, (start, end))
        if first < last:
            nearest[start:end] = nearest[start:end].clip(first, last - 1)
    return nearest


def _geometry(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres (N, 2) and sides (N, 1) in pixels of the boxes of points (N, 468, 2), unsmoothed."""
    temples = points[:, [RIGHT_TEMPLE, LEFT_TEMPLE]]
    sides = SIDE * np.linalg.norm(temples[:, 1] - temples[:, 0], axis=-1, keepdims=True)
    eyes = points[:, EYE_CORNERS]
    across = points[:, LEFT_EYE_OUTER] - points[:, RIGHT_EYE_OUTER]
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    down = np.stack([-across[:, 1], across[:, 0]], axis=-1)

    # Sideways the eyes move ahead of the head's middle when it turns, the temples behind it.
    middle = (eyes.mean(axis=1) + temples.mean(axis=1) + points[:, NOSE_BRIDGE].mean(axis=1)) / 3
    height = ((eyes.mean(axis=1) - middle) * down).sum(axis=-1, keepdims=True)
    on_eye_line = middle + height * down
    return on_eye_line + (0.5 - EYE_LINE) * sides * down, sides


def smooth(
    frames: np.ndarray, values: np.ndarray, sigma: float, cuts: np.ndarray = ONE_SHOT
) -> np.ndarray:
    """``values`` (K, D) at frame numbers ``frames`` (K,), smoothed by a local straight line.

    Only within shots, which begin at the frames ``cuts`` (C,).

    Each result is the value at its own frame of the least-squares line through all values, weighted
    by a Gaussian of ``sigma`` frames around it (Nadaraya-Watson's edge bias is what the slope takes
    away; Cleveland 1979, "Robust Locally Weighted Regression").
    """
    if sigma <= 0:
        return values
    result = np.empty_like(values)
    reach = np.ceil(4 * sigma)
    starts = np.searchsorted(frames, frames - reach)
    ends = np.searchsorted(frames, frames + reach, side="right")
    shots = shot_numbers(frames, cuts)
    starts = np.maximum(starts, np.searchsorted(shots, shots))
    ends = np.minimum(ends, np.searchsorted(shots, shots, side="right"))
    for k, (start, end) in enumerate(zip(starts, ends, strict=True)):
        away = (frames[start:end] - frames[k]).astype(np.float64)
        weights = np.exp(-0.5 * (away / sigma) ** 2)
        weights /= weights.sum()
        near = values[start:end]
        mean_away, mean = weights @ away, weights @ near
        spread = weights @ (away - mean_away) ** 2
        slope = (weights * (away - mean_away)) @ near / spread if spread > 0 else 0.0
        result[k] = mean - slope * mean_away
    return result


def clamp(centres: np.ndarray, sides: np.ndarray, width: int, height: int) -> np.ndarray:
    """Boxes (N, 4) with ``centres`` (N, 2) and ``sides`` (N, 1), moved into the picture.

    A box is shrunk only where it is larger than the picture, and then the line of the eyes stays
    at its share of the side, so that the mouth never slips into the visible band.
    """
    fitting = np.minimum(sides, min(width, height))
    corners = centres - fitting / 2
    corners[:, 1:] += (0.5 - EYE_LINE) * (fitting - sides)
    corners = np.clip(corners, 0, np.array([width, height]) - fitting)
    return np.concatenate([corners, corners + fitting], axis=1)


def points_in_crop(points: np.ndarray, boxes: np.ndarray, size: int) -> np.ndarray:
    """Points in the picture's pixels -> (N, P, 2) in pixels of crops of ``size``.

    points (N, P, 2 or 3), of which x and y count; boxes (N, 4)
    """
    sides = boxes[:, None, 2:] - boxes[:, None, :2]
    return (points[..., :2] - boxes[:, None, :2]) / sides * size


def extract(planes: np.ndarray, box: np.ndarray, size: int, rows: int | None = None) -> np.ndarray:
    """The crop (size, size, 3) uint8 RGB of ``box`` (4,) in a picture of ``media.planes``.

    Exact to a fraction of a pixel, and free of aliasing where the box is larger than the crop. With
    ``rows``, only so many from the top are looked at, and black lies below them.
    """
    x0, y0, x1, _ = (float(value) for value in box)
    step, shape = (x1 - x0) / size, (rows or size, size)
    luma, *chroma = views(planes)
    parts = [resample(luma, x0, y0, step, shape)]
    parts += [resample(plane, x0 / 2, y0 / 2, step / 2, shape) for plane in chroma]
    seen = cv2.transform(cv2.merge(parts), to_rgb_matrix(BT709))
    if rows is None:
        return seen
    crop = np.zeros((size, size, 3), np.uint8)
    crop[:rows] = seen
    return crop


def resample(
    picture: np.ndarray,
    x0: float,
    y0: float,
    step: float,
    shape: tuple[int, int],
    *,
    smooth: bool = False,
) -> np.ndarray:
    """Pixels of the given ``shape`` (height, width), ``step`` pixels of ``picture`` apart.

    The first one's top left corner lies at x0, y0. Where a new pixel covers more than one old one,
    several samples are averaged, so that the whole area counts. What is ``smooth`` needs no sharp
    kernel, which takes three times as long.
    """
    samples = max(1, int(np.ceil(step - 1e-6)))  # of a new pixel, along each axis
    step /= samples
    height, width = shape[0] * samples, shape[1] * samples
    shift = 0.5 * step - 0.5  # cv2 counts from pixel centres
    matrix = np.array([[step, 0, x0 + shift], [0, step, y0 + shift]])
    sharp = samples <= 2 and not smooth  # where it shows
    kernel = cv2.INTER_CUBIC if sharp else cv2.INTER_LINEAR
    flags = kernel | cv2.WARP_INVERSE_MAP
    fine = cv2.warpAffine(
        picture, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    if samples == 1:
        return fine
    return cv2.resize(fine, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
