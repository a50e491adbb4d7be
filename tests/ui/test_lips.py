"""The measure of lips that follow, on pictures that are as late as the test makes them."""

import numpy as np
import pytest

from lipsync.media.audio import read_audio
from tests.tiny_avatar import FPS, write_tiny_avatar
from tests.ui.lips import (
    EAR,
    QUIET,
    RATE,
    SECONDS,
    Watched,
    assert_lips_follow,
    expected_mouth,
    following,
    write_speech,
)

BEGUN = 4.2  # seconds into the file when the first picture is shown


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    return write_tiny_avatar(tmp_path_factory.mktemp("still") / "still", drift=0)


@pytest.fixture(scope="module")
def speech(root, tmp_path_factory):
    sample = root / "data/speech/sample.wav"
    return write_speech(sample, tmp_path_factory.mktemp("speech") / "speech.wav")


def watched(mouth: np.ndarray, sound: np.ndarray, late: float) -> Watched:
    """16 s of pictures, every fourth lost, of a mouth that is so many seconds late."""
    numbers = np.array([number for number in range(16 * FPS) if number % 4])
    heard = BEGUN + (numbers + 0.5) / FPS
    spoken = np.round((heard - late) * FPS - 0.5).astype(int)
    ends = np.round(heard * RATE).astype(int)
    parts = (sound[np.arange(end - EAR, end) % len(sound)] for end in ends)
    levels = np.array([np.sqrt(np.square(part).mean()) for part in parts])
    return Watched(numbers, mouth[spoken % len(mouth)], levels)


@pytest.mark.slow
def test_it_tells_how_late_lips_are_and_refuses_what_is_too_late_or_does_not_follow(still, speech):
    mouth, sound = expected_mouth(still, speech, 0), read_audio(speech, RATE)
    for late in (0.2, 1.2):
        found = assert_lips_follow(watched(mouth, sound, late), still, speech)
        assert found == pytest.approx(late, abs=0.041)
    assert following(watched(mouth, sound, 3.0), still, speech).late == pytest.approx(3, abs=0.041)
    with pytest.raises(AssertionError, match=r"late=3\.0"):
        assert_lips_follow(watched(mouth, sound, 3.0), still, speech)
    with pytest.raises(AssertionError, match="fit="):
        assert_lips_follow(watched(np.roll(mouth[::-1], 7), sound, 0.2), still, speech)
    open_mouth = mouth.copy()
    open_mouth[SECONDS * FPS : (SECONDS + QUIET) * FPS] += 60
    with pytest.raises(AssertionError, match="the mouth is open in silence"):
        assert_lips_follow(watched(open_mouth, sound, 0.2), still, speech)
