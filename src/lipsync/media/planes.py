"""Pictures as the encoder takes them: bt709 limited-range yuv420p, one array (3 H / 2, W) uint8.

Rows 0 ... H - 1 are luma; below it U and then V, each (H / 2, W / 2), are packed as libav packs
them. Whoever changes a part of a picture leaves all else as it was, to the bit, and nothing is
turned into RGB and back that need not be: of a 1280x720 picture that costs 10 ms of a core each way
in libav. A chroma value is taken to lie in the middle of its four pixels.

The matrices are those of ITU-R BT.709 and BT.601 with the ranges of ITU-T H.273.
"""

from functools import cache

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from lipsync.media.colours import BT709, Colours, colours_of

# Of red and blue in luma
LUMA_WEIGHTS = {Colorspace.ITU709: (0.2126, 0.0722), Colorspace.ITU601: (0.299, 0.114)}
RANGES = {ColorRange.MPEG: (16, 219, 224), ColorRange.JPEG: (0, 255, 255)}  # black, luma, chroma


@cache
def to_yuv_matrix(colours: Colours) -> np.ndarray:
    """(3, 4) float64 of R, G, B, 1 in 0..255 -> Y, U, V as 8-bit codes."""
    red, blue = LUMA_WEIGHTS[colours.matrix]
    black, luma, chroma = RANGES[colours.range]
    y = np.array([red, 1 - red - blue, blue])
    u = (np.array([0.0, 0.0, 1.0]) - y) / (2 * (1 - blue))
    v = (np.array([1.0, 0.0, 0.0]) - y) / (2 * (1 - red))
    scaled = np.stack([luma * y, chroma * u, chroma * v]) / 255
    return np.column_stack([scaled, [black, 128, 128]])


@cache
def to_rgb_matrix(colours: Colours) -> np.ndarray:
    """(3, 4) float64, the inverse of ``to_yuv_matrix``."""
    forward = to_yuv_matrix(colours)
    inverse = np.linalg.inv(forward[:, :3])
    return np.column_stack([inverse, -inverse @ forward[:, 3]])


def to_planes(frame: av.VideoFrame) -> np.ndarray:
    """(3 H / 2, W) of a decoded picture of even size; the caller may change it."""
    colours = colours_of(frame)
    if colours is None:
        frame = frame.reformat(
            format="yuv420p", dst_colorspace=BT709.matrix, dst_color_range=BT709.range
        )
        return frame.to_ndarray()
    planes = frame.to_ndarray()
    return planes if colours == BT709 else _to_bt709(planes, colours)


def _to_bt709(planes: np.ndarray, colours: Colours) -> np.ndarray:
    """From another matrix or range. Grey has no colour in any, so chroma owes nothing to luma."""
    forward, back = to_yuv_matrix(BT709), to_rgb_matrix(colours)
    both = forward[:, :3] @ back[:, :3]  # (3, 3) of Y, U, V
    offset = forward[:, :3] @ back[:, 3] + forward[:, 3]
    luma, *chroma = views(planes)
    pair = cv2.merge(chroma)  # (H / 2, W / 2, 2)
    matrix = np.column_stack([both[1:, 1:], offset[1:]])
    result = np.empty_like(planes)
    new_luma, *new_chroma = views(result)
    for plane, new in zip(new_chroma, cv2.split(cv2.transform(pair, matrix)), strict=True):
        plane[:] = new
    tint = pair.astype(np.float32) @ both[0, 1:].astype(np.float32)  # (H / 2, W / 2)
    tint = cv2.resize(tint, (luma.shape[1], luma.shape[0]), interpolation=cv2.INTER_LINEAR)
    new_luma[:] = np.rint(luma * np.float32(both[0, 0]) + tint + np.float32(offset[0])).clip(0, 255)
    return result


def from_rgb(picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB, H and W even -> (3 H / 2, W)."""
    height, width = picture.shape[:2]
    planes = np.empty((height * 3 // 2, width), np.uint8)
    yuv = cv2.transform(picture, to_yuv_matrix(BT709))  # (H, W, 3)
    luma, *chroma = views(planes)
    luma[:] = yuv[..., 0]
    for channel, plane in zip((1, 2), chroma, strict=True):
        half = (width // 2, height // 2)
        plane[:] = cv2.resize(yuv[..., channel], half, interpolation=cv2.INTER_AREA)
    return planes


def rgb_of(planes: np.ndarray) -> np.ndarray:
    """(3 H / 2, W) -> (H, W, 3) uint8 RGB."""
    luma, *chroma = views(planes)
    size = (luma.shape[1], luma.shape[0])
    wide = [cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in chroma]
    return cv2.transform(cv2.merge([luma, *wide]), to_rgb_matrix(BT709))


def views(planes: np.ndarray) -> list[np.ndarray]:
    """Y (H, W), U and V (H / 2, W / 2) of a picture; writing to them changes it."""
    height, width = planes.shape[0] * 2 // 3, planes.shape[1]
    return [planes[:height], *planes[height:].reshape(2, height // 2, width // 2)]
