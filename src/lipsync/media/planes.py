"""Pictures as the encoder takes them: bt709 limited-range yuv420p, one array (3 H / 2, W) uint8.

Rows 0 ... H - 1 are luma; below it U and then V, each (H / 2, W / 2), are packed as libav packs
them. Whoever changes a part of a picture leaves all else as it was, to the bit, and saves turning a
whole picture into RGB and back.
"""

import av
import numpy as np

from lipsync.media.colours import BT709, MATRIX_TAGS, to_rgb

Area = tuple[int, int, int, int]
"""top, left, bottom, right in pixels, all even"""


def to_planes(frame: av.VideoFrame) -> np.ndarray:
    """(3 H / 2, W) of a decoded picture of even size; the caller may change it."""
    tagged = frame.format.name == "yuv420p" and frame.colorspace == MATRIX_TAGS[BT709.matrix]
    if not (tagged and frame.color_range in (0, BT709.range)):
        frame = frame.reformat(
            format="yuv420p", dst_colorspace=BT709.matrix, dst_color_range=BT709.range
        )
    return frame.to_ndarray()


def from_rgb(picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB, H and W even -> (3 H / 2, W)."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    return frame.reformat(
        format="yuv420p", dst_colorspace=BT709.matrix, dst_color_range=BT709.range
    ).to_ndarray()


def rgb_of(planes: np.ndarray, area: Area | None = None) -> np.ndarray:
    """A part of a picture, or all of it, as (h, w, 3) uint8 RGB."""
    if area is not None:
        parts = [part.reshape(-1) for part in views(planes, area)]
        height, width = area[2] - area[0], area[3] - area[1]
        planes = np.concatenate(parts).reshape(height * 3 // 2, width)
    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    frame.colorspace, frame.color_range = MATRIX_TAGS[BT709.matrix], BT709.range
    return to_rgb(frame)


def views(planes: np.ndarray, area: Area | None = None) -> list[np.ndarray]:
    """Y (h, w), U and V (h / 2, w / 2) of a part of a picture; writing to them changes it."""
    height, width = planes.shape[0] * 2 // 3, planes.shape[1]
    chroma = planes[height:].reshape(2, height // 2, width // 2)
    top, left, bottom, right = area or (0, 0, height, width)
    half = (slice(top // 2, bottom // 2), slice(left // 2, right // 2))
    return [planes[top:bottom, left:right], chroma[0][half], chroma[1][half]]
