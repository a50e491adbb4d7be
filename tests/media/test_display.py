"""What a stream says of how it is to be shown."""

import re
from fractions import Fraction

import av
import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.media import display
from lipsync.media.resample import check_source, extract
from lipsync.media.saying import gathered
from lipsync.media.video import probe, read_frames
from tests.media.files import pictures, write_file


def shown(path, tmp_path) -> list[np.ndarray]:
    extract(path, tmp_path / "frames.mp4", None, fps=25, crf=4, least=0)
    return list(read_frames(tmp_path / "frames.mp4"))


def stripes(colours: list[tuple[float, float, float]]) -> av.VideoFrame:
    """Four stripes of RGB, 0..1 of the signal, as 10-bit 4:2:0 of BT.2020 in limited range."""
    frame = av.VideoFrame(96, 64, "yuv420p10le")
    red, green, blue = np.array(colours).T
    luma = 0.2627 * red + 0.6780 * green + 0.0593 * blue
    codes = [64 + 876 * luma]
    codes += [512 + 896 * (blue - luma) / 1.8814, 512 + 896 * (red - luma) / 1.4746]
    for plane, values in zip(frame.planes, codes, strict=True):
        row = np.zeros(plane.line_size // 2, "<u2")
        row[: plane.width] = np.rint(np.repeat(values, plane.width // len(colours)))
        plane.update(np.tile(row, (plane.height, 1)))
    return frame


def light_of_hlg(signal: np.ndarray) -> np.ndarray:
    """ITU-R BT.2100, table 5, up to a factor."""
    high = (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return np.where(signal <= 0.5, signal**2 / 3, high)


def light_of_pq(signal: np.ndarray) -> np.ndarray:
    """ITU-R BT.2100, table 4."""
    root = signal ** (1 / 78.84375)
    return ((root - 0.8359375).clip(0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)


TO_BT709 = np.array(  # linear light of BT.2020, ITU-R BT.2087
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
)
# Number of the curve in H.273, its light, grey cards: signal -> 8-bit RGB; and a skin tone
CURVES = [
    (18, light_of_hlg, {0.38: 92, 0.75: 172, 1.0: 255}, (0.55, 0.42, 0.36)),
    (16, light_of_pq, {0.38: 78, 0.58: 155, 0.75: 206}, (0.55, 0.42, 0.36)),
    # linear light, shown by a screen of BT.1886
    (8, np.asarray, {at: 255 * at ** (1 / 2.4) for at in (0.18, 0.5, 0.9)}, (0.3, 0.18, 0.12)),
]


@pytest.mark.parametrize(("curve", "light", "cards", "skin"), CURVES, ids=["HLG", "PQ", "linear"])
def test_other_curves_are_mapped_to_bt709(tmp_path, caplog, curve, light, cards, skin):
    """Grey stays neutral and lands where it shall; a skin tone keeps its hue and saturation.

    ITU-R BT.2408: 38 % of HLG and of PQ is 18 % grey, 75 % and 58 % reference white. HLG's peak,
    1000 cd/m2, is SDR white; what is brighter than reference white keeps its texture.
    """

    def tag(context):
        context.color_trc, context.color_primaries, context.colorspace = curve, 9, 9
        context.color_range = 1

    frame = stripes([*[(grey, grey, grey) for grey in cards], skin])
    path = write_file(
        tmp_path / "hdr.mkv", video="libx265", pixels="yuv420p10le", sounds=[], setup=tag,
        options={"x265-params": "log-level=none:lossless=1"}, frames=[frame], count=1,
    )  # fmt: skip
    picture = shown(path, tmp_path)[0].astype(float)
    *greys, face = [
        picture[8:-8, 24 * k + 6 : 24 * k + 18].reshape(-1, 3).mean(axis=0) for k in range(4)
    ]
    for grey, wanted in zip(greys, cards.values(), strict=True):
        assert grey == pytest.approx([wanted] * 3, abs=4)
        assert np.ptp(grey) <= 3
    wanted = TO_BT709 @ light(np.array(skin))
    got = face**2.4  # BT.1886
    assert got / got[0] == pytest.approx(wanted / wanted[0], abs=0.03)
    said = {18: "HDR (HLG) is mapped", 16: "HDR (PQ) is mapped"}
    assert ("is mapped to bt709" in caplog.text) == (curve in said)
    assert said.get(curve, "") in caplog.text


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


def woven(top_first: bool) -> list[np.ndarray]:
    """Pictures of two fields; a bar moves on by 4 pixels with each of them."""
    bar = np.zeros((64, 96, 3), np.uint8)
    bar[:, 20:40] = 200
    made = []
    for i in range(25):
        picture = np.roll(bar, 8 * i, axis=1)
        picture[top_first::2] = np.roll(bar, 8 * i + 4, axis=1)[top_first::2]
        made.append(picture)
    return made


def flagged(pictures: list[np.ndarray], order: str) -> list[av.VideoFrame]:
    """Frames that say the order of their fields, which PyAV cannot set."""
    graph = av.filter.Graph()
    height, width = pictures[0].shape[:2]
    source = graph.add_buffer(width=width, height=height, format="yuv420p", time_base=Fraction(1))
    field = graph.add("setfield", order)
    sink = graph.add("buffersink")
    source.link_to(field)
    field.link_to(sink)
    graph.configure()
    made = []
    for picture in pictures:
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        graph.push(frame)
        made.append(graph.vpull())
    return made


def comb(picture: np.ndarray) -> float:
    luma = picture.mean(axis=2)
    return np.abs(luma[2:-2:2] - (luma[1:-3:2] + luma[3:-1:2]) / 2).mean()


def bar_at(picture: np.ndarray) -> int:
    """The bar's first column."""
    bright = picture[:, :, 1].mean(axis=0) > 100
    return int(np.flatnonzero(np.diff(bright.astype(int)) == 1)[0]) + 1


INTERLACED = [
    ("flags.mp4", "libx264", {"flags": "+ildct+ilme", "crf": "4"}, "x264-params"),
    ("container.mkv", "ffv1", {}, "field_order"),
    ("container.mov", "mjpeg", {}, "field_order"),
]


@pytest.mark.parametrize("top_first", [True, False])
@pytest.mark.parametrize(("name", "codec", "options", "key"), INTERLACED)
def test_fields_follow_one_another(tmp_path, name, codec, options, key, top_first):
    """Whether pictures say it or the container alone: no combs, and motion that goes on."""
    order = "tff" if top_first else "bff"
    source, frames = woven(top_first), None
    if key == "field_order":
        options = options | {key: "tt" if top_first else "bb"}
    else:
        options, frames = options | {key: f"{order}=1"}, flagged(source, order)
    path = write_file(
        tmp_path / name, video=codec, pixels="yuvj420p" if codec == "mjpeg" else "yuv420p",
        sounds=[], shown=source, frames=frames, options=options,
    )  # fmt: skip
    extract(path, tmp_path / "frames.mp4", None, fps=50, crf=4, least=0)
    frames = list(read_frames(tmp_path / "frames.mp4"))
    assert len(frames) in (49, 50)
    assert comb(source[10]) > 10
    assert max(map(comb, frames[2:-2])) < 3
    steps = np.diff([bar_at(frame) for frame in frames[2:14]])
    assert np.abs(steps - 4).max() <= 1, "a field out of turn goes back"


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


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_transparency_that_is_not_decoded_is_said_but_of_a_browsers_recording(tmp_path, codec):
    """Chromium says of an opaque camera's recording too that it has some."""
    path = write_file(
        tmp_path / "a.webm", video=codec, pixels="yuva420p", audio="libopus", sounds=[], count=5,
        options={"auto-alt-ref": "0"},
    )  # fmt: skip
    with gathered() as lines:
        assert len(shown(path, tmp_path)) == 5
    assert [line.partition(": ")[2] for line in lines] == ["its transparency is left out"]
    content = path.read_bytes()
    (muxer,) = set(re.findall(rb"Lavf[0-9.]+", content))
    path.write_bytes(content.replace(muxer, b"Chrome".ljust(len(muxer), b"\0")))
    with gathered() as lines:
        assert len(shown(path, tmp_path)) == 5
    assert lines == []


@pytest.mark.parametrize(("video", "pixels", "name"), [
    ("mjpeg", "yuvj420p", "a.avi"), ("ffv1", "yuv444p", "a.mkv"),
])  # fmt: skip
def test_full_range_is_not_stretched(tmp_path, video, pixels, name):
    """Of MJPEG and of a tagged file: 16, 128, 235 and white stay what they are."""

    def tag(context):
        context.color_range = 2

    flat = np.repeat(np.array([0, 16, 128, 235, 255], np.uint8), [16, 20, 20, 20, 20])
    flat = np.tile(flat, (64, 1))
    picture = np.repeat(flat[..., None], 3, axis=2)
    frames = []
    for _ in range(5):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frames.append(frame.reformat(format=pixels, dst_color_range=2))
    path = write_file(
        tmp_path / name, video=video, pixels=pixels, sounds=[], frames=frames, shown=[picture] * 5,
        count=5, setup=tag,
    )  # fmt: skip
    got = shown(path, tmp_path)[0].mean(axis=(0, 2))
    middles = [got[at : at + 4].mean() for at in (6, 24, 44, 64, 84)]
    assert middles == pytest.approx([0, 16, 128, 235, 255], abs=3)


def square(width: int, height: int) -> np.ndarray:
    """Black with a white square of half the shorter side in the middle."""
    picture = np.zeros((height, width, 3), np.uint8)
    half = min(width, height) // 4
    picture[height // 2 - half : height // 2 + half, width // 2 - half : width // 2 + half] = 255
    return picture


def box_of(picture: np.ndarray) -> tuple[int, int]:
    """Width and height of what is white."""
    rows, columns = np.nonzero(picture.mean(axis=2) > 128)
    return int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


@pytest.mark.parametrize(("width", "height"), [(192, 64), (48, 128), (192, 128)])
def test_a_size_that_changes_keeps_proportions(tmp_path, caplog, width, height):
    """A transport stream goes on in another size: a square stays a square."""
    parts = [
        write_file(tmp_path / f"{n}.ts", sounds=[], shown=[square(*size)] * 25)
        for n, size in enumerate([(96, 64), (width, height)])
    ]
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = shown(path, tmp_path)
    assert len(frames) == 50
    assert {frame.shape for frame in frames} == {(64, 96, 3)}
    for frame in (frames[10], frames[40]):
        across, down = box_of(frame)
        assert across == pytest.approx(down, abs=2)
    assert frames[40][:2].max() < 12
    assert f"at 1.0 s its picture changes from 96x64 to {width}x{height}" in caplog.text


def test_pixels_whose_shape_changes_keep_proportions(tmp_path, caplog):
    def tag(context):
        context.sample_aspect_ratio = Fraction(2, 1)

    narrow = np.zeros((64, 96, 3), np.uint8)
    narrow[16:48, 40:56] = 255  # a square once each pixel is two wide
    first = write_file(tmp_path / "a.ts", sounds=[], shown=[square(96, 64)] * 25)
    second = write_file(tmp_path / "b.ts", sounds=[], shown=[narrow] * 25, setup=tag)
    path = tmp_path / "joined.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    frames = shown(path, tmp_path)
    assert [box_of(frames[i]) for i in (5, 24)] == [pytest.approx((32, 32), abs=2)] * 2
    assert [box_of(frames[i]) for i in (25, 45)] == [pytest.approx((16, 16), abs=2)] * 2
    assert "at 1.0 s its picture changes from 96x64 to 96x64 with pixels of 2" in caplog.text


def test_the_end_before_a_change_is_shown(tmp_path):
    """What a filter still holds when the pictures change: none of them is lost."""
    options = {"flags": "+ildct+ilme", "x264-params": "tff=1"}
    one = write_file(tmp_path / "a.ts", sounds=[], shown=woven(True), options=options)
    two = write_file(tmp_path / "b.ts", sounds=[], shown=[square(64, 64)] * 25, options=options)
    path = tmp_path / "joined.ts"
    path.write_bytes(one.read_bytes() + two.read_bytes())
    extract(path, tmp_path / "frames.mp4", None, fps=50, crf=4, least=0)
    frames = list(read_frames(tmp_path / "frames.mp4"))
    assert len(frames) in (99, 100)
    assert np.abs(frames[48].astype(int) - frames[47]).mean() > 5, "the bar moves to the end"


def test_probe_makes_no_picture(tmp_path, monkeypatch):
    """Size and rotation come from the header and the first picture, without a filter."""

    def tag(context):
        context.color_trc, context.color_primaries, context.colorspace = 18, 9, 9
        context.sample_aspect_ratio = Fraction(1, 2)

    path = write_file(tmp_path / "a.mkv", sounds=[], setup=tag)
    monkeypatch.setattr(display, "Graph", None)
    info = probe(path)
    assert (info.width, info.height) == (96, 128)


@pytest.mark.parametrize("pixels", ["rgb4", "bgr4"])
def test_pixels_that_cannot_be_converted_are_refused_in_a_line(tmp_path, pixels):
    path = write_file(tmp_path / "a.nut", video="rawvideo", pixels=pixels, audio="pcm_s16le")
    for use in (check_source, lambda path: shown(path, tmp_path)):
        with pytest.raises(LipsyncError, match=r"a\.nut: its pictures cannot be converted") as told:
            use(path)
        assert "free some space" not in str(told.value)
    assert not (tmp_path / "frames.mp4").exists()


def test_a_filter_that_fails_is_no_full_disk(tmp_path, monkeypatch):
    def fail(*_):
        raise av.error.PermissionError(1, "Operation not permitted")

    path = write_file(tmp_path / "a.mkv", sounds=[], setup=lambda c: setattr(c, "color_trc", 18))
    monkeypatch.setattr(display.Graph, "push", fail)
    with pytest.raises(LipsyncError, match=r"a\.mkv: its pictures cannot be converted"):
        shown(path, tmp_path)
