"""Films that are cut: cards are not played, and no face fades across a cut."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lipsync.export.avatar import Parts, write_avatar
from lipsync.rendering.avatar import EXEMPLARS, GEOMETRY, MOTION, REFINER, Avatar, load_avatar
from lipsync.rendering.film import Film
from lipsync.rendering.live import LiveAvatar
from lipsync.rendering.options import RenderOptions
from lipsync.rendering.pictures import Piece, Speaker
from lipsync.rendering.plan import Layer
from lipsync.rendering.render import Renderer
from tests.tiny_avatar import FRAMES, write_tiny_avatar


@pytest.fixture(scope="module")
def avatar(tmp_path_factory: pytest.TempPathFactory) -> Avatar:
    return load_avatar(write_tiny_avatar(tmp_path_factory.mktemp("cut") / "tiny"))


def cut_film(avatar: Avatar, cuts: list[int], faceless: range) -> Film:
    valid = np.ones(FRAMES, bool)
    valid[faceless] = False
    film = avatar.film
    return replace(film, valid=valid, track=replace(film.track, valid=valid), cuts=np.array(cuts))


def with_film(avatar: Avatar, film: Film) -> Avatar:
    return replace(avatar, film=film)


def test_cards_of_the_avatars_film_are_not_played(avatar: Avatar) -> None:
    film = cut_film(avatar, [3, 10], range(3))
    assert np.flatnonzero(film.shows_face).tolist() == list(range(3, FRAMES))
    with Renderer(with_film(avatar, film), RenderOptions()) as renderer:
        assert renderer.played.tolist() == list(range(3, FRAMES))
    with LiveAvatar(with_film(avatar, film), RenderOptions()) as live:
        pieces = [next(live._filmed).layer.frame for _ in range(12)]
    assert pieces == [3, 4, 5, 6, 7, 8, 9, 10, 11, 10, 9, 8]


def test_an_uncut_film_is_played_whole_with_or_without_a_face(avatar: Avatar) -> None:
    film = cut_film(avatar, [], range(8))
    assert film.shows_face.all()
    assert film.shots.tolist() == [0] * FRAMES
    with Renderer(with_film(avatar, film), RenderOptions()) as renderer:
        assert renderer.played.tolist() == list(range(FRAMES))


def test_the_selection_begins_anew_at_a_cut_both_ways(avatar: Avatar) -> None:
    """Going forwards and back; within a shot it goes on."""
    film = cut_film(avatar, [4], range(0))
    speaker = Speaker(with_film(avatar, film), [film])
    seen = []
    for frame in (2, 3, 4, 5, 4, 3, 2):
        piece = Piece(Layer(0, frame, spoken=True), np.zeros(0, np.uint8), None)
        seen.append(id(speaker._selector(piece.layer.shot, int(film.shots[frame]))))
    assert seen[0] == seen[1]
    assert seen[2] == seen[3] == seen[4]
    assert seen[5] == seen[6]
    assert seen[1] != seen[2]
    assert seen[4] != seen[5]


def test_cuts_are_kept_in_the_folder_and_others_have_none(avatar: Avatar, tmp_path: Path) -> None:
    with np.load(avatar.folder / GEOMETRY) as archive:
        assert "cuts" not in archive
    folder = avatar.folder
    parts = Parts(
        (folder / MOTION).read_bytes(), (folder / REFINER).read_bytes(), folder / EXEMPLARS, folder
    )
    film = cut_film(avatar, [5, 9], range(0))
    write_avatar(tmp_path / "cut", avatar.info, parts, avatar.shape, film, avatar.voice)
    assert load_avatar(tmp_path / "cut").film.cuts.tolist() == [5, 9]
