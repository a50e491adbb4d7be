"""Clocks that jump: both tracks stay together."""

import av
import numpy as np
import pytest

from lipsync.media.audio import read_audio
from lipsync.media.resample import extract
from lipsync.media.stamps import Track, mend
from lipsync.media.video import probe, read_frames
from tests.media.files import RATE, pictures, rms, voice, write_file


def run(path, tmp_path, **options):
    frames, audio = tmp_path / "frames.mp4", tmp_path / "audio.wav"
    count = extract(path, frames, audio, fps=25, crf=8, least=0, **options)
    return count, read_audio(audio)


def test_joined_parts_follow_one_another(tmp_path, caplog):
    """Two transport streams end to end: both whole, both at the same distance from the picture."""
    clicks = np.zeros(2 * RATE, np.float32)
    clicks[RATE : RATE + 480] = 0.9
    shown = [np.full_like(p, 255 if i == 25 else 0) for i, p in enumerate(pictures(50))]
    part = write_file(tmp_path / "a.ts", count=50, sounds=[clicks], shown=shown)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(part.read_bytes() * 3)
    count, sound = run(joined, tmp_path)
    assert count == 150
    bright = [p.mean() > 100 for p in read_frames(tmp_path / "frames.mp4")]
    assert np.flatnonzero(bright).tolist() == [25, 75, 125]
    loud = np.flatnonzero(np.abs(sound) > 0.3)
    starts = loud[np.diff(loud, prepend=-(10**6)) > 8000] / 16_000
    assert starts == pytest.approx([1, 3, 5], abs=0.04)
    assert "the file is 3 recordings joined" in caplog.text


def test_a_hole_is_closed_and_said(tmp_path, caplog):
    """Ten minutes in which nothing comes, neither picture nor audio."""
    path = write_file(
        tmp_path / "a.mkv", count=50, sounds=[voice(1)], stamp=lambda i: i * 40 + 600_000 * (i > 24)
    )
    count, _ = run(path, tmp_path)
    assert 48 <= count <= 52
    assert "a hole of 600 s" in caplog.text
    assert "frames.max_hole" in caplog.text


def test_a_hole_within_the_limit_and_one_that_audio_fills_stay(tmp_path, caplog):
    late = write_file(
        tmp_path / "a.mkv", count=50, sounds=[voice(1)], stamp=lambda i: i * 40 + 4000 * (i > 24)
    )
    assert run(late, tmp_path)[0] == 150
    assert run(late, tmp_path, max_hole=1)[0] == pytest.approx(50, abs=2)
    filled = write_file(
        tmp_path / "b.mkv", count=50, sounds=[voice(16)], stamp=lambda i: i * 40 + 13_000 * (i > 24)
    )
    caplog.clear()
    assert run(filled, tmp_path)[0] == 375
    assert "frames.max_hole" not in caplog.text
    assert "no picture for 13.0 s from 1.0 s on; the picture stands still there" in caplog.text


def test_a_hole_is_closed_in_the_audio_too(tmp_path):
    """Of 4 s in both tracks: longer than frames.max_hole, the click behind it comes 4 s earlier."""
    path = with_flashes(
        tmp_path / "a.mkv", stamp=lambda i: i * 40 + 4000 * (i > 49), hole=(2, 4), **MJPEG
    )
    flashes, clicks = flashes_and_clicks(path, tmp_path)
    assert (flashes[:1], clicks) == (
        pytest.approx([1], abs=0.045),
        pytest.approx([1, 7], abs=0.045),
    )
    flashes, clicks = flashes_and_clicks(path, tmp_path, max_hole=1)
    assert (flashes, clicks) == (TOGETHER, TOGETHER)


def test_a_hole_in_the_audio_alone_is_said(tmp_path, caplog):
    path = with_flashes(tmp_path / "a.mkv", hole=(1.5, 2), stamp=lambda i: i * 60, **MJPEG)
    run(path, tmp_path)
    assert "no audio for 2.0 s from 1.5 s on; silence there" in caplog.text
    assert "no picture" not in caplog.text


@pytest.mark.parametrize(("seconds", "told"), [
    (2, "its audio ends at 2.0 s and its picture at 4.0 s; silence from there on"),
    (7, "its audio goes on for 3.0 s after its picture; it is left out"),
    (4.5, ""), (3.5, ""),
])  # fmt: skip
def test_audio_of_another_length_than_the_picture_is_said(tmp_path, caplog, seconds, told):
    path = write_file(tmp_path / "a.mkv", count=100, sounds=[voice(seconds)], audio="pcm_s16le")
    assert run(path, tmp_path)[0] == 100
    assert [record.getMessage() for record in caplog.records] == [f"{path}: {told}"] * bool(told)


def test_audio_that_begins_late_is_said(tmp_path, caplog):
    path = with_flashes(tmp_path / "a.mkv", hole=(0, 2), **MJPEG)
    run(path, tmp_path)
    assert "its audio begins 2.0 s after its picture; silence until then" in caplog.text


MJPEG = {"video": "mjpeg", "pixels": "yuvj420p"}


def flashes_and_clicks(path, tmp_path, **options) -> tuple[list[float], list[float]]:
    """Seconds at which the picture is white, and at which the audio clicks."""
    _, sound = run(path, tmp_path, **options)
    bright = [p.mean() > 100 for p in read_frames(tmp_path / "frames.mp4")]
    loud = np.flatnonzero(np.abs(sound) > 0.3)
    clicks = loud[np.diff(loud, prepend=-(10**6)) > 8000] / 16_000
    return (np.flatnonzero(bright) / 25).tolist(), clicks.tolist()


def with_flashes(path, hole: tuple[float, float] = (0, 0), **options):
    """Four seconds: a white picture and a click at 1 and at 3 s.

    hole: second of the audio from which on it comes later, by so many seconds
    """
    clicks = np.zeros(4 * RATE, np.float32)
    for second in (1, 3):
        clicks[second * RATE : second * RATE + 480] = 0.9
    shown = [np.full_like(p, 255) if i in (25, 75) else p // 4 for i, p in enumerate(pictures(100))]
    options = {"sounds": [clicks], "hole": hole, **options}
    return write_file(path, count=100, shown=shown, **options)


def stamp_blocks(path, packets, track=0):
    """Matroska: the packets' blocks say 32.767 s after their cluster."""
    with av.open(path) as container:
        found = [p.pos for p in container.demux(container.streams[track]) if p.dts is not None]
    content = bytearray(path.read_bytes())
    for packet in packets:
        block = found[packet]
        assert content[block] == 0x81 + track  # a block of the track: 16 bits of time follow
        content[block + 1 : block + 3] = b"\x7f\xff"
    path.write_bytes(content)
    return path


TOGETHER = pytest.approx([1, 3], abs=0.045)


@pytest.mark.parametrize("track", [0, 1])
@pytest.mark.parametrize("packets", [[0], [40], [40, 41], [40, 41, 42, 44, 45]])
def test_timestamps_that_make_no_sense_move_nothing(tmp_path, caplog, packets, track):
    path = stamp_blocks(with_flashes(tmp_path / "a.mkv", **MJPEG), packets, track)
    flashes, clicks = flashes_and_clicks(path, tmp_path)
    assert (flashes, clicks) == (TOGETHER, TOGETHER)
    makes = "1 timestamp makes" if len(packets) == 1 else f"{len(packets)} timestamps make"
    assert f"{makes} no sense" in caplog.text


def test_a_time_of_showing_that_makes_no_sense(tmp_path, caplog):
    """H.264 with pictures out of order: libav keeps the decoding times whole, not the others."""
    path = with_flashes(tmp_path / "a.mkv", options={"bf": "2", "preset": "veryfast", "g": "25"})
    flashes, clicks = flashes_and_clicks(stamp_blocks(path, [40]), tmp_path)
    assert (flashes, clicks) == (TOGETHER, TOGETHER)
    assert "no sense" in caplog.text


def test_a_first_picture_an_hour_before_the_others(tmp_path, caplog):
    path = with_flashes(tmp_path / "a.mkv", stamp=lambda i: i and 3_600_000 + 40 * i)
    flashes, clicks = flashes_and_clicks(path, tmp_path)
    assert (flashes, clicks) == (TOGETHER, TOGETHER)
    assert "1 timestamp makes no sense" in caplog.text
    assert "they are taken to begin together" in caplog.text


@pytest.mark.parametrize("order", ["ava", "va", "av", "vava"])
def test_recordings_without_audio_among_joined_ones(tmp_path, caplog, order):
    """`a` has both tracks, `v` the picture alone; each is 4 s long."""
    parts = {
        "a": with_flashes(tmp_path / "a.ts").read_bytes(),
        "v": with_flashes(tmp_path / "v.ts", sounds=[]).read_bytes(),
    }
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(parts[kind] for kind in order))
    flashes, clicks = flashes_and_clicks(path, tmp_path)
    every = [4 * n + second for n in range(len(order)) for second in (1, 3)]
    heard = [4 * n + second for n, kind in enumerate(order) for second in (1, 3) if kind == "a"]
    assert flashes == pytest.approx(every, abs=0.045)
    assert clicks == pytest.approx(heard, abs=0.045)
    assert f"the file is {len(order)} recordings joined" in caplog.text


def track(times, step, first_place=0) -> Track:
    """A track whose packets lie in the file by number / step."""
    made = Track()
    for i, time in enumerate(times):
        made.note(float(time), step, first_place + round(1000 * i * step), 0.0)
    return made


def test_the_other_track_tells_which_clock_was_right():
    """Of an excursion too long to be told by one track alone, and of a clock that starts anew."""
    even = np.arange(2000) * 0.04
    for change, count in ((30.0, 1000), (-15.0, 1500)):
        jumping = even.copy()
        jumping[500:1500] += change
        if change < 0:
            jumping[500:] = even[500:] + change
        picture, audio = track(jumping, 0.04), track(np.arange(4000) * 0.02, 0.02, 1)
        assert mend([picture, audio], 10) == [[0], [0]]
        assert len(picture.replaced) == count
        assert not audio.replaced
        np.testing.assert_allclose(picture.starts, even, atol=0.05)


def test_ordinary_times_are_left_alone():
    """Slides with long pauses, a late track, jitter, and a hole that both tracks have."""
    rng = np.random.default_rng(0)
    slides = np.cumsum(rng.choice([0.04, 0.8, 6.0, 11.0], 300))
    jitter = np.arange(500) * 0.04 + rng.uniform(-0.2, 0.2, 500)
    hole = np.where(np.arange(500) < 250, 0, 700) + np.arange(500) * 0.04
    for times in (slides, jitter, hole):
        picture, audio = track(times, 0.04), track(3 + np.arange(1000) * 0.02, 0.02, 1)
        assert mend([picture, audio], 10) == [[0], [0]]
        assert not {**picture.replaced, **picture.lags_replaced, **audio.replaced}


def test_a_browsers_recording_without_a_length_is_measured(tmp_path):
    """A live WebM: its header has neither duration nor cues."""
    path = tmp_path / "recording.webm"
    with path.open("wb") as raw:

        class Pipe:  # a file that cannot seek, as MediaRecorder's
            def write(self, data: bytes) -> int:
                return raw.write(data)

        with av.open(Pipe(), "w", format="webm", options={"live": "1"}) as out:
            film = out.add_stream("libvpx", rate=25)
            film.width, film.height = 96, 64
            for i, picture in enumerate(pictures(50)):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts = i
                out.mux(film.encode(frame))
            out.mux(film.encode(None))
    with av.open(path) as container:
        assert container.duration is None
    assert probe(path).seconds == pytest.approx(2, abs=0.1)


def test_tracks_with_other_origins_begin_together(tmp_path, caplog):
    """The picture's clock is that of the day, the audio's begins with the recording."""
    path = write_file(tmp_path / "a.mkv", count=50, stamp=lambda i: 50_000_000 + i * 40)
    count, sound = run(path, tmp_path)
    assert count == 50
    assert rms(sound) == pytest.approx(rms(voice(2)), rel=0.05)
    assert "they are taken to begin together" in caplog.text
    assert "hole" not in caplog.text


def test_mp4_files_joined_byte_by_byte_are_said(tmp_path, caplog):
    path = write_file(tmp_path / "a.mp4", count=50)
    assert run(path, tmp_path)[0] == 50
    assert not caplog.records
    twice = tmp_path / "twice.mp4"
    twice.write_bytes(path.read_bytes() * 2)
    run(twice, tmp_path)
    assert "only the first is read" in caplog.text
