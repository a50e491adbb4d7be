"""Predicted against filmed expressions, counted by hand."""

import numpy as np
import pytest

from lipsync.evaluation.expressions import Expressions, compare_expressions
from tests.motion.person import EXPRESSION, tiny_shape


def test_closure_is_the_share_of_truly_closed_frames_that_are_closed() -> None:
    filmed = np.array([0.01, 0.02, 0.03, 0.10, 0.20, 0.04, 0.01, 0.30, 0.30, 0.30])
    predicted = np.array([0.02, 0.20, 0.01, 0.01, 0.30, 0.10, 0.04, 0.06, 0.10, 0.20])
    found = Expressions(predicted, filmed, filmed, filmed, closed_below=0.05)
    closed, truly = found.closures()
    np.testing.assert_array_equal(truly, [1, 1, 1, 0, 0, 1, 1, 0, 0, 0])
    np.testing.assert_array_equal(closed, [1, 0, 1, 0, 0, 0, 1, 0, 0, 0])
    assert found.figures()["closure"] == pytest.approx(3 / 5)
    assert found.figures()["wrong_closure"] == pytest.approx(1 / 5)  # the fourth is open in truth


def test_a_mouth_that_stays_closed_shows_and_too_few_frames_tell_nothing() -> None:
    filmed = np.array([0.01] * 5 + [0.2] * 6)
    shut = Expressions(0 * filmed, filmed, filmed, filmed, closed_below=0.05).figures()
    assert shut["closure"] == shut["wrong_closure"] == 1
    few = Expressions(filmed, filmed, filmed, filmed, closed_below=0.05)
    assert few.figures()["closure"] == 1
    assert few.figures()["wrong_closure"] == 0
    fewer = Expressions(filmed[1:], filmed[1:], filmed[1:], filmed[1:], closed_below=0.05)
    assert np.isnan(fewer.figures()["closure"])  # of 4 frames
    assert fewer.figures()["wrong_closure"] == 0


def test_opening_and_width_are_apart() -> None:
    """The first coefficient opens the tiny person's mouth, the second widens it."""
    draw = np.random.default_rng(0)
    filmed = np.zeros((400, EXPRESSION))
    filmed[:, :2] = draw.normal(0, 1, (400, 2)).clip(-1.8, 1.8)  # lips never pass each other
    predicted = filmed.copy()
    predicted[:, 0] *= 0.5  # half as far, never quite closed
    predicted[:, 1] = draw.normal(0, 1, 400)  # nothing is known of the width
    shape = tiny_shape()
    found = compare_expressions(shape, predicted, filmed, filmed).figures()
    assert found["opening_r"] == pytest.approx(1, abs=0.01)
    assert found["spread"] == pytest.approx(0.5, abs=0.01)
    assert found["mean_ratio"] == pytest.approx(1, abs=0.05)
    assert abs(found["width_r"]) < 0.15
    assert found["closure"] < 0.5
    same = compare_expressions(shape, filmed, filmed, filmed)
    assert (same.real_opening < same.closed_below).mean() == pytest.approx(0.2, abs=0.01)
    assert same.figures()["closure"] == same.figures()["spread"] == 1
