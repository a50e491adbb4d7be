"""The pictures before they are compressed."""

from dataclasses import replace

import numpy as np
import pytest

from lipsync.faces.compositing import paste, paste_planes
from lipsync.media.planes import from_rgb, rgb_of, to_planes
from lipsync.media.video import FrameReader
from lipsync.rendering.avatar import Avatar
from lipsync.rendering.pictures import pictures
from lipsync.rendering.plan import Layer, Plan, Shot, Shown, ping_pong
from lipsync.speech.windows import stream_windows
from tests.tiny_avatar import DIMENSION, FACELESS, FRAMES, FUTURE, PAST

SILENCE = np.zeros(DIMENSION, np.float32)


def said(levels: np.ndarray) -> list[np.ndarray]:
    """Windows of rows of which the tiny avatar makes faces of grey ``levels`` (n,) 0..1."""
    rows = np.repeat(levels[:, None], DIMENSION, axis=1).astype(np.float32)
    return list(stream_windows([rows], SILENCE, PAST, FUTURE))


def spoken(frames: np.ndarray) -> Plan:
    return Plan([Shot(0, frames, len(frames), spoken=True)])


def show(avatar: Avatar, plan, levels: np.ndarray, films=None) -> list[np.ndarray]:
    """Pictures (H, W, 3) of a plan."""
    made = pictures(avatar, films or [avatar.film], plan, said(levels))
    return [rgb_of(planes) for planes in made]


@pytest.mark.parametrize("count", [1, 4, 31])
def test_each_picture_is_its_film_frame_with_its_own_row_pasted_in(avatar: Avatar, count: int):
    levels = np.linspace(0.1, 0.9, count)
    plan = ping_pong(FRAMES, count, start=3)
    shown = show(avatar, spoken(plan), levels)
    assert len(shown) == count
    with FrameReader(avatar.film.path) as film:
        for picture, index, level in zip(shown, plan, levels, strict=True):
            face = np.full((64, 64, 3), round(float(level) * 255), np.uint8)
            expected = film[index]
            if index != FACELESS:
                expected = paste(expected, face, avatar.film.boxes[index])
            assert np.abs(picture.astype(int) - expected).max() <= 3


def test_outside_the_box_and_without_a_face_the_film_stays(avatar: Avatar):
    shown = show(avatar, spoken(np.arange(FRAMES)), np.ones(FRAMES))
    with FrameReader(avatar.film.path) as film:
        for index, picture in enumerate(shown):
            filmed = rgb_of(to_planes(film.frame(index)))
            changed = np.argwhere((picture != filmed).any(-1))  # (n, 2) row, column
            if index == FACELESS:
                assert len(changed) == 0
                continue
            x0, y0, x1, y1 = avatar.film.boxes[index]
            assert len(changed) > 1000
            # Colour has one value for four pixels and is shown smoothly: an edge reaches further.
            assert (changed >= [y0 - 3, x0 - 3]).all()
            assert (changed < [y1 + 3, x1 + 3]).all()
            # The crop's upper quarter, where the film shows through, is not pasted over.
            assert changed[:, 0].min() > y0 + 0.25 * (y1 - y0)


def test_what_is_not_spoken_is_passed_through_to_the_bit(avatar: Avatar):
    faceless = replace(avatar.film, valid=np.zeros(FRAMES, bool))
    silent = Plan([Shot(0, np.arange(5), 5, spoken=False)])
    for films, plan in (([faceless], spoken(np.arange(5))), (None, silent)):
        made = pictures(avatar, films or [avatar.film], plan, said(np.ones(5)))
        with FrameReader(avatar.film.path) as film:
            for index, planes in enumerate(made):
                np.testing.assert_array_equal(planes, to_planes(film.frame(index)))


def test_two_layers_are_painted_each_and_mixed(avatar: Avatar):
    under, over = Layer(0, 2, spoken=True), Layer(0, 9, spoken=False)
    level = np.array([0.8])
    (mixed,) = show(avatar, [Shown(under, over, 0.25)], level)
    (below,), (above,) = show(avatar, [Shown(under)], level), show(avatar, [Shown(over)], level)
    wanted = 0.75 * below.astype(float) + 0.25 * above
    assert np.abs(mixed - wanted).max() <= 3


def test_pasting_in_planes_looks_as_pasting_in_rgb():
    draw = np.random.default_rng(1)
    ground = np.full((192, 256, 3), (120, 90, 80), np.uint8)
    face = np.clip(draw.normal((190, 150, 130), 2, (96, 96, 3)), 0, 255).astype(np.uint8)
    box = np.array([60.3, 20.7, 190.3, 150.7], np.float32)
    planes = from_rgb(ground)
    wanted = paste(rgb_of(planes), face, box).astype(int)
    before = planes.copy()
    paste_planes(planes, face, box)
    difference = np.abs(rgb_of(planes) - wanted)
    assert difference.mean() < 0.7
    assert difference.max() <= 8  # of the noise, whose colour is halved
    assert (planes != before).mean() > 0.1
    assert np.abs(wanted - ground).max() > 50


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
