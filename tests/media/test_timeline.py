"""Clocks that jump: both tracks stay together."""

import av
import numpy as np
import pytest

from lipsync.media.audio import read_audio
from lipsync.media.resample import extract
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
    assert "3 parts, one put behind the other" in caplog.text


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
    assert "hole" not in caplog.text


def test_one_wild_timestamp_moves_nothing(tmp_path, caplog):
    path = write_file(tmp_path / "a.mkv", count=50, video="mjpeg", pixels="yuvj420p")
    with av.open(path) as container:
        block = [packet.pos for packet in container.demux(video=0) if packet.dts is not None][20]
    content = bytearray(path.read_bytes())
    assert content[block] == 0x81  # a block of track 1: 16 bits of milliseconds follow
    clock = block + 1
    content[clock : clock + 2] = b"\x7f\xff"  # 32.767 s after its cluster
    path.write_bytes(content)
    count, sound = run(path, tmp_path)
    assert count == 50
    assert rms(sound) == pytest.approx(rms(voice(2)), rel=0.05)
    assert "1 wild timestamps" in caplog.text


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
    assert "longer than frames.max_hole" in caplog.text


def test_mp4_files_joined_byte_by_byte_are_said(tmp_path, caplog):
    path = write_file(tmp_path / "a.mp4", count=50)
    assert run(path, tmp_path)[0] == 50
    assert not caplog.records
    twice = tmp_path / "twice.mp4"
    twice.write_bytes(path.read_bytes() * 2)
    run(twice, tmp_path)
    assert "only the first is read" in caplog.text
