"""Pose and expression are taken apart, of heads that were made up and of real ones."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from lipsync.errors import LipsyncError
from lipsync.faces.landmarks import LIPS
from lipsync.faces.params import LandmarksParams
from lipsync.faces.tracker import FaceTracker
from lipsync.geometry.fit import fit_shape_model, fit_track, mean_shape
from lipsync.geometry.model import ShapeModel, Track
from lipsync.geometry.params import GeometryParams
from lipsync.media.video import read_frames
from tests.geometry import head

FRAMES, FPS = 1500, 25.0
COMPONENTS = GeometryParams().n_components


def fitted(
    points: np.ndarray, smoothing: float = GeometryParams().pose_smoothing
) -> tuple[ShapeModel, Track]:
    valid = np.isfinite(points).all(axis=(1, 2))
    model = fit_shape_model(points, np.flatnonzero(valid), COMPONENTS)
    return model, fit_track(points, valid, model, FPS, smoothing)


@pytest.fixture(scope="module")
def turning() -> tuple[np.ndarray, np.ndarray]:
    """Points (500, 468, 3) and angles (500, 3) of a head that turns by 30 degrees."""
    return head.recording(FRAMES, degrees=30)


@pytest.mark.parametrize(
    ("pitch", "yaw", "roll"), [(30, 0, 0), (-30, 0, 0), (0, 30, 5), (0, -30, 0)]
)
def test_a_turned_head_keeps_its_expression(
    turning: tuple[np.ndarray, np.ndarray], pitch: float, yaw: float, roll: float
) -> None:
    model, _ = fitted(turning[0])
    draw = np.random.default_rng(1)
    wanted = draw.uniform((0, -0.15), (0.15, 0.15), (40, 2))
    one = np.ones(len(wanted))

    def expressions(angles: tuple[float, float, float], scale: float, x: float) -> np.ndarray:
        rotation = head.turn(*(angle * one for angle in angles))
        points = head.film(head.speak(wanted), rotation, scale * one, one[:, None] * (x, 200, 0))
        return fit_track(points, one > 0, model, FPS, smoothing=0).expression

    frontal, turned = expressions((0, 0, 0), 100, 300), expressions((pitch, yaw, roll), 170, 900)
    change = np.abs(turned - frontal)[:, :2].max(0) / np.ptp(frontal[:, :2], axis=0)
    assert (change < 0.01).all()
    opening, moved = model.opening(frontal), model.opening(turned)
    np.testing.assert_allclose(moved, opening, atol=0.01 * np.ptp(opening))


def test_the_opening_is_that_of_the_head(turning: tuple[np.ndarray, np.ndarray]) -> None:
    model, track = fitted(turning[0])
    time = np.arange(FRAMES) / FPS
    opening = 0.06 * (1 + np.sin(2 * np.pi * 2.7 * time + 1)) * (1 + 0.5 * np.sin(2.1 * time))
    found = model.opening(track.expression)
    assert np.corrcoef(found, opening)[0, 1] > 0.999
    assert found.std() == pytest.approx(opening.std(), rel=0.1)
    assert abs(np.corrcoef(found, track.angles[:, 0])[0, 1]) < 0.05


def test_angles_are_those_of_the_head(turning: tuple[np.ndarray, np.ndarray]) -> None:
    """Against a head that looks into the camera, however it is turned in the middle frame."""
    points, angles = turning
    _, track = fitted(points, smoothing=0)
    np.testing.assert_allclose(track.angles, angles, atol=0.2)
    late, track = points[40:], fitted(points[40:], smoothing=0)[1]
    np.testing.assert_allclose(track.angles, angles[40:], atol=0.2)
    np.testing.assert_allclose(
        mean_shape(late.astype(float)), mean_shape(points.astype(float)), atol=0.02
    )


def test_the_mesh_of_a_frame_lies_where_its_points_do(
    turning: tuple[np.ndarray, np.ndarray],
) -> None:
    points, _ = turning
    model, track = fitted(points, smoothing=0)
    for frame in (3, 250, 490):
        mesh = track.mesh(model, frame)
        assert mesh.shape == (504, 3)
        apart = np.abs(mesh[:468] - points[frame]).max(axis=1) / track.scale[frame]
        assert apart.max() < 0.01  # eye distances


def test_smoothing_changes_the_pose_and_never_the_expression(
    turning: tuple[np.ndarray, np.ndarray],
) -> None:
    points, _ = turning
    draw = np.random.default_rng(2)
    shaken = points + draw.normal(0, 1, (FRAMES, 1, 3)).astype(np.float32)  # the whole face
    model, raw = fitted(shaken, smoothing=0)
    smooth = fit_track(shaken, raw.valid, model, FPS, smoothing=0.16)
    np.testing.assert_array_equal(smooth.expression, raw.expression)
    calm, trembling = (np.diff(t.translation, 2, axis=0).std() for t in (smooth, raw))
    assert calm < 0.5 * trembling
    assert np.abs(smooth.angles - raw.angles).max() > 0
    orthonormal = smooth.rotation @ np.swapaxes(smooth.rotation, 1, 2)
    np.testing.assert_allclose(orthonormal, np.tile(np.eye(3), (FRAMES, 1, 1)), atol=1e-5)


def test_frames_without_a_face_stay_unknown(turning: tuple[np.ndarray, np.ndarray]) -> None:
    points = turning[0][:200].copy()
    points[[0, 50, 51]] = np.nan
    model, track = fitted(points)
    assert np.flatnonzero(~track.valid).tolist() == [0, 50, 51]
    assert np.isnan(track.expression[50]).all()
    assert np.isnan(track.rotation[0]).all()
    assert np.isfinite(track.expression[track.valid]).all()
    assert np.isnan(model.opening(track.expression)[[0, 50, 51]]).all()
    nowhere = fit_track(np.full_like(points, np.nan), np.zeros(200, bool), model, FPS, 0.16)
    assert np.isnan(nowhere.scale).all()


def test_the_same_points_give_the_same_model(turning: tuple[np.ndarray, np.ndarray]) -> None:
    one, other = (fitted(turning[0][:100])[0] for _ in range(2))
    np.testing.assert_array_equal(one.components, other.components)
    largest = np.abs(one.components).max(axis=(1, 2))
    assert (np.diff(largest[:3]) < 0).all()  # what moves most comes first


def test_too_few_frames_are_refused(turning: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(LipsyncError, match=r"geometry\.n_components: 12 needs more than the 12 "):
        fit_shape_model(turning[0], np.arange(12), 12)


def test_a_real_head_that_turns_does_not_open_its_mouth_by_it(
    clips: Path, face_models: Path
) -> None:
    frames = itertools.islice(read_frames(clips / "head_turns_20s.mp4"), 300)
    landmarks = FaceTracker(face_models, LandmarksParams()).track(frames)
    model, track = fitted(landmarks.points)
    opening = model.opening(track.expression)
    assert track.angles[:, 0].std() > 2  # degrees
    assert opening.std() > 0.02
    assert abs(np.corrcoef(opening, track.angles[:, 0])[0, 1]) < 0.2


def test_a_still_face_hardly_trembles(face_models: Path) -> None:
    """A picture with the noise of a camera, over and over."""
    draw = np.random.default_rng(5)
    picture = skimage.data.astronaut()
    noise = draw.normal(0, 2, (60, *picture.shape))
    frames = (np.clip(picture + each, 0, 255).round().astype(np.uint8) for each in noise)
    points = FaceTracker(face_models, LandmarksParams()).track(frames).points
    model, track = fitted(points)
    assert np.diff(model.opening(track.expression), 2).std() < 0.01  # eye distances
    meshes = np.stack([track.mesh(model, frame) for frame in range(len(points))])
    lips = np.diff(meshes[:, LIPS, :2], 2, axis=0) / track.scale.mean()
    assert lips.std() < 0.005
    assert np.diff(track.angles, 2, axis=0).std(0).max() < 0.3  # degrees
