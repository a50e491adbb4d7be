"""The pictures before they are compressed."""

import numpy as np
import pytest

from lipsync.faces.compositing import paste
from lipsync.media.video import FrameReader
from lipsync.rendering.avatar import Avatar
from lipsync.rendering.pictures import pictures
from lipsync.rendering.plan import ping_pong
from tests.tiny_avatar import DIMENSION, FACELESS, FRAMES

SILENCE = np.zeros(DIMENSION, np.float32)


def said(levels: np.ndarray) -> np.ndarray:
    """Rows (n, D) of which the tiny avatar makes faces of grey ``levels`` (n,) 0..1."""
    return np.repeat(levels[:, None], DIMENSION, axis=1).astype(np.float32)


@pytest.mark.parametrize("count", [1, 4, 31])
def test_each_picture_is_its_film_frame_with_its_own_row_pasted_in(avatar: Avatar, count: int):
    levels = np.linspace(0.1, 0.9, count)
    plan = ping_pong(FRAMES, count, start=3)
    shown = list(pictures(avatar, said(levels), SILENCE, plan))
    assert len(shown) == count
    with FrameReader(avatar.film) as film:
        for picture, index, level in zip(shown, plan, levels, strict=True):
            face = np.full((64, 64, 3), round(float(level) * 255), np.uint8)
            expected = film[index]
            if index != FACELESS:
                expected = paste(expected, face, avatar.boxes[index])
            assert np.abs(picture.astype(int) - expected).max() <= 1


def test_outside_the_box_and_without_a_face_the_film_stays(avatar: Avatar):
    plan = np.arange(FRAMES)
    shown = list(pictures(avatar, said(np.ones(FRAMES)), SILENCE, plan))
    with FrameReader(avatar.film) as film:
        for index, picture in enumerate(shown):
            changed = np.argwhere((picture != film[index]).any(-1))  # (n, 2) row, column
            if index == FACELESS:
                assert len(changed) == 0
                continue
            x0, y0, x1, y1 = avatar.boxes[index]
            assert len(changed) > 1000
            assert (changed >= [y0, x0]).all()
            assert (changed < [y1, x1]).all()
            # The crop's upper quarter, where the film shows through, is not pasted over.
            assert changed[:, 0].min() > y0 + 0.25 * (y1 - y0)


def test_a_film_without_any_face_is_shown_as_it_is(avatar: Avatar):
    faceless = Avatar(
        avatar.info, avatar.film, avatar.boxes, np.zeros(FRAMES, bool), avatar.session
    )
    shown = list(pictures(faceless, said(np.ones(5)), SILENCE, np.arange(5)))
    with FrameReader(avatar.film) as film:
        assert all(np.array_equal(shown[i], film[i]) for i in range(5))
