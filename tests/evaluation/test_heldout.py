"""The pass over held-out frames, with drawn mouths: is each question answered, and a leak told?"""

import json
from dataclasses import replace

import numpy as np
import pytest

from lipsync.evaluation import bootstrap as B
from lipsync.evaluation.evidence import Evidence
from lipsync.evaluation.expressions import Expressions
from lipsync.evaluation.heldout import LOOKS, HeldOut, Instant, Renderers, Tables, render_held_out
from lipsync.evaluation.intervals import intervals
from lipsync.evaluation.mouths import correlation
from lipsync.evaluation.official import OfficialScore, WindowDistances
from lipsync.evaluation.report import (
    figures,
    headline,
    rounded,
    shifted_correlations,
    with_intervals,
    write_figures,
)
from lipsync.evaluation.shifts import choose_wrong_speech
from lipsync.evaluation.silence import Silence
from lipsync.faces.landmarks import LOWER_LIP_INNER
from lipsync.media.planes import rgb_of
from tests.evaluation.drawn import (
    FPS,
    FRAMES,
    MASK,
    START,
    drawing,
    held_out_part,
    read_lips,
    renderers,
    slits,
)


@pytest.fixture(scope="module")
def heights() -> np.ndarray:
    return slits()


@pytest.fixture(scope="module")
def held_out(heights: np.ndarray) -> HeldOut:
    return held_out_part(heights)


def measure(held_out: HeldOut, made: Renderers, **kwargs) -> Tables:
    wrong = choose_wrong_speech(START, FRAMES, FPS, 24)
    return render_held_out(held_out, made, read_lips, wrong, 40, **kwargs)


@pytest.fixture(scope="module")
def perfect(held_out: HeldOut, heights: np.ndarray) -> Tables:
    """A motion network that predicts what was filmed, and a renderer that draws it."""
    return measure(held_out, renderers(heights))


def test_a_perfect_avatar_answers_all_three_questions(perfect: Tables) -> None:
    found = figures(perfect, Evidence())
    for group in ("face", "retrieval", "mouth"):
        assert found[group]["correlation"] == pytest.approx(1, abs=1e-3)
        assert found[group]["spread"] == pytest.approx(1, abs=1e-3)
        assert found[group]["lip_distance"] == pytest.approx(0, abs=1e-3)
    for group in ("face", "retrieval", "picture"):
        assert found[group]["psnr_region"] == np.inf
        assert found[group]["psnr_mask"] == np.inf
        assert found[group]["ssim_mask"] == pytest.approx(1)
        assert found[group]["sharpness"] == pytest.approx(1)
        assert found[group]["flicker"] == pytest.approx(1)
        assert found[group]["seam"] == 1
        assert found[group]["seam_step"] == 0
    assert rounded(found)["face"]["psnr_mask"] is None  # JSON knows no infinity


def test_a_motion_that_follows_the_speech_passes_the_leak_test(perfect: Tables) -> None:
    mouth = figures(perfect, Evidence())["mouth"]
    assert abs(mouth["correlation_shifted"]) < 0.1
    assert mouth["correlation_shifted_abs"] < 0.3
    low, _ = intervals(perfect, Evidence(), FPS)["margin"]["correlation_over_shifted"]
    assert low > 0.7


def test_a_renderer_that_copies_the_target_is_caught(held_out, heights) -> None:
    tables = measure(held_out, renderers(heights, refined=lambda frame, _: heights[frame]))
    found = figures(tables, Evidence())
    mouth = found["mouth"]
    assert mouth["correlation"] > 0.99  # the right speech alone would have praised it
    assert mouth["correlation_shifted"] > 0.99
    assert mouth["correlation_shifted_abs"] > 0.99
    assert found["margin"]["correlation_over_shifted"] == pytest.approx(0, abs=0.01)
    edges = intervals(tables, Evidence(), FPS)["margin"]["correlation_over_shifted"]
    assert edges == pytest.approx([0, 0], abs=0.01)  # paired: no frame of any resample differs


def test_half_a_leak_shows_in_between(held_out, heights) -> None:
    def half(frame: int, wanted: float | None) -> float:
        return heights[frame] if wanted is None else (heights[frame] + wanted) / 2

    assert 0.4 < shifted_correlations(measure(held_out, renderers(heights, half))).mean() < 0.9


def test_a_face_that_moves_the_wrong_way_and_one_that_moves_half(held_out, heights) -> None:
    """The two questions are apart: the motion is right, the faces are not."""

    def wrong_way(frame: int, wanted: float | None) -> float:
        return 21 - (heights[frame] if wanted is None else wanted)

    def half(frame: int, wanted: float | None) -> float:
        return (10 + (heights[frame] if wanted is None else wanted)) / 2

    found = figures(measure(held_out, renderers(heights, wrong_way, half)), Evidence())
    assert found["face"]["correlation"] < -0.99
    assert found["mouth"]["correlation"] < -0.99
    assert found["retrieval"]["correlation"] > 0.99
    assert found["retrieval"]["spread"] == pytest.approx(0.5, abs=0.02)
    assert found["face"]["spread"] == pytest.approx(1, abs=0.02)


def test_a_wrong_motion_leaves_the_face_alone(held_out, heights) -> None:
    made = renderers(heights)
    late = replace(made, predict=lambda heard: made.predict(np.roll(np.arange(FRAMES), 30)[heard]))
    found = figures(measure(held_out, late), Evidence())
    assert found["face"]["correlation"] == pytest.approx(1, abs=1e-3)
    assert found["face"]["psnr_mask"] == np.inf
    assert abs(found["mouth"]["correlation"]) < 0.4
    assert found["picture"]["psnr_mask"] < 25


def test_retrieval_alone_is_what_the_refiner_must_beat(held_out, heights) -> None:
    """The retrieved face is brighter and trembles; the refined one is right."""
    made = renderers(heights)

    def trembles(frame: int, wanted: float | None) -> float:
        return (heights[frame] if wanted is None else wanted) + 3 * (-1) ** frame

    worse = replace(made, retrieved=drawing(trembles, lambda crop: crop + 8))
    found = figures(measure(held_out, worse), Evidence())
    assert found["retrieval"]["flicker"] > 1.5
    assert found["retrieval"]["seam"] > 1.3
    assert found["retrieval"]["seam_step"] == pytest.approx(8, abs=0.6)
    assert found["retrieval"]["psnr_region"] < 30
    margin = found["margin"]
    assert margin["psnr_region_over_retrieval"] == np.inf
    assert margin["flicker_over_retrieval"] == pytest.approx(1 - found["retrieval"]["flicker"])
    assert margin["seam_over_retrieval"] < -0.3
    assert margin["sharpness_over_retrieval"] == pytest.approx(
        found["face"]["sharpness"] - found["retrieval"]["sharpness"]
    )
    few = headline(found)
    assert set(few["retrieval"]) >= {"psnr_region", "sharpness", "flicker", "seam"}


def test_the_still_mouth_is_that_of_silence(perfect: Tables) -> None:
    found = figures(perfect, Evidence())
    known = perfect.still.opening[np.isfinite(perfect.still.opening)]
    assert len(known) == LOOKS
    assert np.ptp(known) == 0
    assert known[0] == pytest.approx(1 / 40, rel=0.1)  # a pixel of the slit over the eye distance
    assert found["copy"]["correlation"] == 0  # it never moves
    assert found["copy"]["psnr_mask"] < 25
    assert found["margin"]["psnr_region_over_copy"] == np.inf
    assert found["mouth"]["silence"] is None  # nobody listened


def test_a_head_that_is_read_as_a_mouth_is_no_merit_and_no_leak(held_out, heights) -> None:
    """Every mouth seems to open when the head is thrown back, the still one too."""
    noise = np.random.default_rng(5).normal(0, 1, FRAMES + 40)
    tilts = 15 * np.convolve(noise, np.ones(41) / 41**0.5, "valid")[:FRAMES]
    tilts -= tilts.min()

    def tilted(picture: np.ndarray, box: np.ndarray) -> np.ndarray:
        points = read_lips(picture, box)
        points[LOWER_LIP_INNER, 1] += tilts[round(box[0] % 1 * 1e7)]
        return points

    wrong = choose_wrong_speech(START, FRAMES, FPS, 24)
    tables = render_held_out(held_out, renderers(heights), tilted, wrong, 40)
    mouth = figures(tables, Evidence())["mouth"]
    assert mouth["correlation_shifted"] > 0.5  # as if it leaked
    assert abs(mouth["partial_shifted"]) < 0.2
    assert mouth["partial"] > 0.95
    never_moves = renderers(heights, refined=lambda *_: 5.0)
    still = render_held_out(held_out, never_moves, tilted, wrong, 40)
    mouth = figures(still, Evidence())["mouth"]
    assert mouth["correlation"] > 0.5  # as if it followed
    assert abs(mouth["partial"]) < 0.25


def test_intervals_lie_around_their_figures(held_out, heights) -> None:
    """With predictions that are right but for noise, and a ridge that knows the lips worse."""
    draw = np.random.default_rng(0)
    noisy = (heights + draw.normal(0, 1.5, FRAMES)).clip(1)
    made = renderers(heights, retrieved=lambda frame, _: 0.9 * heights[frame])
    made = replace(made, predict=renderers(noisy).predict)
    tables = measure(held_out, made)
    ridge = heights[START:] + draw.normal(0, 4, FRAMES - START)
    rows = heights[START:] < 6
    silence = Silence(rows, np.full(60, 0.1), 1.0, np.full(30, 0.09), 4.0)
    expressions = Expressions(noisy[START:], heights[START:], noisy[:120], heights[:120], 7.0)
    evidence = Evidence(ridge=ridge, silence=silence, expressions=expressions)
    found = figures(tables, evidence)
    edges = intervals(tables, evidence, FPS)
    told = {
        f"{group}.{name}": (found[group][name], edge)
        for group, figure in edges.items()
        for name, edge in figure.items()
        if edge is not None
    }
    assert len(told) >= 45
    for name, (value, (low, high)) in told.items():
        assert low - 1e-9 <= value <= high + 1e-9, name
    wanted = {
        *("face.spread", "face.correlation", "retrieval.psnr_region", "retrieval.flicker"),
        *("retrieval.seam", "expression.opening_r", "expression.width_r", "expression.spread"),
        *("expression.closure", "expression.mean_ratio", "mouth.spread", "picture.psnr_region"),
        *("copy.psnr_region", "margin.sharpness_over_retrieval", "margin.flicker_over_retrieval"),
    }
    assert wanted <= set(told)
    better = told["margin.correlation_over_ridge"]
    assert better[0] == pytest.approx(
        found["mouth"]["correlation"] - found["ridge"]["correlation"], abs=1e-9
    )
    assert better[1][0] > 0
    follows = told["margin.correlation_over_shifted"]
    tried = tables.shifted_rows
    right = correlation(tables.spoken.opening[tried], tables.opening[tried])
    assert follows[0] == pytest.approx(right - found["mouth"]["correlation_shifted"])
    assert told["mouth.silence_digital"][0] == pytest.approx(0.9)
    assert told["mouth.opening_digital"][0] == pytest.approx(0.09)
    real = tables.opening[np.isfinite(tables.opening)]
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


def test_observers_see_every_frame_in_order_and_tables_skip_those_without_face(
    held_out, heights
) -> None:
    seen: list[Instant] = []
    tables = measure(held_out, renderers(heights), observers=[seen.append])
    assert [instant.row for instant in seen] == list(range(FRAMES - START))
    assert [instant.frame for instant in seen] == list(range(START, FRAMES))
    np.testing.assert_array_equal(seen[20].real, rgb_of(held_out.film(START + 20)))
    np.testing.assert_array_equal(seen[51].rendered, seen[51].real)
    assert np.isnan(tables.spoken.opening[50:53]).all()
    assert np.isfinite(tables.spoken.opening[[49, 53]]).all()
    assert np.isnan(tables.spoken.flicker[[0, 49, 53, -1]]).all()  # no neighbour on one side
    assert np.isfinite(tables.spoken.real_flicker[[1, 48, 54, -2]]).all()
    assert np.isfinite(tables.filmed.opening).sum() == FRAMES - START - 3
    for thinned in (tables.retrieved.opening, tables.filmed.border, tables.still.error_mask):
        assert np.isfinite(thinned).sum() == LOOKS
    assert np.isfinite(tables.retrieved.error_mask).sum() == FRAMES - START - 3
    assert tables.shifted_opening.shape == (40, 24)
    assert np.isfinite(tables.still.opening[tables.shifted_rows]).all()  # for the partial r


def test_a_shot_begins_wherever_frames_are_left_out(heights) -> None:
    """Exemplars are chosen looking back, so nothing is carried over a gap."""
    frames = np.concatenate([np.arange(90, 110), np.arange(125, 145)])  # 130 ... 132 have no face
    begun: list[list[int]] = []

    def shot():
        begun.append([])

        def speak(planes: np.ndarray, frame: int, expression: np.ndarray | None) -> np.ndarray:
            begun[-1].append(frame)
            return MASK

        return speak

    made = replace(renderers(heights), retrieved=shot)
    tables = measure(held_out_part(heights, frames), made)
    assert [row for row in begun if row] == [
        list(range(90, 110)), list(range(125, 130)), list(range(133, 145)),
    ]  # fmt: skip
    assert np.isnan(tables.filmed.flicker[[19, 20]]).all()  # the frames beside are not neighbours


def test_too_short_for_any_shift_leaves_the_leak_test_out(held_out, heights) -> None:
    wrong = choose_wrong_speech(START, START + 20, FPS * 10, 24)
    tables = render_held_out(held_out, renderers(heights), read_lips, wrong, 40)
    found = figures(tables, Evidence())
    assert found["mouth"]["correlation_shifted"] is None
    assert found["margin"]["correlation_over_shifted"] is None
    assert intervals(tables, Evidence(), FPS)["margin"]["correlation_over_shifted"] is None


@pytest.mark.parametrize("fps", [25.0, 50.0, 60.0])
def test_the_published_syncnets_blocks_are_of_its_own_rate(perfect: Tables, fps) -> None:
    """Its windows are 25 a second: at 50 fps blocks of 25 windows would be a second long."""
    draw = np.random.default_rng(0)
    slow = np.convolve(draw.normal(0, 1, 64), np.ones(10) / 10, "valid")  # 55 windows
    windows = WindowDistances(10 + slow[:, None] + np.abs(np.arange(31) - 15.0) / 10)
    found = intervals(perfect, Evidence(official=OfficialScore(windows, windows)), fps)["official"]
    half_seconds = B.Blocks(55, 12.5)  # which is 12 windows; four blocks and a little
    wanted = B.interval(B.means(half_seconds, windows.distances).min(axis=1))
    assert wanted is not None
    assert found["lse_d"] == wanted == found["real_lse_d"]
