"""What lies under each picture."""

import itertools

import numpy as np
import pytest

from lipsync.rendering.plan import (
    Chooser,
    Clip,
    Layer,
    Plan,
    PlannedFrame,
    Shot,
    clips_of_film,
    once,
    ping_pong,
    plan_core_clips,
    play,
)
from lipsync.rendering.render import in_pictures
from lipsync.speech.voice import Passage


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


def test_without_a_way_back_the_film_rests_on_its_last_picture():
    assert once(4, 6).tolist() == [0, 1, 2, 3, 3, 3]
    assert once(4, 3, start=3).tolist() == [3, 3, 3]


def test_a_start_outside_the_film_is_refused():
    for order in (ping_pong, once):
        for start in (-1, 3):
            with pytest.raises(ValueError, match="3 frames"):
                order(3, 10, start)


def test_shots_add_up_and_a_fade_takes_no_time():
    talk = Shot(0, np.arange(10, 16), 4, spoken=True)  # two more to fade out with
    rest = Shot(1, np.arange(5), 5, spoken=False)
    shown = list(Plan([talk, rest]))
    assert len(shown) == len(Plan([talk, rest])) == 9
    assert shown[:4] == [PlannedFrame(Layer(0, n, spoken=True)) for n in (10, 11, 12, 13)]
    assert shown[4] == PlannedFrame(Layer(0, 14, True), Layer(1, 0, False, 1), pytest.approx(1 / 3))
    assert shown[5] == PlannedFrame(Layer(0, 15, True), Layer(1, 1, False, 1), pytest.approx(2 / 3))
    assert shown[6:] == [PlannedFrame(Layer(1, n, False, shot=1)) for n in (2, 3, 4)]


def test_a_shot_must_have_its_pictures():
    for length in (0, 4):
        with pytest.raises(ValueError, match="3 frames"):
            Shot(0, np.arange(3), length, spoken=True)


@pytest.mark.parametrize("fps", [25, 30000 / 1001, 50])
def test_passages_in_pictures_add_up_to_the_whole(fps: float):
    draw = np.random.default_rng(0)
    for _ in range(50):
        edges = np.concatenate([[0], np.cumsum(draw.uniform(0.001, 3, 20))])
        passages = [
            Passage(a, b, bool(k % 2)) for k, (a, b) in enumerate(itertools.pairwise(edges))
        ]
        count = round(edges[-1] * fps)
        wanted = in_pictures(passages, count, fps)
        assert sum(length for _, length in wanted) == count
        assert all(length > 0 for _, length in wanted)
        assert all(a[0] != b[0] for a, b in itertools.pairwise(wanted))
        ends = np.cumsum([length for _, length in wanted]) / fps
        for end in ends[:-1]:  # no edge has moved by more than half a picture
            assert np.abs(edges - end).min() <= 0.5 / fps + 1e-6


def test_clips_are_where_somebody_speaks_with_a_face_or_is_silent():
    voice = np.zeros(60, bool)
    voice[20:50] = True
    valid = np.ones(60, bool)
    valid[[5, 30]] = False  # a silent face may be out of sight
    shown = np.ones(60, bool)
    clips = clips_of_film(2, voice, valid, least=10, shown=shown)
    assert clips[False] == [Clip(2, 0, 20), Clip(2, 50, 10)]
    assert clips[True] == [Clip(2, 20, 10), Clip(2, 31, 19)]
    assert clips_of_film(0, voice, valid, least=15, shown=shown)[True] == [Clip(0, 31, 19)]
    shown[45:] = False  # a card
    clips = clips_of_film(2, voice, valid, least=10, shown=shown)
    assert clips == {False: [Clip(2, 0, 20)], True: [Clip(2, 20, 10), Clip(2, 31, 14)]}


def test_a_film_plays_those_frames_alone_that_are_shown():
    shown = np.array([3, 4, 5, 9])
    assert play(shown, 8, 0, loop_back=True).tolist() == [3, 4, 5, 9, 5, 4, 3, 4]
    assert play(shown, 5, 5, loop_back=False).tolist() == [5, 9, 9, 9, 9]
    assert play(shown, 3, 7, loop_back=True).tolist() == [9, 5, 4]
    assert play(shown, 2, 11, loop_back=False).tolist() == [9, 9]
    whole = np.arange(6)
    np.testing.assert_array_equal(play(whole, 20, 2, loop_back=True), ping_pong(6, 20, 2))
    np.testing.assert_array_equal(play(whole, 9, 2, loop_back=False), once(6, 9, 2))


@pytest.fixture
def boxes() -> np.ndarray:
    """A head that moves from left to right through 200 frames; sides of 100 pixels."""
    left = np.arange(200.0)
    return np.stack([left, 0 * left, left + 100, 0 * left + 100], axis=1)


def test_the_place_is_chosen_where_the_head_was(boxes: np.ndarray):
    clips = {True: [Clip(0, 0, 200)], False: [Clip(0, 0, 90), Clip(0, 100, 100)]}
    for seed in range(5):
        chooser = Chooser(clips, [boxes], seed)
        before = chooser.choose(spoken=True, length=20, fade=0)
        after = chooser.choose(spoken=False, length=20, fade=5)
        assert len(after.frames) == 25
        assert (np.diff(after.frames) == 1).all()
        assert abs(after.frames[0] - before.frames[-1]) < 40  # of up to 180


def test_no_clip_is_left_and_a_long_passage_goes_to_and_fro(boxes: np.ndarray):
    clips = {True: [Clip(0, 50, 30), Clip(0, 100, 40)], False: [Clip(0, 0, 10)]}
    chooser = Chooser(clips, [boxes], 0)
    long = chooser.choose(spoken=True, length=300, fade=5)
    assert set(long.frames) == set(range(100, 140))
    assert (np.abs(np.diff(long.frames)) == 1).all()
    for _ in range(20):
        shot = chooser.choose(spoken=True, length=28, fade=2)
        inside = [(shot.frames >= 50).all() and (shot.frames < 80).all(),
                  (shot.frames >= 100).all() and (shot.frames < 140).all()]  # fmt: skip
        assert sum(inside) == 1


def test_the_same_seed_chooses_alike_and_another_one_varies(boxes: np.ndarray):
    clips = {True: [Clip(0, 0, 200)], False: [Clip(0, 0, 200)]}

    def starts(seed: int) -> list[int]:
        chooser = Chooser(clips, [boxes], seed)
        return [int(chooser.choose(bool(n % 2), 20, 3).frames[0]) for n in range(12)]

    assert starts(1) == starts(1)
    assert len({tuple(starts(seed)) for seed in range(6)}) > 1


def test_fades_are_no_longer_than_half_of_what_they_join(boxes: np.ndarray):
    clips = {True: [Clip(0, 0, 200)], False: [Clip(0, 0, 200)]}
    passages = [(True, 30), (False, 4), (True, 11), (False, 1)]
    plan = plan_core_clips(passages, Chooser(clips, [boxes], 0), fade=5)
    assert len(plan) == 46
    assert [len(s.frames) - s.length for s in plan.shots] == [2, 2, 0, 0]
    assert [shown.over is not None for shown in plan].count(True) == 4
