"""How much of the exemplars' detail is shown."""

import cv2
import numpy as np

from lipsync.generator.calibration import LIMITS, find_detail, read_filmed
from lipsync.generator.task import choose_apart
from lipsync.retrieval.exemplars import Exemplars
from lipsync.retrieval.material import Material
from lipsync.retrieval.pasting import undecided
from lipsync.retrieval.selection import Choice
from tests.tiny import SIZE, tiny_exemplars, tiny_film, tiny_material, tiny_person

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
    assert LIMITS[0] <= sharp < 1.15
    assert sharp + 0.1 < soft < softer <= LIMITS[1]


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
