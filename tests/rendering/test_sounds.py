"""Sound of every kind is spoken to its last sample."""

import numpy as np
import pytest

from lipsync.media.audio import read_audio, write_wav
from lipsync.media.video import probe
from lipsync.rendering.avatar import Avatar
from lipsync.rendering.options import RenderOptions
from lipsync.rendering.render import render
from tests.rendering_material import EXACT, RATE, speech, write_clip


def test_odd_sounds_are_spoken_to_the_last_sample(avatar: Avatar, tmp_path):
    """8-bit, 96 kHz, stereo, a video's sound, 50 ms."""
    import wave

    import av

    with wave.open(str(tmp_path / "eight.wav"), "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(np.full(4001, 128, np.uint8).tobytes())
    write_wav(tmp_path / "ninety.wav", speech((1.01, 0.2))[:96_000], 96_000)
    write_wav(tmp_path / "short.wav", speech((0.05, 0.2)), RATE)
    write_clip(tmp_path / "video.mp4", 50, seconds=1)
    with av.open(str(tmp_path / "stereo.flac"), "w") as container:
        stream = container.add_stream("flac", rate=44_100, layout="stereo")
        both = np.zeros((2, 44_100), np.int16)
        both[0] = 8000
        frame = av.AudioFrame.from_ndarray(both.T.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate = 44_100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    wanted = {"eight.wav": 13, "ninety.wav": 4, "short.wav": 1, "video.mp4": 25, "stereo.flac": 25}
    for name, count in wanted.items():
        out = tmp_path / "out.mp4"
        assert render(avatar, tmp_path / name, out, RenderOptions(**EXACT)).pictures == count, name
        assert probe(out).frames == count
    assert np.abs(read_audio(out, 44_100)[2000:-2000]).mean() == pytest.approx(
        8000 / 32768, rel=0.2
    )  # the silent channel has no share


def test_sound_that_changes_and_samples_that_are_no_numbers(avatar: Avatar, tmp_path, caplog):
    """Two mp3s of other rates glued together; a float WAV with holes."""
    import av

    for name, rate in (("a", 44_100), ("b", 22_050)):
        with av.open(str(tmp_path / f"{name}.mp3"), "w") as container:
            stream = container.add_stream("libmp3lame", rate=rate, layout="mono")
            tone = (0.3 * np.sin(np.arange(rate) / 9)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(tone[None], format="fltp", layout="mono")
            frame.sample_rate = rate
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    glued = tmp_path / "glued.mp3"
    glued.write_bytes((tmp_path / "a.mp3").read_bytes() + (tmp_path / "b.mp3").read_bytes())
    done = render(avatar, glued, tmp_path / "out.mp4", RenderOptions(**EXACT))
    assert 45 <= done.pictures <= 56
    samples = 0.1 * np.ones(RATE, np.float32)
    samples[100:300] = np.nan
    samples[500] = np.inf
    header = b"RIFF" + (36 + samples.nbytes).to_bytes(4, "little") + b"WAVEfmt "
    header += (16).to_bytes(4, "little") + (3).to_bytes(2, "little") + (1).to_bytes(2, "little")
    header += RATE.to_bytes(4, "little") + (4 * RATE).to_bytes(4, "little")
    header += (4).to_bytes(2, "little") + (32).to_bytes(2, "little") + b"data"
    holes = tmp_path / "holes.wav"
    holes.write_bytes(header + samples.nbytes.to_bytes(4, "little") + samples.tobytes())
    assert render(avatar, holes, tmp_path / "out.mp4", RenderOptions(**EXACT)).pictures == 25
    assert "no numbers" in caplog.text


def test_a_silent_sound_is_rendered_with_a_word(avatar: Avatar, tmp_path, caplog):
    write_wav(tmp_path / "still.wav", np.zeros(RATE, np.float32))
    render(avatar, tmp_path / "still.wav", tmp_path / "out.mp4", RenderOptions(**EXACT))
    assert "nothing is heard in it" in caplog.text
    assert "still.wav" in caplog.text
