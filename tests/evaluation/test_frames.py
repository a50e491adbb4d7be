"""Which frames are rendered, and what is heard with them."""

import numpy as np
import pytest

from lipsync.evaluation.frames import choose_frames, run_numbers, sound_of


def test_a_short_part_is_rendered_whole() -> None:
    np.testing.assert_array_equal(choose_frames(400, 500, 25.0, 500), np.arange(400, 500))
    np.testing.assert_array_equal(choose_frames(480, 500, 25.0, 10), np.arange(480, 500))


@pytest.mark.parametrize("fps", [25.0, 30.0])
def test_a_long_part_is_rendered_in_spread_runs_of_two_seconds(fps: float) -> None:
    frames = choose_frames(4800, 6000, fps, 500)
    length = round(2 * fps)
    assert 500 - length < len(frames) <= 500
    assert (frames[0], frames[-1]) == (4800, 5999)
    assert (np.diff(frames) > 0).all()
    numbers, counts = np.unique(run_numbers(frames), return_counts=True)
    np.testing.assert_array_equal(numbers, np.arange(len(frames) // length))
    assert (counts == length).all()
    gaps = np.diff(frames)[np.diff(frames) > 1]
    assert np.ptp(gaps) <= 1


def test_runs_that_touch_are_one() -> None:
    np.testing.assert_array_equal(run_numbers(np.array([7, 8, 9, 20, 21])), [0, 0, 0, 1, 1])
    assert len(choose_frames(0, 100, 25.0, 99)) == 50  # one run; two would be all of it


def test_the_sound_is_that_of_the_frames() -> None:
    rate, fps = 16_000, 25.0
    sound = np.repeat(np.arange(100), rate // 25).astype(np.float32)  # its frame's number
    frames = np.array([3, 4, 50, 51, 52])
    np.testing.assert_array_equal(sound_of(sound, frames, fps, rate), np.repeat(frames, 640))
