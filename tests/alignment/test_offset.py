"""Offsets of made-up openings, of which the filmed one follows the predicted one at a known lag."""

import numpy as np
import pytest

from lipsync.alignment.correction import choose_delay, delay, describe
from lipsync.alignment.offset import LEAST_SECONDS, MAX_LAG, Offset, measure_offset, unmeasured

FPS, STEPS, FRAMES = 25.0, 4, 200  # 8 s


def openings(
    late: int, frames: int = FRAMES, noise: float = 1.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Predicted (4 N,) and filmed (N,); the audio comes ``late`` quarters of a frame too late.

    noise: deviation of what no audio tells, of that of the prediction
    """
    draw = np.random.default_rng(seed)
    mouth = np.convolve(draw.normal(size=STEPS * frames), np.hanning(21), "same")
    other = np.convolve(draw.normal(size=STEPS * frames), np.hanning(21), "same")
    filmed = 0.1 + 0.01 * (mouth + noise * other)[::STEPS]
    return np.roll(mouth, late), filmed


@pytest.mark.parametrize("late", [-32, -20, -4, -1, 0, 3, 12, 32])
def test_a_known_lag_is_found_to_a_fraction_of_a_frame(late):
    measured = measure_offset(*openings(late), FPS, STEPS)
    assert measured.doubt == ""
    assert -measured.seconds == pytest.approx(late / (STEPS * FPS), abs=0.008)
    assert measured.low < measured.seconds < measured.high
    assert measured.high - measured.low < 0.08, "8 s tell it to a frame"
    assert measured.excludes(1 / FPS) == (abs(late) >= 12)


def test_one_prediction_a_frame_is_enough():
    predicted, filmed = openings(10)
    measured = measure_offset(predicted[::STEPS], filmed, FPS)
    assert measured.seconds == pytest.approx(-0.1, abs=0.01)
    assert np.diff(measured.lags).max() == pytest.approx(0.01)


def test_lags_are_seconds_at_any_frame_rate():
    predicted, filmed = openings(8, frames=400)
    assert measure_offset(predicted, filmed, 50.0, STEPS).seconds == pytest.approx(-0.04, abs=0.005)


@pytest.mark.parametrize("seed", range(6))
def test_lips_of_something_else_are_a_doubt_and_move_nothing(seed):
    predicted, _ = openings(0, seed=seed)
    _, filmed = openings(0, seed=seed + 100)
    measured = measure_offset(predicted, filmed, FPS, STEPS)
    assert "no better than with that of other instants" in measured.doubt
    assert not measured.excludes(0)
    assert choose_delay("auto", measured, 1 / FPS) == 0


def test_more_seconds_make_a_weaker_agreement_certain():
    short, long = (openings(12, frames, noise=4.0) for frames in (FRAMES, 8 * FRAMES))
    assert measure_offset(*short, FPS, STEPS).doubt
    measured = measure_offset(*long, FPS, STEPS)
    assert measured.doubt == ""
    assert measured.seconds == pytest.approx(-0.12, abs=0.01)


def test_too_few_seconds_with_a_face_say_nothing():
    predicted, filmed = openings(12)
    filmed[round((LEAST_SECONDS - 1) * FPS) :] = np.nan
    measured = measure_offset(predicted, filmed, FPS, STEPS)
    assert measured.seconds is None
    assert measured.doubt == "only 3.0 s with a face and audio, 4 are needed"
    assert measure_offset(np.zeros(0), np.zeros(0), FPS, STEPS).seconds is None


def test_frames_without_a_face_are_left_out():
    predicted, filmed = openings(12)
    filmed[50:70] = np.nan
    assert measure_offset(predicted, filmed, FPS, STEPS).seconds == pytest.approx(-0.12, abs=0.01)


def test_slow_changes_and_a_single_outlier_do_not_matter():
    predicted, filmed = openings(12)
    slow = 0.5 * np.sin(np.arange(FRAMES) / FPS)  # 6 s long, 20 times as wide as the opening
    filmed = filmed + slow
    filmed[60] += 0.3
    measured = measure_offset(predicted, filmed, FPS, STEPS)
    assert measured.doubt == ""
    assert measured.seconds == pytest.approx(-0.12, abs=0.01)


def test_what_never_moves_agrees_with_nothing():
    predicted, filmed = openings(0)
    for pair in ((np.full_like(predicted, 0.3), filmed), (predicted, np.full_like(filmed, 0.1))):
        measured = measure_offset(*pair, FPS, STEPS)
        assert measured.curve.max() == 0
        assert measured.doubt


def test_more_than_what_is_looked_for_is_a_doubt():
    predicted, filmed = openings(round((MAX_LAG + 0.01) * STEPS * FPS), noise=0.2)
    assert "more than 0.6 s apart" in measure_offset(predicted, filmed, FPS, STEPS).doubt


def test_the_score_is_that_of_the_best_lag_and_falls_with_the_noise():
    clean, noisy = (measure_offset(*openings(12, noise=n), FPS, STEPS) for n in (0.2, 1.0))
    assert clean.correlation > 0.9 > noisy.correlation > 0.5
    assert clean.as_it_is < 0.7 * clean.correlation
    for found in (clean, noisy):
        low, high = found.correlation_interval
        assert low < found.correlation < high
        assert found.as_it_is_interval[0] < found.as_it_is < found.as_it_is_interval[1]


def test_the_same_recording_gives_the_same_interval():
    first, again = (measure_offset(*openings(3), FPS, STEPS) for _ in range(2))
    assert (first.low, first.high) == (again.low, again.high)


def test_a_positive_delay_is_later_and_the_length_stays():
    audio = np.arange(1, 6, dtype=np.float32)
    assert delay(audio, 0.002, 1000).tolist() == [0, 0, 1, 2, 3]
    assert delay(audio, -0.002, 1000).tolist() == [3, 4, 5, 0, 0]
    assert delay(audio, 0, 1000).tolist() == audio.tolist()
    assert not delay(audio, 0.009, 1000).any()
    assert not delay(audio, -0.009, 1000).any()


def measured(seconds: float, spread: float, doubt: str = "") -> Offset:
    nothing, unknown = np.zeros(0), (0.0, 0.0)
    low, high = seconds - spread, seconds + spread
    return Offset(seconds, low, high, 0.5, unknown, 0.1, unknown, 0.3, doubt, nothing, nothing)


@pytest.mark.parametrize(
    ("wanted", "found", "applied"),
    [
        (0.0, measured(0.2, 0.03), 0.0),
        (-80.0, measured(0.2, 0.03), -0.08),
        ("auto", measured(0.2, 0.03), 0.2),
        ("auto", measured(-0.0804, 0.03), -0.08),
        ("auto", measured(0.052, 0.03), 0.052),
        ("auto", measured(0.045, 0.03), 0.0),  # may be less than half a frame
        ("auto", measured(0.2, 0.03, "too short"), 0.0),
        ("auto", unmeasured("too short"), 0.0),
    ],
)
def test_auto_corrects_what_is_certain(wanted, found, applied):
    assert choose_delay(wanted, found, 0.04) == applied


@pytest.mark.parametrize(
    ("wanted", "found", "warned", "words"),
    [
        (0.0, measured(0.08, 0.03), True, "ahead of the picture by 80 ms"),
        (0.0, measured(0.06, 0.03), False, "95 % interval 30 to 90"),
        ("auto", measured(0.2, 0.03), False, "the audio is delayed by 200 ms"),
        (200.0, measured(0.2, 0.03), False, "the audio is delayed by 200 ms"),
        (-200.0, measured(0.2, 0.03), True, "the audio is delayed by -200 ms"),
        ("auto", measured(0.03, 0.03), False, "auto leaves it"),
        ("auto", measured(0.2, 0.03, "too short"), False, "cannot be told, too short"),
        (80.0, unmeasured("no base"), False, "no base; the audio is delayed by 80 ms"),
    ],
)
def test_what_is_left_is_warned_of(wanted, found, warned, words):
    text, warning = describe(found, wanted, choose_delay(wanted, found, 0.04), 0.04)
    assert warning == warned
    assert words in text
    assert "\n" not in text
