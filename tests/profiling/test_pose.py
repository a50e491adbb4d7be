"""Head angles of meshes that were turned by known ones."""

import numpy as np
import pytest

from lipsync.faces.canonical import HEAD, INDICES
from lipsync.profiling.pose import head_angles


def turned(yaw: float, pitch: float, roll: float = 0.0) -> np.ndarray:
    """The rotation (3, 3) whose nose points ``yaw`` aside and ``pitch`` up, then leant by roll."""
    y, p, r = np.radians((yaw, pitch, roll))
    about_y = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    about_x = [[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]]
    about_z = [[np.cos(r), np.sin(r), 0], [-np.sin(r), np.cos(r), 0], [0, 0, 1]]
    return np.array(about_z) @ about_y @ about_x


def mesh(rotation: np.ndarray, distance: float = np.inf) -> np.ndarray:
    """(1, 468, 2) pixels of the average head, 20 pixels a centimetre; all other points are NaN."""
    x, y, z = (HEAD @ rotation.T).T
    near = 1.0 if np.isinf(distance) else distance / (distance - z)
    points = np.full((1, 468, 2), np.nan, np.float32)
    points[0, INDICES, 0] = 640 + 20 * x * near
    points[0, INDICES, 1] = 360 - 20 * y * near
    return points


@pytest.mark.parametrize("yaw", [-60, -20, 0, 35])
@pytest.mark.parametrize("pitch", [-25, 0, 10])
def test_known_angles_are_found(yaw, pitch):
    found = head_angles(mesh(turned(yaw, pitch)))[0]
    np.testing.assert_allclose(found[:2], [yaw, pitch], atol=0.05)


@pytest.mark.parametrize("roll", [-40, 15])
def test_a_leaning_head_is_not_turned(roll):
    np.testing.assert_allclose(head_angles(mesh(turned(0, 0, roll)))[0], [0, 0, roll], atol=0.05)


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (30, 0), (-20, 15), (0, -20)])
def test_a_camera_nearby_makes_turned_heads_look_a_little_more_turned(yaw, pitch):
    found = head_angles(mesh(turned(yaw, pitch), distance=100))[0]
    np.testing.assert_allclose(found[:2], [yaw, pitch], atol=3)
    found = head_angles(mesh(turned(yaw, pitch), distance=50))[0]
    np.testing.assert_allclose(found[:2], [yaw, pitch], atol=5.5)


def test_trembling_points_move_the_angles_little():
    draw = np.random.default_rng(0)
    points = np.repeat(mesh(turned(20, 5)), 200, axis=0)
    points += draw.normal(0, 2, points.shape).astype(np.float32)  # a millimetre
    found = head_angles(points)[:, :2]
    np.testing.assert_allclose(found.mean(axis=0), [20, 5], atol=0.5)
    assert (found.std(axis=0) < 2).all()


def test_unknown_faces_have_no_angles():
    points = np.concatenate([mesh(turned(10, 0)), np.full((1, 468, 2), np.nan)])
    found = head_angles(points)
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()
    assert np.isnan(head_angles(points[1:])).all()
