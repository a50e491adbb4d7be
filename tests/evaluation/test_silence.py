"""Closed mouths in silence, open ones, and no silence at all."""

import numpy as np
import pytest

from lipsync.evaluation.evidence import Evidence
from lipsync.evaluation.heldout import HeldOut, Tables
from lipsync.evaluation.intervals import intervals
from lipsync.evaluation.measures import FrameMetrics
from lipsync.evaluation.silence import Silence, measure_silence, silent_frames
from lipsync.faces.landmarks import LEFT_EYE_OUTER, LOWER_LIP_INNER, POINTS
from lipsync.media.planes import from_rgb

FRAMES, START = 200, 120
BOX = np.array([8, 8, 72, 72], np.float32)


def points(openings: np.ndarray | list[float]) -> np.ndarray:
    """(N, 468, 2) whose mouths are so far open, over an eye distance of 40 pixels."""
    found = np.zeros((len(openings), POINTS, 2))
    found[:, LEFT_EYE_OUTER, 0] = 40
    found[:, LOWER_LIP_INNER, 1] = 40 * np.asarray(openings)
    return found


def tables(rendered: np.ndarray, real: np.ndarray, still: np.ndarray | None = None) -> Tables:
    spoken, filmed, retrieved, silent = (FrameMetrics.empty(len(real)) for _ in range(4))
    spoken.points[:] = points(rendered)
    if still is not None:
        silent.points[:] = points(still)
    return Tables(
        points(real), spoken, filmed, retrieved, silent, np.zeros(0, int), np.zeros((0, 0))
    )


def test_frames_well_inside_a_silence() -> None:
    audible = np.ones(50, bool)
    audible[10:20] = audible[30:36] = False
    np.testing.assert_array_equal(np.flatnonzero(silent_frames(audible)), [13, 14, 15, 16])
    audible[:] = False  # what lies beyond the recording nobody knows
    np.testing.assert_array_equal(np.flatnonzero(silent_frames(audible)), np.arange(3, 47))


def test_only_silent_frames_count_and_ten_are_needed() -> None:
    rows = np.zeros(40, bool)
    rows[5:17] = True
    real, rendered = np.full(40, 0.3), np.full(40, 0.9)
    real[rows], rendered[rows] = 0.02, 0.03
    silence = Silence(rows, np.zeros(0), 1.0, np.zeros(0), 1.0)
    ours, truth = silence.openings(tables(rendered, real))
    assert np.nansum(ours) / np.nansum(truth) == pytest.approx(1.5)
    assert np.isfinite(ours).sum() == 12
    real[5:8] = np.nan  # 9 are left
    assert np.isnan(silence.openings(tables(rendered, real))[0]).all()


def test_digital_silence_is_held_against_all_pauses_of_the_recording() -> None:
    """A mouth that is open by 0.05 in the recording's pauses, by 0.06 when nothing is heard."""

    def read_lips(picture: np.ndarray, box: np.ndarray) -> np.ndarray:
        """Mouths are open by a thousandth a level of grey in the middle."""
        return points([picture[40, 40, 0] / 1000])[0]

    audible = np.ones(FRAMES, bool)
    audible[20:60] = False
    level = np.where(audible, 250, 50)
    valid = np.ones(FRAMES, bool)
    valid[30] = valid[150] = False
    held_out = HeldOut(
        frames=np.arange(START, FRAMES),
        film=lambda frame: from_rgb(np.full((80, 80, 3), level[frame], np.uint8)),
        crops=np.zeros((FRAMES, 64, 64, 3), np.uint8),
        boxes=np.repeat(BOX[None], FRAMES, axis=0),
        valid=valid,
    )
    still = np.full(80, np.nan)
    still[::4] = 0.06
    rendered = tables(np.full(80, 0.1), np.full(80, 0.1), still)
    found = measure_silence(held_out, rendered, read_lips, audible)
    assert len(found.pauses) == 33  # 34 frames well inside, less the one without a face
    np.testing.assert_allclose(found.pauses, 0.05, atol=1e-3)
    np.testing.assert_allclose(found.digital, 0.06)
    assert found.digital_apart == pytest.approx(79 / 20)
    assert found.digital_ratio() == pytest.approx(1.2, rel=0.02)
    assert not found.rows.any()  # no pause in the held-out part

    audible[:] = True
    talks = measure_silence(held_out, rendered, read_lips, audible)
    assert len(talks.pauses) == 0
    assert np.isnan(talks.digital_ratio())
    assert intervals(rendered, Evidence(silence=talks), 25.0)["mouth"]["silence_digital"] is None


def test_pauses_are_looked_up_in_the_frames_that_are_rendered() -> None:
    audible = np.ones(FRAMES, bool)
    audible[150:180] = False
    frames = np.r_[120:130, 160:170]
    held_out = HeldOut(
        frames=frames,
        film=lambda frame: from_rgb(np.full((80, 80, 3), 50, np.uint8)),
        crops=np.zeros((FRAMES, 64, 64, 3), np.uint8),
        boxes=np.repeat(BOX[None], FRAMES, axis=0),
        valid=np.ones(FRAMES, bool),
    )
    found = measure_silence(
        held_out,
        tables(np.full(20, 0.1), np.full(20, 0.1)),
        lambda picture, box: points([0.05])[0],
        audible,
    )
    np.testing.assert_array_equal(found.rows, frames >= 160)
