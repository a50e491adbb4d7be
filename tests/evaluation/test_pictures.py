"""Picture measures on cases whose answer is known."""

import cv2
import numpy as np
import pytest

from lipsync.evaluation import pictures as P

SIDE = 96
EVERYWHERE = np.ones((SIDE, SIDE), bool)


@pytest.fixture
def picture() -> np.ndarray:
    """Smooth blobs with fine texture, (96, 96, 3) uint8."""
    draw = np.random.default_rng(0)
    coarse = cv2.GaussianBlur(draw.uniform(0, 255, (SIDE, SIDE, 3)), (0, 0), 6) * 3 - 255
    fine = cv2.GaussianBlur(draw.normal(0, 25, (SIDE, SIDE, 3)), (0, 0), 0.7)
    return np.clip(coarse + fine, 0, 255).astype(np.uint8)


def noisy(picture: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).round().astype(np.uint8)


def test_psnr_of_a_known_error(picture: np.ndarray) -> None:
    grey = np.full((SIDE, SIDE, 3), 128, np.uint8)
    assert P.squared_error(grey + 10, grey) == 100
    assert P.psnr(np.array([100.0])) == pytest.approx(28.13, abs=0.01)
    assert P.psnr(np.array([P.squared_error(noisy(grey, 5), grey)])) == pytest.approx(
        34.15, abs=0.1
    )
    assert P.psnr(np.array([0.0])) == np.inf
    assert np.isnan(P.psnr(np.array([np.nan])))
    assert P.psnr(np.array([0.0, 200.0, np.nan])) == P.psnr(np.array([100.0]))


def test_error_inside_a_mask_sees_nothing_outside(picture: np.ndarray) -> None:
    inside = np.zeros((SIDE, SIDE), bool)
    inside[40:60, 40:60] = True
    other = picture.copy()
    other[0:20] = 0
    assert P.squared_error(other, picture, inside) == 0
    assert P.squared_error(other, picture) > 0


@pytest.mark.parametrize("sigma", [2, 10, 40])
def test_ssim_is_that_of_scikit_image(picture: np.ndarray, sigma: float) -> None:
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is in extra `sample`")
    a, b = P.grey(noisy(picture, sigma)), P.grey(picture)
    score, whole = metrics.structural_similarity(
        a, b, data_range=255, gaussian_weights=True, use_sample_covariance=False, full=True
    )
    ours = P.ssim_map(a, b)
    assert P.inner(ours).mean() == pytest.approx(score, abs=1e-3)
    np.testing.assert_allclose(P.inner(ours), P.inner(whole), atol=1e-3)
    assert 0 < score < 1


def test_ssim_of_the_same_picture_is_one(picture: np.ndarray) -> None:
    np.testing.assert_allclose(P.ssim_map(P.grey(picture), P.grey(picture)), 1)


def test_detail_falls_with_blur_and_rises_with_noise(picture: np.ndarray) -> None:
    whole = P.detail(P.grey(picture), EVERYWHERE)
    blurred = P.detail(P.grey(cv2.GaussianBlur(picture, (0, 0), 1)), EVERYWHERE)
    assert blurred < 0.7 * whole
    assert P.detail(P.grey(noisy(picture, 15)), EVERYWHERE) > 1.1 * whole
    steps = np.zeros((SIDE, SIDE))
    steps[:, SIDE // 2 :] = 10  # one column of steps of 10
    assert P.detail(steps, EVERYWHERE) == pytest.approx(100 / SIDE)


def test_flicker_is_alternation_not_motion() -> None:
    ramp = np.tile(np.arange(SIDE, dtype=float), (SIDE, 1))
    moving = [ramp + 3 * t for t in range(3)]
    assert P.flicker(*moving, EVERYWHERE) == pytest.approx(0)
    alternating = [ramp, ramp + 5, ramp]
    assert P.flicker(*alternating, EVERYWHERE) == pytest.approx(10**2)
    draw = np.random.default_rng(2)
    sensor = [ramp + draw.normal(0, 2, ramp.shape) for _ in range(3)]
    assert P.flicker(*sensor, EVERYWHERE) < 0.1 * P.flicker(*alternating, EVERYWHERE)
