"""When a figure is green, amber or red."""

import pytest

from lipsync.profiling.rules import Figure, judge, judge_within, worst


@pytest.mark.parametrize(
    ("value", "pair", "verdict"),
    [
        (120, (120, 15), "green"),
        (119, (120, 15), "amber"),
        (15, (120, 15), "amber"),
        (14.9, (120, 15), "red"),
        (25, (25, 40), "green"),
        (25.1, (25, 40), "amber"),
        (40.1, (25, 40), "red"),
        (-50, (-45, -30), "green"),
        (-20, (-45, -30), "red"),
        (0, (0, 6), "green"),
        (0.1, (0, 6), "amber"),
    ],
)
def test_pairs_say_which_way_is_good(value, pair, verdict):
    assert judge(value, pair) == verdict


@pytest.mark.parametrize(
    ("value", "verdict"), [(3, "red"), (6, "amber"), (10, "green"), (21, "amber"), (31, "red")]
)
def test_too_much_is_as_bad_as_too_little(value, verdict):
    assert judge_within(value, ((10, 20), (5, 30))) == verdict


def test_the_worst_counts():
    assert worst(["green", "red", "amber"]) == "red"
    assert worst(["green", "amber"]) == "amber"
    assert worst([]) == "green"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (28.4, "s", "28 s"),
        (5.02, "s", "5.0 s"),
        (0.004, "share", "0.4%"),
        (0.94, "share", "94%"),
        (0.0, "share", "0%"),
        (17.6, "degrees", "18°"),
        (3.0, "count", "3"),
        (0.456, "", "0.46"),
        (None, "dB", "unknown"),
    ],
)
def test_values_as_people_write_them(value, unit, text):
    assert Figure("x", "x", value, unit, "green", "", {}).text() == text
