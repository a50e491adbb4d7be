"""Offsets of hand-made recordings, whose lips follow the sound at a known lag."""

import numpy as np
import pytest

from lipsync.alignment.correction import choose_delay, delay, describe
from lipsync.alignment.offset import LEAD, LEAST_BLOCKS, Offset, measure_offset
from lipsync.alignment.scan import scan_lags
from lipsync.alignment.signals import lip_movement, sound_columns
from lipsync.faces.landmarks import LIPS

FPS, FRAMES = 25.0, 500


def recording(late: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Columns and targets of a recording whose sound is ``late`` quarters of a frame too late."""
    draw = np.random.default_rng(seed)
    sound = draw.normal(size=(4 * FRAMES + 8, 10))
    smooth = np.stack([np.convolve(band, np.hanning(12), "same") for band in sound.T], 1)
    columns = smooth[4:-4]
    heard = (columns[1::4] + columns[2::4]) / 2  # (N, 10) at the middle of each frame
    targets = heard @ draw.normal(size=(10, 6)) + draw.normal(size=(FRAMES, 6))
    return np.roll(columns, late, 0), targets


@pytest.mark.parametrize("late", [-20, -4, 0, 3, 12])
def test_a_known_lag_is_found(late):
    measured = measure_offset(*recording(late), FPS)
    assert measured.doubt == ""
    assert measured.seconds is not None
    assert LEAD - measured.seconds == pytest.approx(late / (4 * FPS), abs=0.005)
    assert measured.low < measured.seconds < measured.high
    assert measured.excludes(1 / FPS) == (abs(late) >= 12 + 8 * (late > 0))


def test_people_differ_so_no_interval_is_narrow():
    measured = measure_offset(*recording(0), FPS)
    assert 0.2 < measured.high - measured.low < 0.3


@pytest.mark.parametrize("seed", range(4))
def test_sound_of_something_else_moves_nothing(seed):
    columns, _ = recording(0, seed)
    _, targets = recording(0, seed + 100)
    measured = measure_offset(columns, targets, FPS)
    assert measured.doubt
    assert not measured.excludes(0)
    assert choose_delay("auto", measured, 1 / FPS) == 0


def test_too_little_of_the_lips_says_nothing():
    columns, targets = recording(12)
    targets[round((LEAST_BLOCKS - 1) * FPS) :] = np.nan
    measured = measure_offset(columns, targets, FPS)
    assert measured.seconds is None
    assert "only 7 s with lips in view, 8 are needed" in measured.doubt
    short = measure_offset(columns[:160], targets[:40], FPS)
    assert short.seconds is None


def test_silence_agrees_with_nothing():
    _, targets = recording(0)
    scan = scan_lags(np.zeros((4 * FRAMES, 10)), targets, FPS)
    assert scan is not None
    assert (scan.correlations() <= 0).all()
    assert measure_offset(np.zeros((4 * FRAMES, 10)), targets, FPS).doubt


def test_the_same_recording_gives_the_same_interval():
    first, again = (measure_offset(*recording(3), FPS) for _ in range(2))
    assert (first.low, first.high) == (again.low, again.high)


def test_a_click_lies_in_the_column_of_its_time():
    sound = np.zeros(16_000, np.float32)
    sound[8_000] = 1  # 0.5 s
    columns = sound_columns(sound, 25, FPS).mean(1)
    assert columns.shape == (100,)
    assert columns.argmax() in (49, 50)  # centred on 0.495 and 0.505 s
    assert columns[:46].max() == columns[54:].max() == 0


def test_movement_is_measured_between_the_right_points():
    lips = np.zeros((4, len(LIPS), 2), np.float32)
    for lower in (14, 87, 317):
        lips[:, LIPS.index(lower), 1] = [0, 1, 4, 9]
    lips[:, LIPS.index(291), 0] = 30
    lips[:, LIPS.index(17), 1] = 12
    found = lip_movement(lips)
    np.testing.assert_allclose(found[:, 0], [0, 1, 4, 9])
    np.testing.assert_allclose(found[:, 1:3], [[30, 12]] * 4)
    np.testing.assert_allclose(found[1:3, 3:], [[2, 0, 0], [4, 0, 0]])
    assert np.isnan(found[[0, 3], 3:]).all()


def test_a_positive_delay_is_later_and_the_length_stays():
    sound = np.arange(1, 6, dtype=np.float32)
    assert delay(sound, 0.002, 1000).tolist() == [0, 0, 1, 2, 3]
    assert delay(sound, -0.002, 1000).tolist() == [3, 4, 5, 0, 0]
    assert delay(sound, 0, 1000).tolist() == sound.tolist()
    assert not delay(sound, 0.009, 1000).any()
    assert not delay(sound, -0.009, 1000).any()


def measured(seconds: float, spread: float, doubt: str = "") -> Offset:
    nothing = np.zeros(0)
    return Offset(seconds, seconds - spread, seconds + spread, 0.5, 0.1, doubt, nothing, nothing)


@pytest.mark.parametrize(
    ("wanted", "found", "applied"),
    [
        (0.0, measured(0.2, 0.1), 0.0),
        (-80.0, measured(0.2, 0.1), -0.08),
        ("auto", measured(0.2, 0.1), 0.2),
        ("auto", measured(-0.2004, 0.1), -0.2),
        ("auto", measured(0.1, 0.1), 0.0),  # may be less than a frame
        ("auto", measured(0.2, 0.1, "too short"), 0.0),
    ],
)
def test_auto_mends_only_what_is_certain(wanted, found, applied):
    assert choose_delay(wanted, found, 0.04) == applied


@pytest.mark.parametrize(
    ("wanted", "found", "warned", "words"),
    [
        (0.0, measured(0.2, 0.1), True, "ahead of the picture by 200 ms"),
        ("auto", measured(0.2, 0.1), False, "the sound is delayed by 200 ms"),
        (200.0, measured(0.2, 0.1), False, "the sound is delayed by 200 ms"),
        (-200.0, measured(0.2, 0.1), True, "the sound is delayed by -200 ms"),
        ("auto", measured(0.1, 0.1), False, "auto leaves it"),
        ("auto", measured(0.2, 0.1, "too short"), False, "cannot be told, too short"),
        (0.0, measured(0.1, 0.1), False, "95 % interval 0 to 200"),
    ],
)
def test_what_is_left_is_warned_of(wanted, found, warned, words):
    text, warning = describe(found, wanted, choose_delay(wanted, found, 0.04), 0.04)
    assert warning == warned
    assert words in text
    assert "\n" not in text
