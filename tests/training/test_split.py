"""The held-out part lies over usable frames and whole shots; one shot is split as ever."""

import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.training.params import SplitParams
from lipsync.training.split import (
    MIN_SHOT,
    Split,
    brief_shots,
    read_split,
    split_frames,
    usable_frames,
    write_split,
)

PARAMS = SplitParams(validation=0.2, gap=1.0)


def usable(frames: int, *unused: tuple[int, int]) -> np.ndarray:
    found = np.ones(frames, bool)
    for start, end in unused:
        found[start:end] = False
    return found


@pytest.mark.parametrize("frames", [125, 127, 709, 975, 5000])
@pytest.mark.parametrize("share", [0.2, 0.25, 0.33])
def test_one_shot_that_shows_the_face_is_split_by_its_frames(frames: int, share: float) -> None:
    split = split_frames(usable(frames), 25, SplitParams(validation=share, gap=0.4))
    start = frames - round(frames * share)
    assert split == Split(start - 10, start, frames)


def test_cards_at_the_ends_cost_nothing() -> None:
    """A fifth of what shows the face is held out, wherever it lies."""
    split = split_frames(usable(1000, (0, 200), (600, 1000)), 25, PARAMS)
    assert (split.training_end, split.validation_start) == (495, 520)
    assert split.frames == 1000


def test_the_held_out_part_begins_with_a_shot() -> None:
    cuts = (100, 400, 770, 900)
    split = split_frames(usable(1000), 25, PARAMS, cuts)
    assert split == Split(745, 770, 1000, cuts)
    split = split_frames(usable(1000, (880, 1000)), 25, PARAMS, cuts)
    assert split.validation_start == 770  # 110 frames are nearer to 176 than 480 are


def test_shots_of_another_length_are_divided() -> None:
    split = split_frames(usable(1000), 25, PARAMS, (300, 980))
    assert split == Split(775, 800, 1000, (300, 980))


def test_a_short_video_keeps_enough_held_out() -> None:
    split = split_frames(usable(100, (50, 56)), 25, PARAMS)
    assert split.validation_start == 80


def test_what_is_left_out_is_counted_in_the_refusal() -> None:
    with pytest.raises(LipsyncError, match="100 frames, of which 60 show the face uncovered, at"):
        split_frames(usable(100, (0, 40)), 25, SplitParams(validation=0.4, gap=1.0))
    with pytest.raises(LipsyncError, match=r"of which 0 show the face uncovered.* leave 0 for"):
        split_frames(np.zeros(100, bool), 25, PARAMS)


def test_covered_frames_and_scraps_of_shots_do_not_count() -> None:
    cuts = np.array([50, 50 + MIN_SHOT - 1, 90])
    assert np.flatnonzero(brief_shots(cuts, 100)).tolist() == [50, 51, 52, 53]
    covered, seen = ~usable(100, (20, 30)), usable(100, (95, 100))
    left_out = ~usable_frames(seen, cuts, covered)
    assert np.flatnonzero(left_out).tolist() == [*range(20, 30), *range(50, 54), *range(95, 100)]


def test_consecutive_frames_are_those_of_one_shot() -> None:
    split = Split(20, 30, 50, cuts=(8, 34))
    valid = usable(50, (15, 16))
    assert split.training_runs(valid, 5).tolist() == [0, 1, 2, 3, 8, 9, 10]
    assert split.held_out_runs(valid, 5).tolist() == [*range(34, 46)]
    whole = Split(20, 30, 50)
    assert whole.training_runs(valid, 5).tolist() == [*range(11)]
    assert whole.held_out_runs(valid, 5).tolist() == [*range(30, 46)]


def test_a_split_is_read_as_it_was_written(tmp_path) -> None:
    path, split = tmp_path / "split.json", Split(10, 20, 40, (5, 25))
    write_split(path, split)
    assert read_split(path, 40) == split
    with pytest.raises(LipsyncError, match=r"split.json: of 40 frames, not 41; run `dvc repro`"):
        read_split(path, 41)
    path.write_text("{")
    with pytest.raises(LipsyncError, match=r"split.json: damaged: "):
        read_split(path, 40)
    with pytest.raises(LipsyncError, match="no such file; run `dvc repro`"):
        read_split(tmp_path / "none.json", 40)
