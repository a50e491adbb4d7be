"""The pictures before they are compressed."""

from dataclasses import replace

import numpy as np
import pytest

from lipsync.faces.crop import extract
from lipsync.media.planes import rgb_of, to_planes, views
from lipsync.media.video import FrameReader
from lipsync.rendering.articulation import Articulation
from lipsync.rendering.avatar import Avatar
from lipsync.rendering.pictures import pictures
from lipsync.rendering.plan import Layer, Plan, PlannedFrame, Shot, ping_pong
from lipsync.retrieval.pasting import Window
from lipsync.retrieval.target import make_target
from lipsync.speech.mel import MelEncoder
from lipsync.speech.windows import stream_windows
from tests.tiny_avatar import (
    DIMENSION,
    FACELESS,
    FPS,
    FRAMES,
    FUTURE,
    GREYS,
    HEIGHT,
    LOUD,
    PAST,
    SIZE,
    WIDEST,
    WIDTH,
    mouth_grey,
)

SILENCE = np.zeros(DIMENSION, np.float32)


def said(levels: np.ndarray) -> list[np.ndarray]:
    """Windows of rows that open the tiny avatar's mouth by ``levels`` (n,) 0..1."""
    rows = np.repeat(LOUD * levels[:, None], DIMENSION, axis=1).astype(np.float32)
    return list(stream_windows([rows], SILENCE, PAST, FUTURE))


class Unmatched(Articulation):
    """Expressions as they are predicted."""

    def __init__(self, avatar: Avatar) -> None:
        super().__init__(avatar, MelEncoder(FPS))

    def express(self, window: np.ndarray) -> np.ndarray:
        return self._avatar.express(window[None])[0]


def spoken(frames: np.ndarray) -> Plan:
    return Plan([Shot(0, frames, len(frames), spoken=True)])


def show(avatar: Avatar, plan, levels: np.ndarray, films=None) -> list[np.ndarray]:
    """Pictures (H, W, 3) of a plan."""
    made = pictures(avatar, films or [avatar.film], Unmatched(avatar), plan, said(levels))
    return [rgb_of(planes) for planes in made]


def by_hand(avatar: Avatar, plan: np.ndarray, levels: np.ndarray) -> list[tuple]:
    """Planes as filmed, planes that speak, and the mask in the frame's pixels; one by one."""
    film, faces, found = avatar.film, avatar.faces, []
    selector = faces.selector()
    with FrameReader(film.path) as reader:
        for index, level in zip(plan.tolist(), levels.tolist(), strict=True):
            filmed = to_planes(reader.frame(index))
            planes, mask = filmed.copy(), np.zeros((HEIGHT, WIDTH), bool)
            if index != FACELESS:
                box = film.boxes[index]
                target = make_target(
                    avatar.shape,
                    film.track,
                    index,
                    box,
                    film.light[index],
                    np.array([WIDEST * level, 0], np.float32),
                )
                crop = extract(planes, box, SIZE)
                layers = faces.speak(planes, box, crop, target, selector.choose(target))
                window = Window.of(box, layers.mask, mask.shape)
                inside = np.s_[
                    window.top : window.top + window.height,
                    window.left : window.left + window.width,
                ]
                mask[inside] = window.sample(layers.mask) > 0
            found.append((filmed, planes, mask))
    return found


@pytest.mark.parametrize("count", [1, 4, 31])
def test_each_picture_is_its_film_frame_with_the_face_of_its_own_speech(avatar: Avatar, count):
    levels = np.linspace(0.1, 0.9, count).astype(np.float32)
    plan = ping_pong(FRAMES, count, start=3)
    made = list(pictures(avatar, [avatar.film], Unmatched(avatar), spoken(plan), said(levels)))
    assert len(made) == count
    for planes, (_, wanted, _) in zip(made, by_hand(avatar, plan, levels), strict=True):
        np.testing.assert_array_equal(planes, wanted)


def test_the_face_is_made_of_the_exemplar_that_fits_the_speech(avatar: Avatar):
    for exemplar, grey in enumerate(GREYS):
        levels = np.full(FRAMES, exemplar / WIDEST)
        shown = show(avatar, spoken(np.arange(FRAMES)), levels)
        for index in avatar.film.valid.nonzero()[0].tolist():
            found = mouth_grey(shown[index], avatar.film, avatar.shape, index)
            assert found == pytest.approx(grey, abs=4)


def test_outside_the_mask_and_without_a_face_the_film_stays_to_the_bit(avatar: Avatar):
    levels = np.linspace(0, 1, FRAMES).astype(np.float32)
    plan = spoken(np.arange(FRAMES))
    made = list(pictures(avatar, [avatar.film], Unmatched(avatar), plan, said(levels)))
    known = by_hand(avatar, np.arange(FRAMES), levels)
    for index, (planes, (filmed, _, mask)) in enumerate(zip(made, known, strict=True)):
        if index == FACELESS:
            np.testing.assert_array_equal(planes, filmed)
            continue
        luma, *chroma = views(planes != filmed)
        assert luma.sum() > 500
        assert not (luma & ~mask).any()
        wide = mask.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).any((1, 3))
        grown = np.pad(wide, 1)  # a chroma value's own place lies between its four pixels
        near = [
            grown[y : y + wide.shape[0], x : x + wide.shape[1]] for y in range(3) for x in range(3)
        ]
        for plane in chroma:
            assert not (plane & ~np.any(near, axis=0)).any()
        eyes = avatar.film.track.mesh(avatar.shape, index)[[33, 263], 1]
        assert np.flatnonzero(luma.any(1)).min() > eyes.max()


def test_each_of_two_shots_keeps_its_own_exemplars(avatar: Avatar):
    """In a crossfade both speak alike, but each mixes those that its own past led to."""
    first = Shot(0, np.array([0] * 6), 4, spoken=True)
    second = Shot(0, np.array([0] * 4), 4, spoken=True)
    levels = np.array([0] * 4 + [0.55 / WIDEST] * 4, np.float32)
    shown = show(avatar, Plan([first, second]), levels)
    greys = [mouth_grey(each, avatar.film, avatar.shape, 0) for each in shown]
    assert greys[:4] == pytest.approx([GREYS[0]] * 4, abs=4)
    # Between two exemplars the first shot stays with its own; the second begins with the nearer.
    assert greys[4] == pytest.approx(2 / 3 * GREYS[0] + 1 / 3 * GREYS[1], abs=12)
    assert greys[6:] == pytest.approx([GREYS[1]] * 2, abs=4)


def test_what_is_not_spoken_is_passed_through_to_the_bit(avatar: Avatar):
    faceless = replace(avatar.film, valid=np.zeros(FRAMES, bool))
    silent = Plan([Shot(0, np.arange(5), 5, spoken=False)])
    for films, plan in (([faceless], spoken(np.arange(5))), (None, silent)):
        made = pictures(avatar, films or [avatar.film], Unmatched(avatar), plan, said(np.ones(5)))
        with FrameReader(avatar.film.path) as film:
            for index, planes in enumerate(made):
                np.testing.assert_array_equal(planes, to_planes(film.frame(index)))


def test_two_layers_are_rendered_each_and_mixed(avatar: Avatar):
    under, over = Layer(0, 2, spoken=True), Layer(0, 9, spoken=False)
    level = np.array([0.8])
    (mixed,) = show(avatar, [PlannedFrame(under, over, 0.25)], level)
    (below,), (above,) = (
        show(avatar, [PlannedFrame(under)], level),
        show(avatar, [PlannedFrame(over)], level),
    )
    wanted = 0.75 * below.astype(float) + 0.25 * above
    assert np.abs(mixed - wanted).max() <= 3


def test_windows_of_a_stream_are_those_of_the_whole():
    from lipsync.speech.windows import WindowStream, speech_windows

    rows = np.random.default_rng(0).normal(0, 1, (23, 5)).astype(np.float32)
    silence = np.full(5, 7, np.float32)
    for past, future in ((2, 1), (6, 4), (0, 0), (0, 3), (3, 0)):
        wanted = speech_windows(rows, silence, np.arange(23), past, future)
        for blocks in ([rows], [rows[:1], rows[1:9], rows[9:9], rows[9:]], list(rows[:, None])):
            given = np.stack(list(stream_windows(blocks, silence, past, future)))
            np.testing.assert_array_equal(given, wanted)
        stream = WindowStream(silence, past, future)
        assert len(stream.push(rows[:10])) == max(0, 10 - future)  # as soon as it can be known
