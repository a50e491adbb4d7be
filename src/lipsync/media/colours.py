"""What YUV files mean in RGB."""

from typing import NamedTuple

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace


class Colours(NamedTuple):
    """How YUV means RGB."""

    matrix: Colorspace  # ITU709 or ITU601
    range: ColorRange


BT709 = Colours(Colorspace.ITU709, ColorRange.MPEG)  # limited range
MATRIX_TAGS = {Colorspace.ITU709: 1, Colorspace.ITU601: 6}  # the numbers of ITU-T H.273


def to_rgb(frame: av.VideoFrame) -> np.ndarray:
    """A decoded picture as (H, W, 3) uint8 RGB, by its own colour tags."""
    return frame.to_ndarray(format="rgb24")
