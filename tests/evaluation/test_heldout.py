"""The pass over held-out frames, with drawn mouths: does the leak test tell a leak?"""

import json
from dataclasses import replace

import numpy as np
import pytest

from lipsync.evaluation import bootstrap as B
from lipsync.evaluation.evidence import Evidence
from lipsync.evaluation.heldout import HeldOut, Instant, Paint, Tables, blend, look
from lipsync.evaluation.intervals import intervals
from lipsync.evaluation.mouths import correlation
from lipsync.evaluation.official import OfficialScore, WindowDistances
from lipsync.evaluation.report import (
    figures,
    rounded,
    shifted_correlations,
    with_intervals,
    write_figures,
)
from lipsync.evaluation.shifts import choose_wrong_speech
from lipsync.evaluation.silence import Silence
from lipsync.faces.compositing import paste
from lipsync.faces.landmarks import (
    LEFT_EYE_OUTER,
    LOWER_LIP_INNER,
    POINTS,
    UPPER_LIP_INNER,
)
from lipsync.faces.masks import paste_mask

SIZE, EDGE, FRAMES, START, FPS = 64, 8, 200, 80, 25.0
BOX = np.array([EDGE, EDGE, EDGE + SIZE, EDGE + SIZE], np.float32)
SKIN, DARK = 150, 20


@pytest.fixture(scope="module")
def heights() -> np.ndarray:
    """(200,) pixels that the mouth is open: smooth noise, as speech would."""
    noise = np.random.default_rng(3).normal(0, 1, FRAMES + 8)
    smooth = np.convolve(noise, np.ones(5) / 5, "same")[4:-4]
    return np.clip(9 + 6 * smooth, 1, 20)


def face(height: float) -> np.ndarray:
    """A crop with a dark slit of ``height`` pixels, (64, 64, 3) uint8."""
    y = np.arange(SIZE)[:, None]
    covered = np.clip(height / 2 + 0.5 - np.abs(y + 0.5 - 38), 0, 1)  # soft edges
    shade = np.maximum(np.abs(np.arange(SIZE) + 0.5 - SIZE / 2) - 8, 0)  # of the cheeks, in levels
    crop = np.tile(SKIN - shade, (SIZE, 1))
    crop[:, 24:40] -= (SKIN - DARK) * covered
    return np.repeat(crop[:, :, None], 3, axis=2).round().astype(np.uint8)


def read_lips(picture: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Points whose inner lips are as far apart as the slit is dark; eyes are 40 pixels apart."""
    column = picture[EDGE : EDGE + SIZE, EDGE + 30 : EDGE + 34].astype(float).mean(axis=(1, 2))
    points = np.zeros((POINTS, 2), np.float32)
    points[LEFT_EYE_OUTER] = 40, 0
    points[UPPER_LIP_INNER] = points[LOWER_LIP_INNER] = 20, 38
    points[LOWER_LIP_INNER, 1] += ((SKIN - column) / (SKIN - DARK)).sum()
    return points


@pytest.fixture(scope="module")
def held_out(heights: np.ndarray) -> HeldOut:
    crops = np.stack([face(height) for height in heights])
    frames = np.full((FRAMES, SIZE + 2 * EDGE, SIZE + 2 * EDGE, 3), SKIN, np.uint8)
    frames[:, EDGE:-EDGE, EDGE:-EDGE] = crops
    valid = np.ones(FRAMES - START, bool)
    valid[50:53] = False
    boxes = np.repeat(BOX[None], FRAMES - START, axis=0)
    return HeldOut(START, list(frames), crops[START:], boxes, valid, face(1))


def follows_speech(heights: np.ndarray) -> Paint:
    return lambda frames, spoken: np.stack([face(heights[frame]) for frame in spoken])


def copies_the_target(heights: np.ndarray) -> Paint:
    return lambda frames, spoken: np.stack([face(heights[frame]) for frame in frames])


def measure(held_out: HeldOut, paint: Paint, **kwargs) -> Tables:
    wrong = choose_wrong_speech(START, FRAMES, FPS, 24)
    return look(held_out, paint, read_lips, wrong, 40, **kwargs)


def test_a_generator_that_follows_the_speech_passes(held_out, heights) -> None:
    tables = measure(held_out, follows_speech(heights))
    mouth = figures(tables, Evidence())["mouth"]
    assert mouth["correlation"] == pytest.approx(1, abs=1e-3)
    assert mouth["lip_distance"] == pytest.approx(0, abs=1e-3)
    assert abs(mouth["correlation_shifted"]) < 0.1
    assert mouth["correlation_shifted_abs"] < 0.3
    low, _ = intervals(tables, Evidence(), FPS)["margin"]["correlation_over_shifted"]
    assert low > 0.7


def test_a_generator_that_copies_the_target_is_caught(held_out, heights) -> None:
    tables = measure(held_out, copies_the_target(heights))
    found = figures(tables, Evidence())
    mouth = found["mouth"]
    assert mouth["correlation"] > 0.99  # the right speech alone would have praised it
    assert mouth["correlation_shifted"] > 0.99
    assert mouth["correlation_shifted_abs"] > 0.99
    assert found["margin"]["correlation_over_shifted"] == pytest.approx(0, abs=0.01)
    edges = intervals(tables, Evidence(), FPS)["margin"]["correlation_over_shifted"]
    assert edges == pytest.approx([0, 0], abs=0.01)  # paired: no frame of any resample differs


def test_a_head_that_is_read_as_a_mouth_is_no_merit_and_no_leak(held_out, heights) -> None:
    """Every mouth seems to open when the head is thrown back, the copied one too."""
    noise = np.random.default_rng(5).normal(0, 1, FRAMES + 40)
    tilts = 15 * np.convolve(noise, np.ones(41) / 41**0.5, "valid")[: FRAMES - START]

    class Tilted:
        """Told which frame is read by the top left pixel, which nothing is pasted over."""

        def __call__(self, picture: np.ndarray, box: np.ndarray) -> np.ndarray:
            points = read_lips(picture, box)
            points[LOWER_LIP_INNER, 1] += tilts[picture[0, 0, 0]]
            return points

    pictures = [frame.copy() for frame in held_out.pictures]
    for row, frame in enumerate(pictures[START:]):
        frame[0, 0] = row
    tilts -= tilts.min()
    tilted = replace(held_out, pictures=pictures)
    wrong = choose_wrong_speech(START, FRAMES, FPS, 24)
    tables = look(tilted, follows_speech(heights), Tilted(), wrong, 40)
    mouth = figures(tables, Evidence())["mouth"]
    assert mouth["correlation_shifted"] > 0.5  # as if it leaked
    assert abs(mouth["partial_shifted"]) < 0.2
    assert mouth["partial"] > 0.95
    still = look(tilted, lambda frames, _: np.stack([face(5) for _ in frames]), Tilted(), wrong, 40)
    mouth = figures(still, Evidence())["mouth"]
    assert mouth["correlation"] > 0.5  # as if it followed
    assert abs(mouth["partial"]) < 0.25


def test_half_a_leak_shows_in_between(held_out, heights) -> None:
    def paint(frames: np.ndarray, spoken: np.ndarray) -> np.ndarray:
        return np.stack([face(height) for height in (heights[frames] + heights[spoken]) / 2])

    assert 0.4 < shifted_correlations(measure(held_out, paint)).mean() < 0.9


def test_perfect_pictures_and_the_copy_baseline(held_out, heights) -> None:
    found = figures(measure(held_out, follows_speech(heights)), Evidence())
    assert found["picture"]["psnr_mask"] == np.inf
    assert found["picture"]["ssim_mask"] == pytest.approx(1)
    assert found["picture"]["sharpness"] == pytest.approx(1)
    assert found["picture"]["flicker"] == pytest.approx(1)
    assert found["copy"]["psnr_mask"] < 25
    assert found["copy"]["psnr_mask"] < found["copy"]["psnr_crop"]  # outside it is the original
    assert found["copy"]["correlation"] == 0  # it never moves
    assert found["picture"]["seam"] == 1
    assert found["picture"]["seam_step"] == 0
    assert found["margin"]["psnr_mask_over_copy"] == np.inf
    assert found["mouth"]["silence"] is None  # nobody listened
    assert rounded(found)["picture"]["psnr_mask"] is None  # JSON knows no infinity


def test_a_face_of_another_colour_has_a_seam(held_out, heights) -> None:
    def paint(frames: np.ndarray, spoken: np.ndarray) -> np.ndarray:
        return np.stack([face(heights[n]) + 8 for n in spoken])

    found = figures(measure(held_out, paint), Evidence())["picture"]
    assert found["seam"] > 1.3
    assert found["seam_step"] == pytest.approx(8, abs=0.5)


def test_intervals_lie_around_their_figures(held_out, heights) -> None:
    """With a generator that is right but for noise, and a ridge that knows the lips worse."""
    draw = np.random.default_rng(0)
    noisy = heights + draw.normal(0, 1.5, FRAMES)

    def paint(frames: np.ndarray, spoken: np.ndarray) -> np.ndarray:
        return np.stack([face(noisy[n].clip(1)) for n in spoken])

    tables = measure(held_out, paint)
    ridge = heights[START:] + draw.normal(0, 4, FRAMES - START)
    rows = heights[START:] < 6
    silence = Silence(rows, np.full(60, 0.1), 1.0, np.full(30, 0.09), 4.0)
    evidence = Evidence(ridge=ridge, silence=silence)
    found = figures(tables, evidence)
    edges = intervals(tables, evidence, FPS)
    told = {
        f"{group}.{name}": (found[group][name], edge)
        for group, figure in edges.items()
        for name, edge in figure.items()
        if edge is not None
    }
    assert len(told) >= 20
    for name, (value, (low, high)) in told.items():
        assert low - 1e-9 <= value <= high + 1e-9, name
    better = told["margin.correlation_over_ridge"]
    assert better[0] == pytest.approx(
        found["mouth"]["correlation"] - found["ridge"]["correlation"], abs=1e-9
    )
    assert better[1][0] > 0
    follows = told["margin.correlation_over_shifted"]
    tried = tables.shifted_rows
    right = correlation(tables.rendered.opening[tried], tables.real.opening[tried])
    assert follows[0] == pytest.approx(right - found["mouth"]["correlation_shifted"])
    assert told["mouth.silence_digital"][0] == pytest.approx(0.9)
    assert told["mouth.opening_digital"][0] == pytest.approx(0.09)
    real = tables.real.opening[np.isfinite(tables.real.opening)]
    assert (real < found["mouth"]["opening_closed"]).mean() == pytest.approx(0.1, abs=0.01)
    assert set(edges) <= set(found)
    for group, figure in edges.items():
        assert set(figure) <= set(found[group])


def test_details_hold_each_interval_beside_its_figure(tmp_path) -> None:
    found = {"mouth": {"correlation": 0.8, "silence": None, "offset": 1}}
    edges = {"mouth": {"correlation": [0.70004, 0.9], "silence": [0.1, 0.2]}}
    write_figures(tmp_path / "details.json", with_intervals(found, edges))
    text = (tmp_path / "details.json").read_text()
    assert '"correlation_interval": [0.7, 0.9]' in text
    assert json.loads(text) == {
        "mouth": {
            "correlation": 0.8,
            "correlation_interval": [0.7, 0.9],
            "silence": None,
            "silence_interval": None,
            "offset": 1,
        }
    }


def test_a_mouth_that_jumps_flickers(held_out, heights) -> None:
    def paint(frames: np.ndarray, spoken: np.ndarray) -> np.ndarray:
        return np.stack([face(heights[n] + 3 * (-1) ** n) for n in spoken])

    found = figures(measure(held_out, paint), Evidence())
    assert found["picture"]["flicker"] > 1.5


def test_observers_see_every_frame_in_order_and_tables_skip_those_without_face(
    held_out, heights
) -> None:
    seen: list[Instant] = []
    tables = measure(held_out, follows_speech(heights), observers=[seen.append])
    assert [instant.row for instant in seen] == list(range(FRAMES - START))
    np.testing.assert_array_equal(seen[20].real, held_out.pictures[START + 20])
    assert np.isnan(tables.rendered.opening[50:53]).all()
    assert np.isfinite(tables.rendered.opening[[49, 53]]).all()
    assert np.isnan(tables.real.flicker[[0, 49, 53, -1]]).all()  # no neighbour on one side
    assert np.isfinite(tables.real.flicker[[1, 48, 54, -2]]).all()
    assert tables.shifted_opening.shape == (40, 24)
    assert not np.isin(tables.shifted_rows, [50, 51, 52]).any()


def test_too_short_for_any_shift_leaves_the_leak_test_out(held_out, heights) -> None:
    wrong = choose_wrong_speech(START, START + 20, FPS * 10, 24)
    tables = look(held_out, follows_speech(heights), read_lips, wrong, 40)
    found = figures(tables, Evidence())
    assert found["mouth"]["correlation_shifted"] is None
    assert found["margin"]["correlation_over_shifted"] is None
    assert intervals(tables, Evidence(), FPS)["margin"]["correlation_over_shifted"] is None


@pytest.mark.parametrize("fps", [25.0, 50.0, 60.0])
def test_the_published_syncnets_blocks_are_of_its_own_rate(held_out, heights, fps) -> None:
    """Its windows are 25 a second: at 50 fps blocks of 25 windows would be a second long."""
    tables = measure(held_out, follows_speech(heights))
    draw = np.random.default_rng(0)
    slow = np.convolve(draw.normal(0, 1, 64), np.ones(10) / 10, "valid")  # 55 windows
    windows = WindowDistances(10 + slow[:, None] + np.abs(np.arange(31) - 15.0) / 10)
    found = intervals(tables, Evidence(official=OfficialScore(windows, windows)), fps)["official"]
    half_seconds = B.Blocks(55, 12.5)  # which is 12 windows; four blocks and a little
    wanted = B.interval(B.means(half_seconds, windows.distances).min(axis=1))
    assert wanted is not None
    assert found["lse_d"] == wanted == found["real_lse_d"]


def test_blend_is_paste_in_the_crop() -> None:
    draw = np.random.default_rng(0)
    crop, painted = draw.integers(0, 256, (2, SIZE, SIZE, 3)).astype(np.uint8)
    whole = paste(crop, painted, np.array([0, 0, SIZE, SIZE], np.float32))
    blended = blend(crop, painted, paste_mask(SIZE))
    assert np.abs(blended.astype(int) - whole).max() <= 1
