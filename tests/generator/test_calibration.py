"""How much of the exemplars' detail is shown, and how wide their mouths are opened."""

from dataclasses import replace

import cv2
import numpy as np

from lipsync.faces.landmarks import LEFT_EYE_OUTER, LOWER_LIP_INNER, POINTS, UPPER_LIP_INNER
from lipsync.generator.calibration import (
    LIMITS,
    OPENING_LIMITS,
    find_detail,
    find_opening,
    read_filmed,
)
from lipsync.generator.task import choose_apart, material_of
from lipsync.retrieval.exemplars import Exemplars
from lipsync.retrieval.material import Material
from lipsync.retrieval.pasting import undecided
from lipsync.retrieval.selection import Choice
from tests.tiny import (
    CORNER,
    FILMED,
    LEAST,
    MIDDLE,
    MOST,
    SIZE,
    tiny_exemplars,
    tiny_film,
    tiny_geometry,
    tiny_material,
    tiny_person,
    tiny_split,
)

SAMPLES = range(60, 100, 8)


def choices_of(exemplars: Exemplars, material: Material) -> dict[int, Choice]:
    return choose_apart(material, exemplars, np.array(SAMPLES), apart=12)


def factor(exemplars: Exemplars) -> float:
    """Found on frames that are put together by retrieval alone."""
    material, film = tiny_material(), tiny_film()[1]
    samples = {frame: film[frame] for frame in SAMPLES}
    choices = choices_of(exemplars, material)
    return find_detail(
        exemplars, material, lambda layers, _: undecided(layers), SIZE, samples, choices
    )


def blurred(sigma: float) -> Exemplars:
    sharp = tiny_exemplars()
    pictures = [cv2.GaussianBlur(picture, (0, 0), sigma) for picture in sharp.pictures]
    return Exemplars(
        pictures, sharp.frames, sharp.vertices, sharp.expression, sharp.angles, sharp.light
    )


def test_what_is_missing_is_made_up_for():
    """Interpolation blurs a little, and blurred exemplars lack more."""
    sharp, soft, softer = factor(tiny_exemplars()), factor(blurred(0.7)), factor(blurred(1.0))
    assert 0.9 < sharp < 1.2
    assert max(1.05, sharp) < soft < softer <= LIMITS[1]


def test_a_video_is_gone_through_once_for_exemplars_and_samples():
    faces, film = tiny_film()
    boxes = tiny_person().boxes
    found = read_filmed(iter(film[:40]), boxes, np.array([3, 20]), np.array([20, 31]))
    assert sorted(found.exemplars) == [3, 20]
    assert sorted(found.samples) == [20, 31]
    assert np.array_equal(found.samples[31], film[31])
    assert found.exemplars[20].shape == (2 * SIZE, 2 * SIZE, 3)  # the video's own resolution
    difference = found.exemplars[20].astype(int) - faces[20]
    assert np.abs(difference).mean() < 2  # colour has a quarter of the pixels


def test_a_sample_is_not_changed_by_looking_at_it():
    film = tiny_film()[1]
    before = film.copy()
    factor(tiny_exemplars())
    assert np.array_equal(film, before)


class Reader:
    """Reads the opening off the drawn mouth: rows nearer to its darkest pixel than to skin."""

    def steady_points(self, picture: np.ndarray, region: object) -> tuple[np.ndarray, float]:
        points = np.zeros((POINTS, 3), np.float32)
        points[LEFT_EYE_OUTER, 0] = 100.0
        x, y = (CORNER[axis] + FILMED * int(MIDDLE[axis]) for axis in (0, 1))
        reach = FILMED * int(LEAST + MOST + 2)
        column = picture[y - reach : y + reach, x - 6 : x + 6].mean((1, 2))
        half = (150 + np.sort(column)[:5].mean()) / 2
        points[LOWER_LIP_INNER, 1] = np.clip((half - column) / 20 + 0.5, 0, 1).sum()
        return points, 1.0


def opened(share: float) -> float:
    """The factor found where the mesh follows so much of the lips' true movement."""
    model, track = tiny_geometry()
    track = replace(track, expression=share * track.expression)
    material = material_of(tiny_person(), (model, track))
    pictures, film = tiny_film()
    numbers = material.choose(tiny_split().training, 4)
    sharp = list(pictures[numbers])
    return find_opening(
        lambda factor: material.exemplars(numbers, sharp, factor),
        material,
        SIZE,
        Reader(),
        {frame: film[frame] for frame in SAMPLES},
        choices_of(material.exemplars(numbers, sharp), material),
    )


def test_a_mesh_that_follows_too_little_is_made_up_for():
    right, lazy = opened(1.0), opened(0.7)
    assert 0.9 < right < 1.15  # the search ends within 0.05
    assert right + 0.08 < lazy <= OPENING_LIMITS[1]


def test_an_opening_is_wider_and_closed_mouths_stay_closed():
    """An exemplar is taken for less open than it is, so warping opens it further."""
    material = tiny_material()
    numbers = material.choose(tiny_split().training, 10)
    plain, wider = material.exemplars(numbers), material.exemplars(numbers, opening=1.25)
    gaps = [
        each.vertices[:, LOWER_LIP_INNER, 1] - each.vertices[:, UPPER_LIP_INNER, 1]
        for each in (plain, wider)
    ]
    least = gaps[0].min()
    assert np.allclose(gaps[1] - least, (gaps[0] - least) / 1.25, atol=1e-5)
    assert gaps[0].max() > 2 * least
    assert np.array_equal(plain.expression, wider.expression)
