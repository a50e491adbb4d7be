"""Sharpness, exposure, and flicker of pictures made by hand."""

import cv2
import numpy as np
import pytest
import skimage.data

from lipsync.profiling.appearance import (
    brightness,
    clipped,
    face_lumas,
    flicker,
    luma,
    sharpness,
)


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    """(200, 200, 3) around a face, of a photograph."""
    return skimage.data.astronaut()[20:220, 120:320]


def sharpness_of(rgb: np.ndarray) -> float:
    return sharpness(luma(rgb))


def test_every_further_blur_lowers_sharpness(face):
    blurred = [cv2.GaussianBlur(face, (0, 0), sigma) for sigma in (0.8, 1.6, 3.2)]
    values = [sharpness_of(picture) for picture in (face, *blurred)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.6 * values[0]


def test_blur_in_one_direction_is_seen(face):
    moved = cv2.blur(face, (15, 1))
    assert sharpness_of(moved) < 0.8 * sharpness_of(face)
    assert sharpness_of(np.swapaxes(moved, 0, 1)) < 0.8 * sharpness_of(face)


def test_sharpness_knows_neither_contrast_nor_size(face):
    value = sharpness_of(face)
    assert sharpness_of((face * 0.4 + 60).astype(np.uint8)) == pytest.approx(value, abs=0.02)
    large = cv2.resize(face, (800, 800), interpolation=cv2.INTER_CUBIC)
    assert sharpness_of(large) == pytest.approx(value, abs=0.05)


def test_a_face_of_few_pixels_is_not_sharp(face):
    small = cv2.resize(face, (50, 50), interpolation=cv2.INTER_AREA)
    assert sharpness_of(small) < 0.7 * sharpness_of(face)


def test_nothing_to_see_is_not_sharp():
    assert sharpness(np.full((160, 160), 90, np.float32)) == 0


def test_exposure_is_that_of_the_face_alone():
    grey = np.full((160, 160), 255, np.float32)  # a window behind
    grey[:, 32:128] = 102
    assert brightness(grey) == pytest.approx(40)
    assert clipped(grey) == 0
    grey[8:68, 32:128] = 255  # half of the face
    assert clipped(grey) == pytest.approx(0.5)
    grey[68:128, 32:128] = 0
    assert clipped(grey) == 1


def test_light_that_alternates_flickers_and_light_that_drifts_does_not():
    steady = np.linspace(80, 140, 100)
    assert flicker(steady, np.array([], int)) < 1e-6
    draw = np.random.default_rng(0)
    noisy = 100 + draw.normal(0, 2, 4000)
    assert flicker(noisy, np.array([], int)) == pytest.approx(2, rel=0.1)
    gap = noisy.copy()
    gap[500:600] = np.nan
    assert flicker(gap, np.array([], int)) == pytest.approx(2, rel=0.1)


def test_a_cut_is_no_flicker():
    lumas = np.where(np.arange(20) < 10, 100.0, 150.0)
    assert flicker(lumas, np.array([10])) == 0
    assert flicker(lumas, np.array([], int)) > 0


def test_luma_is_read_within_the_box():
    small = np.zeros((2, 20, 30), np.uint8)
    small[0, 5:10, 10:20], small[1, :, :] = 200, 50
    boxes = np.array([[10, 5, 20, 10], [-5, -5, 40, 40]], np.float32)
    np.testing.assert_allclose(face_lumas(small, boxes), [200, 50])
