from fractions import Fraction

import numpy as np
import pytest

from lipsync.media.clock import frame_time, sample_count
from lipsync.speech import mel
from lipsync.speech.encoder import create_encoder
from lipsync.speech.mel import BANDS, COLUMNS, MelEncoder
from lipsync.speech.params import SpeechParams
from lipsync.speech.segments import excerpt

NTSC = Fraction(30_000, 1001)


@pytest.fixture(scope="module")
def encoder() -> MelEncoder:
    return MelEncoder(25)


def speechlike(seconds: float) -> np.ndarray:
    """Noise in bursts, (n,) float32."""
    rng = np.random.default_rng(0)
    n = round(seconds * 16_000)
    envelope = np.abs(np.sin(np.arange(n) / 1500)) ** 3
    return (rng.normal(0, 0.2, n) * envelope).clip(-1, 1).astype(np.float32)


def test_the_factory_makes_what_params_name():
    encoder = create_encoder(SpeechParams(encoder="mel"), 25)
    assert encoder.dimension == COLUMNS * BANDS == 320
    rows = encoder.encode(speechlike(1), 25)
    assert (rows.shape, rows.dtype) == ((25, 320), np.float32)
    assert (encoder.silence.shape, encoder.silence.dtype) == ((320,), np.float32)


def test_digital_silence_is_zero_and_loud_speech_about_one(encoder):
    assert not encoder.encode(np.zeros(16_000, np.float32), 25).any()
    assert not encoder.silence.any()
    time = np.arange(16_000) / 16_000
    voice = sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 30))
    loud = encoder.encode((0.8 * voice / np.abs(voice).max()).astype(np.float32), 25)
    assert 0.8 < np.percentile(loud[5:20], 99) < 1.3
    assert encoder.encode(speechlike(1), 25).min() >= 0


def test_louder_is_the_same_step_up_everywhere(encoder):
    rows = encoder.encode(speechlike(1), 25)
    louder = encoder.encode(10 * speechlike(1), 25)
    heard = rows > 0
    assert np.allclose((louder - rows)[heard], 2 / mel.DECADES, atol=1e-4)  # 20 dB: 2 decades


@pytest.mark.parametrize("fps", [25, NTSC, 30, 50, 23.976])
@pytest.mark.parametrize("frame", [0, 7, 40])
def test_a_click_in_the_middle_of_a_frame_sits_in_the_middle_of_its_row(fps, frame):
    samples = np.zeros(32_000, np.float32)
    samples[round(frame_time(frame, fps) * 16_000)] = 1
    rows = MelEncoder(fps).encode(samples, 42)
    columns = rows.reshape(42, COLUMNS, BANDS).mean(axis=2)
    assert np.argmax(columns.max(axis=1)) == frame
    first, left, right, last = columns[frame]
    assert left == pytest.approx(right, abs=0.01)
    assert first == pytest.approx(last, abs=0.05)
    assert min(left, right) > max(first, last)
    assert columns.sum() == pytest.approx(columns[max(frame - 1, 0) : frame + 2].sum())


@pytest.mark.parametrize("fps", [25, NTSC, 29.97, 50])
def test_an_hour_does_not_drift(fps):
    """A click in the middle of the last frames of an hour, by exact arithmetic."""
    encoder = MelEncoder(fps)
    frames = int(3600 * Fraction(fps).limit_denominator(10_000))
    samples = np.zeros(sample_count(frames, fps, 16_000), np.float32)
    samples[round(frame_time(frames - 1, fps) * 16_000)] = 1
    heard = encoder._windows(excerpt(samples, *encoder.span(frames - 1, 1)), frames - 1, 1)
    assert heard.shape == (COLUMNS, mel.WINDOW)
    positions = heard.argmax(axis=1)  # of the click within each window
    assert (heard.max(axis=1) == 1).tolist()[1:3] == [True, True]
    assert abs((positions[1] + positions[2]) / 2 - mel.WINDOW / 2) <= 1


def test_the_grid_makes_no_difference(monkeypatch, encoder):
    samples = speechlike(4)
    whole = encoder.encode(samples, 100)
    monkeypatch.setattr(encoder, "segment", 7)
    assert np.allclose(encoder.encode(samples, 100), whole, atol=1e-5)


def test_a_row_depends_on_the_sound_around_its_frame_alone(encoder):
    """So live rendering, which knows no utterance, sees the rows of training."""
    samples = speechlike(4)
    whole = encoder.encode(samples, 100)
    part = encoder.encode(samples[40 * 640 : 60 * 640], 20)
    assert np.allclose(part[1:-1], whole[41:59], atol=1e-5)
    assert not np.allclose(part[0], whole[40], atol=1e-3)  # silence before it, not sound


def test_beyond_the_ends_is_silence(encoder):
    samples = speechlike(1)
    rows = encoder.encode(samples, 30)
    assert not rows[26:].any()
    padded = encoder.encode(np.concatenate([samples, np.zeros(5 * 640, np.float32)]), 30)
    assert np.array_equal(rows, padded)
    assert not encoder.encode(np.zeros(0, np.float32), 3).any()
    assert encoder.encode(samples, 0).shape == (0, 320)
