from fractions import Fraction

import av
import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.media.audio import _on_the_clock, audio_blocks, exactly, read_audio, write_wav


def test_wav_round_trip_is_exact(tmp_path):
    steps = np.arange(-32768, 32768, dtype=np.float32)
    write_wav(tmp_path / "a.wav", steps / 32768)
    assert np.array_equal(read_audio(tmp_path / "a.wav") * 32768, steps)


def test_too_loud_is_clipped_not_wrapped(tmp_path):
    write_wav(tmp_path / "a.wav", np.array([2.0, -2.0], np.float32))
    assert read_audio(tmp_path / "a.wav").tolist() == [32767 / 32768, -1.0]


@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050])
def test_resampling_keeps_time_and_level(tmp_path, rate):
    time = np.arange(4 * rate) / rate
    tone = 0.5 * np.sin(2 * np.pi * 440 * time)
    write_wav(tmp_path / "a.wav", tone.astype(np.float32), rate)
    got = read_audio(tmp_path / "a.wav", 16_000)
    assert abs(len(got) - 64_000) <= 1
    middle = slice(16_000, 48_000)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(64_000) / 16_000)
    assert np.abs(got[middle] - expected[middle]).max() < 0.005


def test_channels_are_averaged(tmp_path):
    left, right = np.full(16_000, 0.5, np.float32), np.full(16_000, 0.25, np.float32)
    with av.open(tmp_path / "stereo.wav", "w") as container:
        stream = container.add_stream("pcm_f32le", rate=16_000, layout="stereo")
        interleaved = np.stack([left, right], axis=1).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout="stereo")
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    got = read_audio(tmp_path / "stereo.wav")
    assert len(got) == 16_000
    assert np.allclose(got, 0.375, atol=1e-6)


def test_a_start_before_or_within_the_sound_pads_or_cuts(tmp_path):
    ramp = (np.arange(16_000) / 16_000).astype(np.float32)
    write_wav(tmp_path / "a.wav", ramp)
    late = np.concatenate(list(audio_blocks(tmp_path / "a.wav", start=Fraction(-1, 4))))
    assert len(late) == 20_000
    assert not late[:4_000].any()
    assert np.allclose(late[4_000:], ramp, atol=1e-4)
    early = np.concatenate(list(audio_blocks(tmp_path / "a.wav", start=Fraction(1, 4))))
    assert np.allclose(early, ramp[4_000:], atol=1e-4)


def test_gaps_stay_gaps_and_jitter_stays_joined():
    ones = np.ones(100, np.float32)
    second = Fraction(1)
    gap = [(Fraction(0), ones), (second, ones), (second + Fraction(1, 10), ones)]
    joined = np.concatenate(list(_on_the_clock(gap, 1000, None)))
    assert len(joined) == 1200
    assert np.flatnonzero(joined == 0).tolist() == list(range(100, 1000))
    jitter = [(Fraction(0), ones), (Fraction(11, 100), ones), (None, ones)]  # 10 ms late
    assert np.concatenate(list(_on_the_clock(jitter, 1000, None))).tolist() == [1.0] * 300
    overlap = [(Fraction(0), ones), (Fraction(5, 100), ones)]
    assert len(np.concatenate(list(_on_the_clock(overlap, 1000, None)))) == 150


def test_exactly_so_many_samples():
    blocks = [np.ones(5, np.float32), np.ones(5, np.float32)]
    for wanted in (0, 3, 5, 8, 10, 13):
        got = np.concatenate([np.zeros(0), *exactly(iter(blocks), wanted)])
        assert got.tolist() == [1.0] * min(wanted, 10) + [0.0] * max(0, wanted - 10)


def test_errors_are_one_line(tmp_path):
    with pytest.raises(LipsyncError, match="no such file"):
        read_audio(tmp_path / "missing.wav")
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(LipsyncError, match="not readable"):
        read_audio(tmp_path / "text.wav")
