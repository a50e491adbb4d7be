"""Which exemplars are chosen: they stay, they fade, and the future has no say."""

import numpy as np
import pytest

from lipsync.retrieval.selection import FACE_FADE, MOUTH_FADE, MOUTH_STAY, Choice, Selector, nearest
from tests.retrieval.person import exemplars, material, model

OPENINGS = np.array([[0.0, 0], [1, 0], [2, 0], [3, 0]])


@pytest.fixture
def selector() -> Selector:
    return Selector(exemplars(material(OPENINGS)), model())


def choices(selector: Selector, openings: list[float]) -> list[Choice]:
    filmed = material(np.stack([openings, np.zeros(len(openings))], axis=1))
    return [selector.choose(filmed.target(frame)) for frame in range(len(openings))]


def test_the_exemplar_of_the_same_expression_is_chosen(selector: Selector):
    for number in (0, 3):
        first = choices(Selector(exemplars(material(OPENINGS)), model()), [float(number)])[0]
        assert first.face == first.mouth == ((number, 1.0),)
        assert first.blend[0][0] == number


def test_it_stays_until_another_one_is_nearer_for_certain(selector: Selector):
    found = [choice.mouth for choice in choices(selector, [1.0, 1.45, 1.55, 1.45, 1.55, 1.0])]
    assert found == [((1, 1.0),)] * 6
    far = [choice.mouth for choice in choices(selector, [2.0] * 3)]
    assert far[-1] == ((2, 1.0),)


def test_a_change_fades_over_some_frames(selector: Selector):
    found = choices(selector, [0.0, *[3.0] * 6])
    assert MOUTH_STAY < 4  # the distance of neighbours: they are far enough apart to change
    for part, fade in (("mouth", MOUTH_FADE), ("face", FACE_FADE)):
        chosen = [dict(getattr(choice, part)) for choice in found]
        weights = [each.get(3, 0.0) for each in chosen]
        wanted = [0.0, *(min(1.0, step / fade) for step in range(1, 7))]
        assert weights == pytest.approx(wanted)
        assert all(sum(each.values()) == pytest.approx(1) for each in chosen)
        assert all(set(each) <= {0, 3} for each in chosen)


def test_what_comes_later_changes_nothing(selector: Selector):
    draw = np.random.default_rng(0)
    past = draw.uniform(0, 3, 20).tolist()
    alone = choices(selector, past)
    for _ in range(3):
        other = Selector(exemplars(material(OPENINGS)), model())
        assert choices(other, past + draw.uniform(0, 3, 10).tolist())[:20] == alone


def test_a_barred_exemplar_is_not_used(selector: Selector):
    target = material(np.array([[2.0, 0]])).target(0)
    barred = np.array([False, False, True, False])
    for _ in range(8):
        choice = selector.choose(target, barred)
        assert 2 not in dict(choice.mouth) | dict(choice.face)
        assert dict(choice.blend).get(2, 0.0) < 1e-5
    selector.choose(target)
    assert dict(selector.choose(target).mouth)[2] > 0
    assert 2 not in dict(selector.choose(target, barred).mouth)  # at once, without a fade


def test_the_blend_has_no_jumps_where_its_exemplars_change():
    """As one exemplar leaves the nearest ones and another enters, both weigh next to nothing."""
    near = nearest(np.array([0.0, 1, 2 - 1e-9, 2]), 3)
    other = nearest(np.array([0.0, 1, 2, 2 - 1e-9]), 3)
    assert [number for number, _ in near] == [0, 1, 2]
    assert [number for number, _ in other] == [0, 1, 3]
    assert near[2][1] < 1e-5 > other[2][1]
    assert sum(weight for _, weight in near) == pytest.approx(1)
    assert [weight for _, weight in near] == sorted((weight for _, weight in near), reverse=True)
