"""Frames compared within their own mask, and in the region that is the same for all."""

import cv2
import numpy as np
import pytest

from lipsync.evaluation.measures import FrameMeter
from lipsync.evaluation.pictures import psnr
from lipsync.faces.masks import paste_mask

SIZE = 64
SOFT = paste_mask(SIZE)
REGION = SOFT > 0.5


def box(top: int, bottom: int) -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[top:bottom, 20:44] = 1
    return mask


def textured(seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return cv2.GaussianBlur(draw.uniform(0, 255, (SIZE, SIZE, 3)), (0, 0), 1).astype(np.uint8)


def test_errors_are_those_of_the_mask_and_of_the_region() -> None:
    real = np.full((SIZE, SIZE, 3), 100, np.uint8)
    crop = real.copy()
    mask = box(30, 50)
    crop[mask > 0.5] += 10
    meter = FrameMeter(1, SIZE)
    meter.compare(0, 7, crop, real, mask, seam=False)
    assert psnr(meter.metrics.error_mask) == pytest.approx(28.13, abs=0.01)
    share = (mask[REGION] > 0.5).mean()  # of the region that differs
    assert meter.metrics.error_region[0] == pytest.approx(100 * share)
    assert np.isnan(meter.metrics.border[0])


def test_what_lies_outside_of_the_mask_is_not_looked_at() -> None:
    """And the real frame's sharpness is taken from the same pixels as the rendered one's."""
    real, mask = textured(), box(30, 50)
    crop = cv2.GaussianBlur(real, (0, 0), 2)
    inside = crop.copy()
    inside[mask <= 0.5] = 0
    meter = FrameMeter(2, SIZE)
    meter.compare(0, 0, crop, real, mask, seam=False)
    meter.compare(1, 1, crop, real, box(10, 30), seam=False)
    metrics = meter.metrics
    assert (metrics.detail / metrics.real_detail < 0.3).all()
    assert metrics.real_detail[0] != metrics.real_detail[1]
    other = FrameMeter(1, SIZE)
    other.compare(0, 0, inside, real, mask, seam=False)
    assert other.metrics.error_mask[0] == metrics.error_mask[0]


def test_flicker_is_of_three_neighbours_in_the_middle_ones_mask() -> None:
    real = [textured(0)] * 5
    bright = [cv2.add(each, np.full_like(each, 12 * (i % 2))) for i, each in enumerate(real)]
    meter = FrameMeter(5, SIZE)
    for row, frame in enumerate((10, 11, 12, 20, 21)):
        meter.compare(row, frame, bright[row], real[row], SOFT, seam=False)
    np.testing.assert_array_equal(np.isfinite(meter.metrics.flicker), [0, 1, 0, 0, 0])
    assert meter.metrics.flicker[1] > 300
    assert meter.metrics.real_flicker[1] == 0


def test_the_seam_is_looked_for_along_each_frames_own_mask() -> None:
    real = textured()
    meter = FrameMeter(2, SIZE)
    for row, shift in enumerate((0, 6)):
        mask = np.roll(SOFT, shift, axis=0)
        crop = cv2.blendLinear(real, cv2.add(real, np.full_like(real, 20)), 1 - mask, mask)
        meter.compare(row, row, crop, real, mask, seam=True)
    still = FrameMeter(1, SIZE)
    still.compare(0, 0, crop, real, SOFT, seam=True)
    assert meter.metrics.step == pytest.approx([20, 20], abs=1.5)
    assert meter.metrics.border[1] == pytest.approx(meter.metrics.border[0], rel=0.15)
    assert still.metrics.border[0] != pytest.approx(meter.metrics.border[1], rel=0.05)
    assert (meter.metrics.real_edge > 0).all()


def test_a_mask_that_covers_nothing_is_not_judged() -> None:
    meter = FrameMeter(1, SIZE)
    meter.compare(0, 0, textured(), textured(), np.zeros((SIZE, SIZE), np.float32), seam=True)
    assert np.isnan(meter.metrics.error_mask[0])
    assert meter.metrics.error_region[0] == 0
