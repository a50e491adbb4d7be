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


# By ITU-T H.273's number in the file: bt709, untagged, bt470bg, smpte170m.
MATRICES = {n: Colorspace.ITU709 if n == 1 else Colorspace.ITU601 for n in (1, 2, 5, 6)}


def colours_of(frame: av.VideoFrame) -> Colours | None:
    """The colours of an 8-bit 4:2:0 picture in one of MATRICES; None of all others."""
    if frame.format.name not in ("yuv420p", "yuvj420p") or frame.colorspace not in MATRICES:
        return None
    full = frame.format.name == "yuvj420p" or frame.color_range == ColorRange.JPEG
    return Colours(MATRICES[frame.colorspace], ColorRange.JPEG if full else ColorRange.MPEG)


def to_rgb(frame: av.VideoFrame) -> np.ndarray:
    """A decoded picture as (H, W, 3) uint8 RGB, by its own colour tags."""
    return frame.to_ndarray(format="rgb24")
