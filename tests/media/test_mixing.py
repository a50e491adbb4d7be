"""One channel from any number of them, in any format."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lipsync.media.audio import read_audio
from lipsync.media.mixing import mono_weights
from tests.media.files import rms, voice, write_file, write_riff

FORMATS = [(8, False), (16, False), (24, False), (32, False), (32, True), (64, True)]


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    count=st.integers(1, 24),
    rate=st.sampled_from([8000, 11_025, 22_050, 44_100, 48_000, 96_000]),
    form=st.sampled_from(FORMATS),
    named=st.sampled_from(["plain", "named", "without places"]),
    with_voice=st.data(),
)
def test_a_voice_in_any_channels_keeps_its_length_and_level(
    tmp_path, count, rate, form, named, with_voice
):
    """In all channels, or some of them: it is as loud as in one. Nothing crashes."""
    mask = {"plain": None, "named": (1 << min(count, 18)) - 1, "without places": 0}[named]
    spoken = with_voice.draw(st.sets(st.integers(0, count - 1), min_size=1), label="channels")
    signs = with_voice.draw(st.lists(st.sampled_from([1, -1]), min_size=count, max_size=count))
    channels = np.zeros((count, rate // 2), np.float32)
    for channel in spoken:
        channels[channel] = signs[channel] * voice(0.5, rate)
    path = write_riff(tmp_path / "a.wav", channels, rate, *form, mask)
    got = read_audio(path, rate)
    assert len(got) == rate // 2
    level = rms(got) / rms(voice(0.5, rate))
    assert level <= 1.05
    # A channel for effects has no share, unless the voice is there alone.
    heard = spoken - {3} if mask and spoken != {3} else spoken
    surround = mask and {0, 1, 2} <= set(range(count)) and 2 in spoken
    weak = surround or len({signs[channel] for channel in heard}) > 1
    assert level >= (0.3 if weak else 0.69), "the voice is lost"


PLANAR = [  # container, codec, sample format, layout: frames come in planes, some with 8 of them
    ("a.mp4", "aac", "mono"), ("a.mp4", "aac", "stereo"), ("a.mp4", "aac", "7.1"),
    ("a.mkv", "ac3", "5.1"), ("a.mp4", "alac", "stereo"), ("a.mkv", "flac", "5.1"),
    ("a.mkv", "libmp3lame", "stereo"), ("a.mkv", "tta", "quad"), ("a.wv", "wavpack", "5.1"),
    ("a.mkv", "libopus", "7.1"),
]  # fmt: skip


@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize(("name", "codec", "layout"), PLANAR)
def test_a_voice_in_planes_and_at_another_rate(tmp_path, name, codec, layout, rate):
    """In all channels of compressed audio, read at other rates: as long and as loud as in one."""
    count = {"mono": 1, "stereo": 2, "quad": 4, "5.1": 6, "7.1": 8}[layout]
    sound = np.tile(voice(1), (count, 1))
    path = write_file(tmp_path / name, video="", audio=codec, layout=layout, sounds=[sound])
    got = read_audio(path, rate)
    assert len(got) / rate == pytest.approx(1, abs=0.07)
    inner = slice(round(0.1 * rate), round(0.9 * rate))
    assert rms(got[inner]) == pytest.approx(rms(voice(1, rate)[inner]), rel=0.1)


def test_eight_planar_channels_do_not_end_the_process(tmp_path):
    """PyAV's planes of 8 or more planar channels read beyond the list: AAC in 7.1."""
    surround = np.zeros((8, 48_000), np.float32)
    surround[2] = voice(1)
    path = write_file(tmp_path / "a.mp4", sounds=[surround], layout="7.1")
    assert rms(read_audio(path, 48_000)) == pytest.approx(rms(voice(1)), rel=0.05)


def test_the_centre_of_5_1_has_full_weight(tmp_path):
    surround = np.zeros((6, 48_000), np.float32)
    surround[2] = voice(1)
    path = write_file(tmp_path / "a.mp4", sounds=[surround], layout="5.1")
    assert rms(read_audio(path, 48_000)) == pytest.approx(rms(voice(1)), rel=0.05)
    names = ["FL", "FR", "FC", "LFE", "SL", "SR"]
    apart = np.diag([1.0, 1, 100, 1, 1, 1])  # ITU-R BS.775-3, table 2, mono
    weights = mono_weights(names, apart)
    np.testing.assert_allclose(weights / weights[2], [0.5**0.5, 0.5**0.5, 1, 0, 0.5, 0.5])


def test_antiphase_is_no_silence(tmp_path):
    both = np.stack([voice(1), -voice(1)])
    path = write_file(tmp_path / "a.mkv", sounds=[both], layout="stereo", audio="pcm_s16le")
    assert rms(read_audio(path, 48_000)) == pytest.approx(rms(voice(1)), rel=0.01)


def test_stereo_is_the_mean_and_a_silent_channel_has_no_share():
    np.testing.assert_allclose(mono_weights(["FL", "FR"], np.array([[1, 0.9], [0.9, 1]])), 0.5)
    np.testing.assert_allclose(mono_weights(["FL", "FR"], np.diag([1.0, 1e-9])), [1, 0])
    np.testing.assert_allclose(mono_weights(["FL", "FR"], np.zeros((2, 2))), 0.5)


def test_the_same_voice_everywhere_is_not_louder():
    names = ["FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"]
    weights = mono_weights(names, np.ones((8, 8)))
    assert weights.sum() == pytest.approx(1)
