"""extract_frames and extract_audio_features as DVC runs them: scripts in the project's folder."""

import subprocess
import sys
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import yaml

from lipsync.media.video import FrameReader, VideoWriter


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    """A folder with the real params.yaml and a person `tiny`, 4 s at 30 fps."""
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["people"] = {"tiny": {"video": "tiny.mp4"}, "gone": {"video": "gone.mp4"}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    rng = np.random.default_rng(0)
    sound = (rng.uniform(-0.5, 0.5, 16_000 * 4).astype(np.float32), 16_000)
    with VideoWriter(tmp_path / "tiny.mp4", 64, 48, 30, preset="ultrafast", sound=sound) as writer:
        for i in range(121):
            writer.write(np.full((48, 64, 3), i, np.uint8))
    return tmp_path


def run(root: Path, project: Path, stage: str, person: str) -> subprocess.CompletedProcess:
    command = [sys.executable, root / "stages" / f"{stage}.py", person]
    return subprocess.run(command, cwd=project, capture_output=True, text=True)


def test_one_number_of_frames_for_all(root, project):
    for stage in ("extract_frames", "extract_audio_features"):
        done = run(root, project, stage, "tiny")
        assert (done.returncode, done.stderr) == (0, "")
    data = project / "data" / "tiny"
    with FrameReader(data / "frames.mp4") as reader:
        assert reader.fps == 25
        frames = len(reader)
    assert frames == int(Fraction(121, 30) * 25 + Fraction(1, 2)) == 101
    with wave.open(str(data / "audio.wav")) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16_000, 1, 2)
        assert sound.getnframes() == frames * 640
    with np.load(data / "speech.npz") as speech:
        assert speech["rows"].shape == (frames, 320)
        assert not speech["silence"].any()
        assert speech["rows"][:99].min() > 0.3  # noise to the end of the sound, nothing but
        assert speech["rows"].dtype == speech["silence"].dtype == np.float32
    assert sorted(path.name for path in data.iterdir()) == ["audio.wav", "frames.mp4", "speech.npz"]


def test_a_missing_video_is_one_line(root, project):
    done = run(root, project, "extract_frames", "gone")
    assert done.returncode == 1
    assert done.stderr == "extract_frames@gone: gone.mp4: no such file; check the path\n"
    assert not (project / "data").exists()
