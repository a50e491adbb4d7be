"""Planes against libav: the same colours, and a part changes nothing else."""

import av
import numpy as np
import pytest
import skimage.data
from av.video.reformatter import ColorRange, Colorspace

from lipsync.media.colours import BT709, MATRIX_TAGS, Colours, to_rgb
from lipsync.media.planes import from_rgb, rgb_of, to_planes, to_rgb_matrix, to_yuv_matrix, views

ALL = [Colours(m, r) for m in (Colorspace.ITU709, Colorspace.ITU601) for r in
       (ColorRange.MPEG, ColorRange.JPEG)]  # fmt: skip


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return skimage.data.astronaut()[:400, :480].copy()


def encoded(picture: np.ndarray, colours: Colours) -> av.VideoFrame:
    """As libav makes 4:2:0 of it, tagged."""
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
        format="yuv420p", dst_colorspace=colours.matrix, dst_color_range=colours.range
    )
    frame.colorspace, frame.color_range = MATRIX_TAGS[colours.matrix], colours.range
    return frame


def test_the_published_numbers():
    """ITU-R BT.709-6: white, black, and red of limited range; and there and back."""
    forward = to_yuv_matrix(BT709)
    for rgb, yuv in {(255, 255, 255): (235, 128, 128), (0, 0, 0): (16, 128, 128),
                     (255, 0, 0): (62.6, 102.3, 240)}.items():  # fmt: skip
        np.testing.assert_allclose(forward @ [*rgb, 1], yuv, atol=0.1)
    for colours in ALL:
        there, back = to_yuv_matrix(colours), to_rgb_matrix(colours)
        codes = there @ [200, 30, 90, 1]
        np.testing.assert_allclose(back @ [*codes, 1], [200, 30, 90], atol=1e-9)


@pytest.mark.parametrize("colours", ALL)
def test_a_decoded_picture_shows_what_libav_shows(picture, colours: Colours):
    frame = encoded(picture, colours)
    mine, theirs = rgb_of(to_planes(frame)).astype(int), to_rgb(frame)
    assert np.abs(mine - theirs).mean() < 2.5  # they repeat colours, we interpolate
    grey = np.repeat(picture.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    frame = encoded(grey, colours)
    assert np.abs(rgb_of(to_planes(frame)).astype(int) - grey).max() <= 3


def test_pictures_in_the_wanted_colours_stay_to_the_bit(picture):
    frame = encoded(picture, BT709)
    np.testing.assert_array_equal(to_planes(frame), frame.to_ndarray())


def test_other_formats_are_turned_over_to_libav(picture):
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv444p")
    assert to_planes(frame).shape == (600, 480)


def test_there_and_back(picture):
    back = rgb_of(from_rgb(picture)).astype(float)
    assert 10 * np.log10(255**2 / np.square(back - picture).mean()) > 34  # colour is halved
    smooth = np.full((64, 64, 3), (200, 120, 40), np.uint8)
    assert np.abs(rgb_of(from_rgb(smooth)).astype(int) - smooth).max() <= 1


def test_views_write_through():
    planes = np.zeros((96, 64), np.uint8)
    luma, u, v = views(planes)
    assert (luma.shape, u.shape, v.shape) == ((64, 64), (32, 32), (32, 32))
    luma[0, 0], u[0, 0], v[-1, -1] = 1, 2, 3
    assert (planes[0, 0], planes[64, 0], planes[-1, -1]) == (1, 2, 3)
