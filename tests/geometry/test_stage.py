"""The stage fit_geometry, run as DVC runs it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from lipsync.faces.storage import write_faces, write_landmarks
from lipsync.faces.tracker import Landmarks
from lipsync.geometry.storage import read_geometry
from tests.geometry import head

FRAMES, GAP = 300, (20, 24)  # frames; 20 ... 23 were filled in between others


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    """A folder with the project's params for one person, alice."""
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["people"] = {"alice": {"video": "alice.mp4"}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    return tmp_path


def write(project: Path, points: np.ndarray) -> None:
    valid = np.isfinite(points).all(axis=(1, 2))
    score = valid.astype(np.float32)
    score[slice(*GAP)] = 0
    landmarks = Landmarks(points, valid, score, np.ones(len(points), np.int32))
    data = project / "data" / "alice"
    write_landmarks(data / "landmarks.npz", landmarks)
    boxes = np.tile(np.array([0, 0, 400, 400], np.float32), (len(points), 1))
    crops = (np.full((64, 64, 3), 128, np.uint8) for _ in points)
    lips = np.zeros((len(points), 40, 2), np.float32)
    write_faces(data / "faces.npz", crops, 64, boxes, valid, score > 0, lips)


def run(project: Path, root: Path) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, str(root / "stages" / "fit_geometry.py"), "alice")
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def refusal(project: Path, root: Path) -> str:
    done = run(project, root)
    assert done.returncode == 1
    assert done.stderr.startswith("fit_geometry@alice: ")
    assert done.stderr.count("\n") == 1
    assert not (project / "data" / "alice" / "geometry.npz").exists()
    assert not (project / "metrics").exists()
    return done.stderr


def test_geometry_and_figures_of_a_turning_head(project: Path, root: Path) -> None:
    points, angles = head.recording(FRAMES, degrees=12)
    points[100:110] = np.nan
    write(project, points)
    done = run(project, root)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    model, track = read_geometry(project / "data" / "alice" / "geometry.npz")
    assert len(track) == FRAMES
    assert model.n_components == 12
    assert track.valid[slice(*GAP)].all()
    assert not track.valid[100:110].any()
    figures = json.loads((project / "metrics" / "alice" / "geometry.json").read_text())
    spread = angles[track.valid].std(0)
    assert figures["pitch_spread"] == pytest.approx(spread[0], rel=0.05)
    assert figures["yaw_spread"] == pytest.approx(spread[1], rel=0.05)
    assert figures["roll_spread"] == pytest.approx(spread[2], rel=0.05)
    assert figures["valid"] == pytest.approx((FRAMES - 10) / FRAMES, abs=1e-4)
    assert 0.02 < figures["opening_spread"] < figures["opening"]
    assert abs(figures["opening_pitch_r"]) < 0.2


def test_held_out_and_filled_frames_teach_nothing(project: Path, root: Path) -> None:
    points, _ = head.recording(FRAMES, degrees=12)
    path = project / "data" / "alice" / "geometry.npz"
    write(project, points)
    assert run(project, root).returncode == 0
    model, track = read_geometry(path)
    points[-60:, :, 1] *= 1.3  # the held-out part
    points[slice(*GAP)] += 7 * np.arange(468)[:, None] % 11
    write(project, points)
    assert run(project, root).returncode == 0
    again, changed = read_geometry(path)
    np.testing.assert_array_equal(again.mean, model.mean)
    np.testing.assert_array_equal(again.components, model.components)
    assert (changed.expression[-60:] != track.expression[-60:]).any()


def test_too_few_frames_with_a_face(project: Path, root: Path) -> None:
    points, _ = head.recording(FRAMES, degrees=5)
    points[39 + GAP[1] - GAP[0] : 258] = np.nan
    write(project, points)
    line = refusal(project, root)
    assert "alice.mp4: a face in only 39 frames" in line
    assert "at least 40 are needed: use a longer video" in line


@pytest.mark.parametrize("yaw", [-60, 60])
def test_a_person_filmed_from_the_side(project: Path, root: Path, yaw: float) -> None:
    points, _ = head.recording(FRAMES, degrees=5)
    one = np.ones(FRAMES)
    aside = head.turn(0 * one, yaw * one, 0 * one)
    middle = points.mean(axis=1, keepdims=True)
    write(project, (np.einsum("nvk,njk->nvj", points - middle, aside) + middle).astype(np.float32))
    line = refusal(project, root)
    assert "alice.mp4: half of the time the head is turned aside by more than" in line
    assert 55 < float(line.split("by more than ")[1].split()[0]) < 65


def test_landmarks_without_depth(project: Path, root: Path) -> None:
    points, _ = head.recording(FRAMES, degrees=5)
    write(project, points[..., :2])
    assert "landmarks.npz: points of shape (468, 2), not (468, 3)" in refusal(project, root)
