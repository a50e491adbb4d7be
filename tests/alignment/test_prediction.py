"""The two openings: predicted at instants between frames too, filmed at any frame rate."""

import numpy as np
import pytest

from lipsync.alignment.prediction import (
    BASE,
    filmed_opening,
    load_base,
    measure_recording,
    predict_opening,
)
from lipsync.errors import LipsyncError
from lipsync.media.audio import SAMPLE_RATE
from lipsync.speech.mel import COLUMNS
from tests.alignment.recording import filmed, mouth, tiny_base, voice, write_base


def test_later_audio_is_predicted_later_by_parts_of_a_frame():
    base, audio = tiny_base(), voice(10)
    quarter = SAMPLE_RATE // 100  # samples: 10 ms at 25 fps
    before = predict_opening(base, audio, 250)
    assert before.shape == (COLUMNS * 250,)
    assert before.std() > 0
    inner = slice(40, -40)
    for quarters in (1, 2, 4):
        after = predict_opening(base, np.roll(audio, quarters * quarter), 250)[inner]
        right, wrong = np.roll(before, quarters)[inner], before[inner]
        assert (after - right).std() < 0.1 * before.std(), "all but what was heard before"
        assert (after - wrong).std() > 0.2 * before.std()


def test_a_recording_of_another_frame_rate_is_measured_at_25_fps():
    time = (np.arange(300) + 0.5) / 30
    opening = filmed_opening(*mouth(0.1 + 0.01 * time), 30.0)
    assert opening.shape == (250,)
    inner = slice(1, -1)
    np.testing.assert_allclose(
        opening[inner], (0.1 + 0.01 * (np.arange(250) + 0.5) / 25)[inner], atol=1e-6
    )


def test_frames_without_a_face_have_no_opening():
    opening = np.full(100, 0.1)
    opening[40:50] = np.nan
    np.testing.assert_allclose(filmed_opening(*mouth(opening), 25.0), opening, atol=1e-7)
    at_30 = filmed_opening(*mouth(opening), 30.0)
    assert np.isnan(at_30[34:41]).all()
    assert np.isfinite(at_30[:32]).all()
    assert np.isfinite(at_30[43:]).all()


@pytest.mark.parametrize("late", [-20, 0, 8])
def test_the_lag_of_a_recording_is_that_of_its_lips(late):
    base, audio = tiny_base(), voice(12)
    measured = measure_recording(base, audio, *filmed(base, audio, late), 25.0)
    assert measured.doubt == ""
    assert measured.seconds == pytest.approx(late * 0.01, abs=0.006)


def test_silence_is_a_doubt():
    base, audio = tiny_base(), voice(12)
    measured = measure_recording(base, np.zeros_like(audio), *filmed(base, audio, 0), 25.0)
    assert measured.correlation == 0
    assert measured.doubt


def test_a_base_that_is_missing_or_hears_something_else_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LipsyncError) as missing:
        load_base()
    assert str(missing.value) == (
        "models/shared/base/motion.safetensors: no such file; `git checkout models/shared/base` "
        "brings it back"
    )
    write_base(BASE, tiny_base(features=4 * 20))
    with pytest.raises(LipsyncError, match="was made for 80 audio features a frame, not 320"):
        load_base()
