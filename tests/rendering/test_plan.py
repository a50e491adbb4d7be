"""Ping-pong over the film."""

import numpy as np
import pytest

from lipsync.rendering.plan import ping_pong


def test_both_turns_by_hand():
    assert ping_pong(4, 11).tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2]
    assert ping_pong(4, 6, start=2).tolist() == [2, 3, 2, 1, 0, 1]
    assert ping_pong(2, 5).tolist() == [0, 1, 0, 1, 0]


def test_a_film_of_one_picture_stands_still():
    assert ping_pong(1, 4).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("length", [2, 3, 25, 126])
def test_no_jump_no_repeat_and_never_past_the_end(length: int):
    for start in range(length):
        plan = ping_pong(length, 5 * length, start)
        assert plan[0] == start
        assert (np.abs(np.diff(plan)) == 1).all()
        assert set(plan) == set(range(length))


def test_a_start_outside_the_film_is_refused():
    for start in (-1, 3):
        with pytest.raises(ValueError, match="3 frames"):
            ping_pong(3, 10, start)
