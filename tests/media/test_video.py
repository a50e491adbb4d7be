from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.media.audio import read_audio
from lipsync.media.video import FrameReader, VideoWriter, probe, read_frames

H, W = 96, 160
SATURATED = [
    *[(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)],
    *[(0, 255, 255), (255, 0, 255), (255, 255, 255), (0, 0, 0)],
]


def numbered(i: int) -> np.ndarray:
    """A grey picture that says its number: bits as black and white columns."""
    picture = np.full((H, W, 3), 128, np.uint8)
    for bit in range(8):
        picture[:, bit * 16 : bit * 16 + 16] = 255 if i >> bit & 1 else 0
    return picture


def number(picture: np.ndarray) -> int:
    return sum(
        1 << bit for bit in range(8) if picture[:, bit * 16 + 4 : bit * 16 + 12].mean() > 128
    )


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """110 numbered pictures at 29.97 per second, so groups of about 30."""
    path = tmp_path / "film.mp4"
    with VideoWriter(path, W, H, Fraction(30_000, 1001), preset="ultrafast") as writer:
        for i in range(110):
            writer.write(numbered(i))
    return path


def test_saturated_colours_come_back(tmp_path):
    picture = np.zeros((H, W, 3), np.uint8)
    for k, colour in enumerate(SATURATED):
        picture[:, k * 20 : k * 20 + 20] = colour
    with VideoWriter(tmp_path / "colours.mp4", W, H, 25, crf=4) as writer:
        for _ in range(3):
            writer.write(picture)
    read = list(read_frames(tmp_path / "colours.mp4"))
    assert len(read) == 3
    for got in read:
        for k in range(8):  # inside each bar, away from the neighbour's chroma
            bar = np.s_[4:-4, k * 20 + 4 : k * 20 + 16]
            assert np.abs(got[bar].astype(int) - picture[bar]).mean() < 2, SATURATED[k]


def test_the_file_is_tagged_as_it_is(film):
    with av.open(film) as container:
        frame = next(container.decode(video=0))
        assert (frame.format.name, frame.colorspace, frame.color_range) == ("yuv420p", 1, 1)
        assert (frame.color_primaries, frame.color_trc) == (1, 1)
    data = film.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # faststart


def test_probe_says_size_rate_and_length(film):
    info = probe(film)
    assert (info.width, info.height, info.frames) == (W, H, 110)
    assert info.fps == Fraction(30_000, 1001)
    assert info.seconds == pytest.approx(110 * 1001 / 30_000, abs=1e-3)
    assert not info.has_sound


def test_frames_are_read_in_order(film):
    assert [number(frame) for frame in read_frames(film)] == list(range(110))


def test_any_frame_by_its_index(film):
    rng = np.random.default_rng(0)
    ping_pong = [*range(110), *range(109, -1, -1)]
    with FrameReader(film) as reader:
        assert len(reader) == 110
        assert (reader.width, reader.height, reader.fps) == (W, H, Fraction(30_000, 1001))
        for i in [*rng.integers(0, 110, 20), *ping_pong, 109, 0]:
            assert number(reader[int(i)]) == i
        for outside in (-1, 110):
            with pytest.raises(IndexError):
                reader[outside]


def test_reading_to_and_fro_decodes_each_group_once_a_pass(film, monkeypatch):
    seeks = []
    original = FrameReader._decode_from
    monkeypatch.setattr(
        FrameReader, "_decode_from", lambda self, i: seeks.append(i) or original(self, i)
    )
    with FrameReader(film) as reader:
        for i in [*range(110), *range(109, -1, -1)]:
            reader[i]
            assert len(reader._groups) <= FrameReader.GROUPS_KEPT
        groups = len(reader._starts)
    assert groups >= 4
    assert seeks == [0, *reader._starts[-3::-1]]  # the last two are still there at the turn


def test_sound_lies_where_it_was_written(tmp_path):
    sound = np.zeros(3 * 16_000, np.float32)
    sound[[8_000, 20_000, 40_000]] = 0.9
    path = tmp_path / "sound.mp4"
    with VideoWriter(
        path, W, H, 25, preset="ultrafast", sound=(sound, 16_000), metadata={"comment": "made"}
    ) as writer:
        for i in range(75):
            writer.write(numbered(i))
    assert probe(path).has_sound
    read = read_audio(path)
    for at in (8_000, 20_000, 40_000):
        assert abs(int(np.argmax(np.abs(read[at - 800 : at + 800]))) - 800) <= 1
    with av.open(path) as container:
        assert container.metadata["comment"] == "made"


def test_same_pictures_same_bytes(tmp_path):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (30, H, W, 3), np.uint8)
    sound = rng.uniform(-0.5, 0.5, 20_000).astype(np.float32)
    for name in ("a.mp4", "b.mp4"):
        with VideoWriter(tmp_path / name, W, H, 25, sound=(sound, 16_000)) as writer:
            for picture in pictures:
                writer.write(picture)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_failed_video_leaves_nothing(tmp_path):
    def fail():
        with VideoWriter(tmp_path / "half.mp4", W, H, 25) as writer:
            writer.write(numbered(0))
            raise KeyError("stop")

    with pytest.raises(KeyError):
        fail()
    with pytest.raises(ValueError, match="no pictures"), VideoWriter(tmp_path / "n.mp4", W, H, 25):
        pass
    assert list(tmp_path.iterdir()) == []


def test_odd_sizes_and_wrong_shapes_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"161x96.*even"):
        VideoWriter(tmp_path / "odd.mp4", 161, 96, 25)
    with (
        pytest.raises(ValueError, match=r"expected uint8 \(96, 160, 3\)"),
        VideoWriter(tmp_path / "shape.mp4", W, H, 25) as writer,
    ):
        writer.write(np.zeros((W, H, 3), np.uint8))


def test_what_is_no_video_is_one_line(tmp_path):
    with pytest.raises(LipsyncError, match="no such file"):
        probe(tmp_path / "missing.mp4")
    (tmp_path / "text.mp4").write_text("not a video\n" * 100)
    with pytest.raises(LipsyncError, match=r"text\.mp4: not readable"):
        FrameReader(tmp_path / "text.mp4")


def test_a_damaged_file_of_ours_is_said_to_be_damaged(tmp_path):
    """No full disk, whatever code the decoder gives."""
    path = tmp_path / "a.mp4"
    with VideoWriter(path, 64, 48, 25) as writer:
        for i in range(30):
            writer.write(np.random.default_rng(i).integers(0, 255, (48, 64, 3), np.uint8))
    content = bytearray(path.read_bytes())
    with av.open(path) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.dts is not None]
    for place, size in places[5:]:
        content[place : place + size] = bytes([255]) * size
    path.write_bytes(content)
    for read in (lambda: list(read_frames(path)), lambda: FrameReader(path)[20]):
        with pytest.raises(LipsyncError, match=r"a.mp4: damaged"):
            read()
