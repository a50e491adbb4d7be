"""What a stream says of how it is to be shown."""

from fractions import Fraction

import av
import numpy as np
import pytest

from lipsync.media.resample import extract
from lipsync.media.video import probe, read_frames
from tests.media.files import pictures, write_file

TEN_BITS = 876 / 100  # codes of limited range for 1 % of the signal, above 64


def shown(path, tmp_path) -> list[np.ndarray]:
    extract(path, tmp_path / "frames.mp4", None, fps=25, crf=4, least=0)
    return list(read_frames(tmp_path / "frames.mp4"))


def grey(code: int, count: int = 5) -> list[av.VideoFrame]:
    """10-bit 4:2:0 of one luma code."""
    made = []
    for _ in range(count):
        frame = av.VideoFrame(96, 64, "yuv420p10le")
        for plane, value in zip(frame.planes, (code, 512, 512), strict=True):
            plane.update(np.full((plane.height, plane.line_size // 2), value, "<u2"))
        made.append(frame)
    return made


CARDS = [(18, 38, 92), (18, 75, 172), (18, 100, 255), (16, 38, 78), (16, 58, 155), (16, 75, 206)]


@pytest.mark.parametrize(("curve", "signal", "wanted"), CARDS)
def test_hdr_grey_cards_are_tone_mapped(tmp_path, caplog, curve, signal, wanted):
    """Per cent of the signal -> 8-bit RGB, neutral.

    ITU-R BT.2408: 38 % of HLG and of PQ is 18 % grey, 75 % and 58 % reference white. HLG's peak,
    1000 cd/m2, is SDR white; what is brighter than reference white keeps its texture.
    """

    def tag(context):
        context.color_trc, context.color_primaries, context.colorspace = curve, 9, 9
        context.color_range = 1

    path = write_file(
        tmp_path / "hdr.mkv", video="libx265", pixels="yuv420p10le", sounds=[], setup=tag,
        options={"x265-params": "log-level=none:lossless=1"},
        frames=grey(round(64 + signal * TEN_BITS)),
    )  # fmt: skip
    picture = shown(path, tmp_path)[0].astype(float)
    assert picture.mean() == pytest.approx(wanted, abs=5)
    assert np.ptp(picture.mean(axis=(0, 1))) <= 3
    assert f"HDR ({'HLG' if curve == 18 else 'PQ'}) is mapped to bt709" in caplog.text


def test_wide_primaries_are_brought_to_bt709(tmp_path):
    """Red of Display P3 at 80 %: more saturated than the same numbers of bt709."""
    red = np.full((64, 96, 3), (150, 90, 80), np.uint8)

    def tag(context):
        context.color_trc, context.color_primaries, context.colorspace = 1, 12, 1

    kwargs = {"sounds": [], "shown": [red] * 5, "options": {"crf": "4"}}
    plain = shown(write_file(tmp_path / "a.mp4", **kwargs), tmp_path)[0].mean(axis=(0, 1))
    wide = shown(write_file(tmp_path / "b.mp4", setup=tag, **kwargs), tmp_path)[0].mean(axis=(0, 1))
    assert wide[0] > plain[0] + 3
    assert wide[1] < plain[1]


def test_combs_are_gone(tmp_path):
    """Top field first; a bar that moves on by 4 pixels each field."""
    bar = np.zeros((64, 96, 3), np.uint8)
    bar[:, 20:40] = 200
    woven = []
    for i in range(25):
        picture = np.roll(bar, 8 * i, axis=1)
        picture[1::2] = np.roll(bar, 8 * i + 4, axis=1)[1::2]
        woven.append(picture)
    options = {"flags": "+ildct+ilme", "x264-params": "tff=1", "crf": "4"}
    path = write_file(tmp_path / "a.mp4", sounds=[], shown=woven, count=25, options=options)
    frames = shown(path, tmp_path)
    assert len(frames) == 25

    def comb(picture: np.ndarray) -> float:
        luma = picture.mean(axis=2)
        return np.abs(luma[2:-2:2] - (luma[1:-3:2] + luma[3:-1:2]) / 2).mean()

    assert comb(woven[10]) > 10
    assert comb(frames[10]) < 3


@pytest.mark.parametrize(("ratio", "size"), [((16, 11), (140, 64)), ((1, 2), (96, 128))])
def test_pixels_become_square(tmp_path, ratio, size):
    def tag(context):
        context.sample_aspect_ratio = Fraction(*ratio)

    path = write_file(tmp_path / "a.mp4", sounds=[], setup=tag)
    picture = shown(path, tmp_path)[0]
    assert picture.shape[1::-1] == size
    info = probe(path)
    assert (info.width, info.height) == size


def test_what_is_transparent_is_black(tmp_path):
    made = []
    for picture in pictures(5):
        rgba = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
        rgba[:, :48, 3] = 0
        made.append(av.VideoFrame.from_ndarray(rgba, format="rgba"))
    path = write_file(
        tmp_path / "a.mov", video="qtrle", pixels="argb", sounds=[], frames=made, count=5
    )
    picture = shown(path, tmp_path)[0]
    assert picture[:, :44].max() < 8
    assert picture[:, 52:].mean() > 80


def test_full_range_is_not_stretched(tmp_path):
    """yuvj in MJPEG: white stays white, 128 stays 128."""
    flat = [np.full((64, 96, 3), 128, np.uint8)] * 5
    path = write_file(
        tmp_path / "a.avi", video="mjpeg", pixels="yuvj420p", sounds=[], shown=flat, count=5
    )
    assert shown(path, tmp_path)[0].mean() == pytest.approx(128, abs=3)
