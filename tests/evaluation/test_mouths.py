"""Reading lips off pictures, comparing curves, mismatched audio."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from lipsync.evaluation.mouths import (
    LipReader,
    correlation,
    lip_distance,
    mean_ratio,
    partial_correlation,
    spread,
)
from lipsync.evaluation.shifts import choose_wrong_speech, circular_shifts
from lipsync.faces.crop import crop_boxes
from lipsync.faces.landmarks import (
    LEFT_EYE_OUTER,
    LIPS,
    POINTS,
    RIGHT_EYE_OUTER,
    eye_distance,
    mouth_opening,
)
from lipsync.faces.params import LandmarksParams
from lipsync.faces.tracker import FaceTracker
from lipsync.media.video import FrameReader


def test_correlation_of_hand_made_curves() -> None:
    time = np.linspace(0, 20, 200)
    curve = np.sin(time)
    assert correlation(curve, 3 * curve + 1) == pytest.approx(1)
    assert correlation(curve, -curve) == pytest.approx(-1)
    assert abs(correlation(curve, np.cos(time))) < 0.1
    assert correlation(curve, np.full(200, 0.3)) == 0
    gaps = curve.copy()
    gaps[::7] = np.nan
    assert correlation(curve, gaps) == pytest.approx(1)
    assert np.isnan(correlation(curve[:2], curve[:2]))


def test_spread_and_mean_ratio_of_hand_made_curves() -> None:
    curve = 0.1 + 0.1 * np.sin(np.linspace(0, 20, 200))
    assert spread(curve, curve) == pytest.approx(1)
    assert spread(3 - 0.5 * curve, curve) == pytest.approx(0.5)  # either way, wherever it lies
    assert spread(np.full(200, 0.25), curve) == 0
    assert np.isnan(spread(curve, np.full(200, 0.3)))
    gaps = np.where(np.arange(200) % 3, 2 * curve, np.nan)
    assert spread(gaps, np.where(np.isfinite(gaps), curve, 99)) == pytest.approx(2)
    assert np.isnan(spread(gaps[:3], curve[:3]))
    assert mean_ratio(gaps, np.where(np.isfinite(gaps), curve, 99)) == pytest.approx(2)
    assert np.isnan(mean_ratio(curve, np.zeros(200)))


def test_what_a_third_curve_says_of_both_is_taken_away() -> None:
    draw = np.random.default_rng(0)
    pose, one, other = draw.normal(0, 1, (3, 4000))
    assert correlation(pose + one, pose + other) == pytest.approx(0.5, abs=0.05)
    assert partial_correlation(pose + one, pose + other, 2 - 3 * pose) == pytest.approx(0, abs=0.05)
    assert partial_correlation(pose + one, pose + 2 * one, pose) == pytest.approx(1)
    assert partial_correlation(pose, one, pose) == 0  # nothing is left of it
    still = np.full(4000, 0.3)
    assert partial_correlation(pose + one, pose, still) == correlation(pose + one, pose)
    gaps = np.where(np.arange(4000) % 3, pose, np.nan)
    assert abs(partial_correlation(pose + one, pose + other, gaps)) < 0.06


def test_lip_distance_is_in_eye_distances_and_of_lips_alone() -> None:
    real = np.zeros((2, POINTS, 2), np.float32)
    real[:, LEFT_EYE_OUTER, 0] = 50
    moved = real.copy()
    moved[1, LIPS, 1] += 5
    np.testing.assert_allclose(lip_distance(moved, real), [0, 0.1], rtol=1e-6)
    moved[0, RIGHT_EYE_OUTER, 1] += 9
    assert lip_distance(moved, real)[0] == 0


@pytest.mark.parametrize(("length", "count"), [(150, 24), (142, 24), (60, 24), (51, 24), (50, 24)])
def test_shifts_are_a_second_or_more_either_way_around(length: int, count: int) -> None:
    shifts = circular_shifts(length, 25, count)
    assert 1 <= len(shifts) <= count
    assert (shifts >= 25).all()
    assert (length - shifts >= 25).all()
    assert len(np.unique(shifts)) == len(shifts)
    if length >= 50 + count:
        assert len(shifts) == count


def test_wrong_speech_turns_the_held_out_part_or_else_everything() -> None:
    wrong = choose_wrong_speech(start=600, frames=750, fps=25, count=24)
    heard = wrong.frames(610)
    assert len(heard) == 24
    assert ((heard >= 600) & (heard < 750)).all()
    assert (np.abs(heard - 610) >= 25).all()
    everything = np.stack([wrong.frames(frame) for frame in range(600, 750)])  # (V, K)
    np.testing.assert_array_equal(np.sort(everything[:, 7]), np.arange(600, 750))

    short = choose_wrong_speech(start=200, frames=250, fps=25, count=24)
    assert (short.start, short.length, len(short.shifts)) == (0, 250, 24)
    assert (np.abs(short.frames(220) - 220) >= 25).all()
    assert len(choose_wrong_speech(start=25, frames=45, fps=25, count=24).shifts) == 0


def test_reader_agrees_with_the_tracker(root: Path, face_models: Path) -> None:
    """Each frame is read alone, yet as the tracker reads it; a pasted wall is no face."""
    with FrameReader(root / "data" / "videos" / "sample.mp4") as video:
        frames = [video[i] for i in range(100, 150)]
    tracked = FaceTracker(face_models, LandmarksParams()).track(frames)
    height, width, _ = frames[0].shape
    boxes = crop_boxes(tracked.points, tracked.valid, width, height, 25, 0.5)
    read = LipReader(face_models, min_score=0.5)
    points = np.stack([read(frame, box) for frame, box in zip(frames, boxes, strict=True)])
    assert points.dtype == np.float32
    assert points.shape == (50, POINTS, 2)
    apart = np.linalg.norm(points - tracked.points[..., :2], axis=-1).mean(1) / eye_distance(points)
    assert apart.max() < 0.03
    assert correlation(mouth_opening(points), mouth_opening(tracked.points)) > 0.95
    np.testing.assert_array_equal(read(frames[7], boxes[7]), points[7])

    turned = cv2.warpAffine(
        frames[7], cv2.getRotationMatrix2D((width / 2, height / 2), 12, 1), (width, height)
    )
    assert np.isfinite(read(turned, boxes[7])).all()
    assert np.isnan(read(np.full_like(frames[0], 90), boxes[0])).all()
