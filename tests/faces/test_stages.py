"""The stages detect_landmarks and crop_faces, run as DVC runs them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import yaml

from lipsync.faces.landmarks import mouth_boxes
from lipsync.media.video import VideoWriter

FRAMES, SIZE = 12, 64


@pytest.fixture
def project(tmp_path: Path, root: Path, face_models: Path) -> Path:
    """A folder with the project's params for one person, alice, and the face models."""
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["people"] = {"alice": {"video": "alice.mp4"}}
    params["crop"]["size"] = SIZE
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    shutil.copytree(face_models, tmp_path / "models" / "face")
    return tmp_path


def write_frames(project: Path, pictures: list[np.ndarray]) -> None:
    with VideoWriter(project / "data" / "alice" / "frames.mp4", 512, 512, 25) as video:
        for picture in pictures:
            video.write(picture)


def run(project: Path, root: Path, stage: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, str(root / "stages" / f"{stage}.py"), "alice")
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def test_landmarks_and_crops_of_a_moving_portrait(project: Path, root: Path) -> None:
    portrait = skimage.data.astronaut()
    write_frames(project, [np.roll(portrait, 2 * i, axis=1) for i in range(FRAMES)])
    for stage in ("detect_landmarks", "crop_faces"):
        done = run(project, root, stage)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
    metrics = json.loads((project / "metrics" / "alice" / "landmarks.json").read_text())
    assert metrics == {"coverage": 1, "interpolated": 0, "left_out": 0, "several_faces": 0}

    with np.load(project / "data" / "alice" / "faces.npz") as faces:
        assert faces["crops"].shape == (FRAMES, SIZE, SIZE, 3)
        assert faces["valid"].all()
        np.testing.assert_allclose(np.diff(faces["boxes"][:, 0]), 2, atol=0.2)  # pixels a frame
        shift = np.abs(np.diff(faces["crops"].astype(int), axis=0)).mean()
        assert shift < 4  # of 255: the face stands still in its crop
        assert faces["seen"].all()
        x0, y0, x1, y1 = mouth_boxes(faces["lips"]).mean(axis=0) / SIZE
    assert 0.2 < x0 < 0.5 < x1 < 0.8
    assert 0.4 < y0 < y1 < 0.75


def test_video_without_a_face_is_one_line(project: Path, root: Path) -> None:
    write_frames(project, [np.full((512, 512, 3), 90, np.uint8)] * 3)
    done = run(project, root, "detect_landmarks")
    assert done.returncode == 1
    assert done.stderr.startswith("detect_landmarks@alice: alice.mp4: no face in any of 3 frames;")
    assert done.stderr.count("\n") == 1
    assert [path.name for path in (project / "data" / "alice").iterdir()] == ["frames.mp4"]
    assert not (project / "metrics").exists()


def test_rarely_seen_face_is_refused(project: Path, root: Path) -> None:
    empty = np.full((512, 512, 3), 90, np.uint8)
    write_frames(project, [skimage.data.astronaut()] * 2 + [empty] * 4)
    done = run(project, root, "detect_landmarks")
    assert done.returncode == 1
    assert "alice.mp4: a face in only 33% of the frames" in done.stderr


def test_two_faces_and_small_faces_are_warned_of(project: Path, root: Path) -> None:
    portrait = skimage.data.astronaut()[0:256, 96:352]
    pair = np.vstack([np.hstack([portrait, portrait]), np.full((256, 512, 3), 90, np.uint8)])
    write_frames(project, [pair] * 3)
    (project / "params.yaml").write_text(
        (project / "params.yaml").read_text().replace(f"size: {SIZE}", "size: 256", 1)
    )
    done = run(project, root, "detect_landmarks")
    assert done.returncode == 0, done.stderr
    assert "further faces of similar size in 100.0% of the frames" in done.stderr
    done = run(project, root, "crop_faces")
    assert done.returncode == 0, done.stderr
    assert "record closer or lower crop.size" in done.stderr
