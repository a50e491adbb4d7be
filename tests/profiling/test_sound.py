"""Speech, pauses and noise of sounds made by hand, and what is said of them."""

import numpy as np
import pytest

from lipsync.profiling.params import ProfileParams
from lipsync.profiling.recording import Timing
from lipsync.profiling.rules import Figure
from lipsync.profiling.sound import FLOOR, frame_levels, listen
from lipsync.profiling.sound_figures import of_sound, offset

RATE = 16_000


def recording(speech: float, noise: float, seconds: float = 10, pause: float = 2) -> np.ndarray:
    """Syllables at a level of ``speech`` dBFS while they last, over noise, pauses at both ends."""
    draw = np.random.default_rng(0)
    time = np.arange(round(seconds * RATE)) / RATE
    spoken = (time >= pause) & (time < seconds - pause)
    syllables = spoken * (np.sin(2 * np.pi * 4 * time) > 0)  # half of the time, 4 a second
    voice = np.sqrt(2) * syllables * draw.normal(size=len(time)) * 10 ** (speech / 20)
    return (voice + draw.normal(size=len(time)) * 10 ** (noise / 20)).astype(np.float32)


def figures(sound: np.ndarray | None) -> dict[str, Figure]:
    heard = None if sound is None else listen(sound)
    return {figure.key: figure for figure in of_sound(heard, ProfileParams())}


def test_levels_and_shares_are_those_that_were_made():
    found = listen(recording(speech=-25, noise=-60))
    assert found.speech == pytest.approx(0.6, abs=0.05)
    assert found.pauses == pytest.approx(4, abs=0.5)
    assert found.noise == pytest.approx(-60, abs=0.5)
    assert found.level == pytest.approx(-25, abs=1)
    assert not found.noise_is_bound
    assert found.clipped == 0


@pytest.mark.parametrize(("noise", "verdict"), [(-60, "green"), (-45, "amber"), (-34, "red")])
def test_speech_over_noise_is_judged(noise, verdict):
    assert figures(recording(speech=-25, noise=noise))["snr"].verdict == verdict


def test_digital_silence_is_the_quietest_there_is():
    found = figures(recording(speech=-25, noise=-200))
    assert found["noise"].value == FLOOR
    assert found["noise"].verdict == found["snr"].verdict == "green"


def test_without_pauses_the_quietest_moment_is_a_bound():
    sound = recording(speech=-25, noise=-60, pause=0)
    sound[40_000:44_800] *= 10 ** (-20 / 20)  # 0.3 s within the speech
    found = figures(sound)
    assert found["silence"].verdict == "amber"
    assert found["noise"].details["is_bound"] is True
    assert found["noise"].value < -45
    loud = figures(recording(speech=-25, noise=-34))
    assert loud["noise"].details["is_bound"] is True
    assert "no moment is quiet" in loud["snr"].advice


def test_a_distorted_or_faint_voice_is_named():
    loud = figures(np.clip(recording(speech=0, noise=-60), -1, 1))["speech_level"]
    assert loud.verdict == "red"
    assert "too loud" in loud.advice
    faint = figures(recording(speech=-45, noise=-80))["speech_level"]
    assert faint.verdict == "amber"
    assert "faint" in faint.advice


def test_nobody_speaking_is_red():
    found = figures(np.zeros(5 * RATE, np.float32))
    assert found["speech"].verdict == "red"
    assert found["speech_level"].value is None
    assert figures(None)["speech"].verdict == "red"
    assert figures(None).keys() == {"speech"}


def test_levels_of_frames_lie_where_the_sound_is():
    sound = np.zeros(RATE, np.float32)
    sound[640 * 10 : 640 * 11] = 0.1
    levels = frame_levels(sound, 25)
    assert levels.shape == (25,)
    assert levels[10] == pytest.approx(-20, abs=0.01)
    assert (np.delete(levels, 10) == FLOOR).all()


@pytest.mark.parametrize(
    ("timing", "verdict", "words"),
    [
        (Timing(10, -30, 50, True, 0, ""), "green", "in step"),
        (Timing(80, 50, 110, True, 0, ""), "red", "out of step"),
        (Timing(80, 50, 110, True, 80, ""), "green", "delayed by 80 ms"),
        (Timing(-10, -40, 20, True, 80, ""), "red", "out of step"),
        (Timing(80, 50, 110, False, 0, "by chance"), "amber", "p and b"),
        (Timing(None, None, None, False, 0, "only 3.0 s"), "amber", "not measured, only 3.0 s"),
    ],
)
def test_what_is_left_of_the_offset_is_judged(timing, verdict, words):
    figure = offset(timing, 25)
    assert figure.verdict == verdict
    assert words in figure.advice
    if timing.measured_ms is not None:
        assert figure.value == timing.measured_ms - timing.applied_ms
