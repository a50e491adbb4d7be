"""The main face is found, followed, and its gaps are filled or left, on real pictures."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import skimage.data

from lipsync.faces.detector import FaceDetector, overlap
from lipsync.faces.landmarks import (
    CHIN,
    FOREHEAD,
    LEFT_EYE_OUTER,
    LIPS,
    NOSE_TIP,
    RIGHT_EYE_OUTER,
    eye_distance,
    mouth_boxes,
    mouth_opening,
)
from lipsync.faces.mesh import FaceMesh, Region
from lipsync.faces.params import LandmarksParams
from lipsync.faces.tracker import FaceTracker, fill_gaps


def pictures(path: Path, count: int) -> Iterator[np.ndarray]:
    with av.open(str(path)) as container:
        for frame in itertools.islice(container.decode(video=0), count):
            yield frame.to_ndarray(format="rgb24")


@pytest.fixture(scope="module")
def close_up(clips: Path) -> list[np.ndarray]:
    """40 frames (512, 512, 3)."""
    return list(pictures(clips / "close_up_5s.mp4", 40))


@pytest.fixture
def tracker(face_models: Path) -> FaceTracker:
    return FaceTracker(face_models, LandmarksParams(max_gap=4, min_score=0.5))


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("close_up_5s", 125),
        ("outdoor_10s", 120),
        ("head_turns_20s", 120),
        ("gestures_30fps_20s", 120),
    ],
)
def test_real_clips_are_tracked_throughout(
    clips: Path, tracker: FaceTracker, name: str, count: int
) -> None:
    landmarks = tracker.track(pictures(clips / f"{name}.mp4", count))
    assert landmarks.points.shape == (count, 468, 3)
    assert landmarks.points.dtype == np.float32
    assert landmarks.valid.all()
    assert (landmarks.score > 0.9).all()
    assert (landmarks.faces == 1).all()

    points = landmarks.points
    distance = eye_distance(points)
    assert np.abs(np.diff(distance)).max() < 0.06 * np.median(distance)  # no jumps
    assert (points[:, CHIN, 1] > points[:, NOSE_TIP, 1]).all()
    assert (points[:, FOREHEAD, 1] < points[:, RIGHT_EYE_OUTER, 1]).all()
    assert (points[:, RIGHT_EYE_OUTER, 0] < points[:, LEFT_EYE_OUTER, 0]).all()
    opening = mouth_opening(points)
    assert opening.min() >= 0
    assert 0.15 < opening.max() < 0.6  # all of them speak
    assert opening.std() > 0.02


def test_lips_lie_where_the_astronaut_smiles(tracker: FaceTracker) -> None:
    face = tracker.process(skimage.data.astronaut())
    assert face is not None
    assert face.faces == 1
    assert face.score > 0.99
    x0, y0, x1, y1 = mouth_boxes(face.points[None, LIPS, :2])[0]
    expected = (203, 138, 247, 156)  # read off the enlarged picture
    np.testing.assert_allclose((x0, y0, x1, y1), expected, atol=4)


def test_points_do_not_depend_on_where_the_face_is(face_models: Path) -> None:
    """Moved by whole pixels and by roll, the same face gets the same points, moved."""
    picture = skimage.data.astronaut()
    params = LandmarksParams(max_gap=4, min_score=0.5)
    face = FaceTracker(face_models, params).process(picture)
    turn = cv2.getRotationMatrix2D((225.0, 125.0), 20, 1.3)
    turned = FaceTracker(face_models, params).process(cv2.warpAffine(picture, turn, (512, 512)))
    assert face is not None
    assert turned is not None
    expected = (face.points[:, :2] - 0.5) @ turn[:, :2].T + turn[:, 2] + 0.5
    error = np.linalg.norm(turned.points[:, :2] - expected, axis=-1)
    assert error[list(LIPS)].mean() < 0.04 * eye_distance(turned.points[None])[0]
    depth, enlarged = face.points[:, 2], turned.points[:, 2] / 1.3
    assert np.abs(enlarged - depth).mean() < 0.06 * eye_distance(face.points[None])[0]
    assert depth[NOSE_TIP] < depth[[LEFT_EYE_OUTER, RIGHT_EYE_OUTER]].min()  # it is in front


def test_averaged_readings_depend_less_on_the_square(face_models: Path) -> None:
    picture, mesh = skimage.data.astronaut(), FaceMesh(face_models)
    first, _ = mesh.points(
        picture, Region.of_detection(FaceDetector(face_models).detect(picture)[0])
    )
    found = Region.of_points(first)
    moves = np.random.default_rng(4).normal(0, 0.01, (12, 2)) * found.side
    squares = [replace(found, centre=found.centre + move) for move in moves]
    single, steady = (
        np.stack([read(picture, square)[0] for square in squares])
        for read in (mesh.points, mesh.steady_points)
    )
    assert steady.shape == (12, 468, 3)
    assert steady.dtype == np.float32
    assert steady.std(axis=0).mean() < 0.8 * single.std(axis=0).mean()
    assert mesh.steady_points(np.full_like(picture, 90), found)[1] < 0.5


def test_small_faces_are_found_in_enlarged_tiles(face_models: Path) -> None:
    face = skimage.data.astronaut()[20:220, 120:320]
    picture = np.full((1920, 1080, 3), 90, np.uint8)
    picture[1500:1700, 700:900] = face
    found = FaceDetector(face_models).detect(picture)
    assert len(found) == 1
    assert overlap(found[0].box, np.array([755, 1550, 855, 1660])) > 0.5


def test_no_face_is_none_and_invalid(tracker: FaceTracker, face_models: Path) -> None:
    assert tracker.process(skimage.data.coffee()) is None
    landmarks = FaceTracker(face_models, LandmarksParams()).track([skimage.data.coffee()] * 3)
    assert not landmarks.valid.any()
    assert np.isnan(landmarks.points).all()
    assert (landmarks.score == 0).all()


def test_larger_of_two_faces_is_the_main_one(
    tracker: FaceTracker, close_up: list[np.ndarray]
) -> None:
    """Somebody's smaller face comes first and is counted; the large one enters later and wins."""
    somebody = cv2.resize(skimage.data.astronaut()[20:220, 120:320], (307, 307))
    frames = []
    for i, frame in enumerate(close_up):
        small = np.zeros_like(frame)
        small[100:407, 100:407] = somebody
        frames.append(np.hstack([small, frame if i >= 10 else np.zeros_like(frame)]))
    landmarks = tracker.track(frames)
    assert (landmarks.points[10:, NOSE_TIP, 0] > 512).all()
    assert not landmarks.valid[:10].any()
    assert (landmarks.faces[:10] == 1).all()
    assert (landmarks.faces[10:] == 2).all()


def test_far_smaller_face_is_not_counted(tracker: FaceTracker, close_up: list[np.ndarray]) -> None:
    frames = []
    for frame in close_up[:12]:
        side = np.zeros_like(frame)
        side[:200, :200] = cv2.resize(frame, (200, 200), interpolation=cv2.INTER_AREA)
        frames.append(np.hstack([side, frame]))
    landmarks = tracker.track(frames)
    assert (landmarks.points[:, NOSE_TIP, 0] > 512).all()
    assert (landmarks.faces == 1).all()


def test_short_gaps_are_filled_and_long_ones_left_out(
    tracker: FaceTracker, close_up: list[np.ndarray]
) -> None:
    frames = list(close_up)
    short, long = range(8, 12), range(20, 25)  # 4 = max_gap and 5 frames
    for i in (0, *short, *long, 39):
        frames[i] = np.zeros_like(frames[i])
    landmarks = tracker.track(frames)
    assert not landmarks.valid[[0, *long, 39]].any()
    assert np.isnan(landmarks.points[long.start]).all()
    seen = np.setdiff1d(np.arange(40), [0, *short, *long, 39])
    assert (landmarks.score[seen] > 0.9).all()
    assert landmarks.valid[list(short)].all()
    assert (landmarks.score[list(short)] == 0).all()
    line = (landmarks.points[7] * 2 + landmarks.points[12] * 3) / 5
    np.testing.assert_allclose(landmarks.points[10], line, atol=1e-3)


def test_gaps_of_max_gap_zero_stay() -> None:
    points = np.zeros((3, 468, 3), np.float32)
    points[1] = np.nan
    assert np.isnan(fill_gaps(points, 0)[1]).all()
    assert (fill_gaps(points, 1) == 0).all()


def test_face_is_found_again_after_a_cut(tracker: FaceTracker, close_up: list[np.ndarray]) -> None:
    """The same person further left and smaller from one frame to the next is one main face."""
    moved = [np.roll(frame, -60, axis=1) for frame in close_up[10:20]]
    landmarks = tracker.track([*close_up[:10], *moved])
    assert landmarks.valid.all()
    jump = landmarks.points[10] - landmarks.points[9]
    assert -70 < jump[:, 0].mean() < -50


def test_mouth_opening_of_a_made_up_face() -> None:
    points = np.random.default_rng(0).normal(0, 9, (2, 468, 3))  # depths do not count
    points[:, 33, :2], points[:, 263, :2] = (100, 50), (160, 130)  # 100 pixels apart, tilted
    points[0, 13, :2], points[0, 14, :2] = (120, 150), (114, 158)  # 10 pixels
    points[1, 13, :2] = points[1, 14, :2] = (120, 150)
    np.testing.assert_allclose(mouth_opening(points), [0.1, 0.0], atol=1e-6)
