"""frames.max_count: how many frames a training may use, and which."""

import numpy as np
import pytest

from lipsync.training.params import SplitParams
from lipsync.training.split import SEGMENT, limit_training, runs, split_frames

FRAMES = 2000
SPLIT = split_frames(np.ones(FRAMES, bool), 25.0, SplitParams())


@pytest.mark.parametrize("most", [100, 130, 500, 1500])
def test_at_most_so_many_frames_evenly_spread(most):
    used = limit_training(np.ones(FRAMES, bool), SPLIT, most)
    chosen = np.flatnonzero(used[: SPLIT.training_end])
    assert most - SEGMENT < len(chosen) <= most
    assert chosen[0] == 0
    assert chosen[-1] == SPLIT.training_end - 1
    quarters = np.histogram(chosen, 4, (0, SPLIT.training_end))[0]
    assert quarters.max() - quarters.min() <= 2 * SEGMENT
    clips = runs(used[: SPLIT.training_end], 5)
    assert len(np.unique(clips[:, None] + np.arange(5))) == len(chosen)  # every frame is in a clip


def test_held_out_frames_are_all_there():
    used = limit_training(np.ones(FRAMES, bool), SPLIT, 100)
    assert used[SPLIT.training_end :].all()


@pytest.mark.parametrize("most", [None, SPLIT.training_end, 10**6])
def test_enough_for_all_changes_nothing(most):
    assert limit_training(np.ones(FRAMES, bool), SPLIT, most).all()


def test_frames_without_a_face_do_not_count():
    valid = np.ones(FRAMES, bool)
    valid[:1000:2] = False  # nowhere two in a row
    used = valid & limit_training(valid, SPLIT, 300)
    assert used[: SPLIT.training_end].sum() == 300
    assert len(runs(used[1000 : SPLIT.training_end], 5)) > 0
