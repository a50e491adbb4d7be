"""A border that is there, and things that are none."""

import cv2
import numpy as np
import pytest

from lipsync.evaluation.pictures import grey
from lipsync.evaluation.seam import PasteEdge
from lipsync.faces.masks import paste_mask

SIZE = 160
SOFT = paste_mask(SIZE)
HARD = (SOFT > 0.5).astype(np.float32)


@pytest.fixture(scope="module")
def skin() -> np.ndarray:
    """(160, 160, 3) uint8: shading from cheek to cheek, pores, and sensor noise."""
    draw = np.random.default_rng(0)
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE - 0.5
    shading = 170 - 240 * (x**2 + y**2)
    pores = cv2.GaussianBlur(draw.normal(0, 12, (SIZE, SIZE)), (0, 0), 1.5)
    noise = draw.normal(0, 1.5, (SIZE, SIZE, 3))
    return np.clip((shading + pores)[..., None] + noise, 0, 255).astype(np.uint8)


def blend(crop: np.ndarray, face: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return cv2.blendLinear(crop, face, 1 - mask, mask)


def seam(face: np.ndarray, real: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """The two figures: added slope over the original's, plus 1, and the step of colour."""
    edge, pasted = PasteEdge(mask), blend(real, face, mask)
    border = edge.border(grey(pasted), grey(real)) / edge.gradient(grey(real))
    return 1 + border, edge.step(pasted, real)


def test_a_picture_pasted_over_itself_has_none(skin) -> None:
    assert seam(skin, skin, SOFT) == (1, 0)
    assert seam(skin, skin, HARD) == (1, 0)


@pytest.mark.parametrize("levels", [8, -8])
def test_a_colour_step_shows_and_a_hard_edge_shows_more(skin, levels: int) -> None:
    face = (skin.astype(int) + levels).clip(0, 255).astype(np.uint8)
    narrow = cv2.GaussianBlur(HARD, (0, 0), 2)
    found = {name: seam(face, skin, mask) for name, mask in
             {"soft": SOFT, "narrow": narrow, "hard": HARD}.items()}  # fmt: skip
    assert 1.2 < found["soft"][0] < found["narrow"][0] < found["hard"][0]
    assert found["hard"][0] > 1.7
    for _, step in found.values():
        assert step == pytest.approx(8, abs=0.4)
    half = (skin.astype(int) + levels // 2).clip(0, 255).astype(np.uint8)
    assert seam(half, skin, SOFT)[0] - 1 == pytest.approx((found["soft"][0] - 1) / 2, rel=0.15)


def test_colour_that_no_luma_shows_is_a_step_all_the_same(skin) -> None:
    """A tint: red up, green down, about the same luma."""
    tint = np.clip(skin + np.array([12, -6, 0]), 0, 255).astype(np.uint8)
    assert seam(tint, skin, SOFT)[1] == pytest.approx(6, abs=0.5)  # mean of 12, 6 and 0
    assert seam(tint, skin, SOFT)[0] < 1.1


def test_blur_and_noise_and_another_mouth_are_no_border(skin) -> None:
    blurred = cv2.GaussianBlur(skin, (0, 0), 2)
    noise = np.random.default_rng(1).normal(0, 4, skin.shape)
    mouth = skin.copy()
    mouth[105:125, 55:105] = 30
    step = seam((skin.astype(int) + 8).clip(0, 255).astype(np.uint8), skin, SOFT)[0] - 1
    for face in (blurred, np.clip(skin + noise, 0, 255).astype(np.uint8), mouth):
        found, colour = seam(face, skin, SOFT)
        assert 1 <= found < 1 + 0.4 * step
        assert colour < 1.5
