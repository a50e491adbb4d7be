"""extract_frames and extract_audio_features as DVC runs them: scripts in the project's folder."""

import shutil
import subprocess
import sys
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import yaml

from lipsync.media.audio import read_audio, write_wav
from lipsync.media.video import FrameReader, VideoWriter
from lipsync.speech.encoder import create_encoder
from lipsync.speech.params import SpeechParams
from lipsync.speech.weights import heard_weights
from tests.speech.checkpoints import write_wenet


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
    data = project / "data" / "tiny"
    for stage in ("extract_frames", "extract_audio_features"):
        done = run(root, project, stage, "tiny")
        assert (done.returncode, done.stderr) == (0, "")
        if stage == "extract_frames":  # align_audio would need a face
            shutil.copy(data / "audio.wav", data / "speech.wav")
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
        assert str(speech["weights_sha256"]) == ""
        assert speech["rows"][:99].min() > 0.3  # noise to the end of the sound, nothing but
        assert speech["rows"].dtype == speech["silence"].dtype == np.float32
    made = {"audio.wav", "frames.mp4", "speech.npz", "speech.wav"}
    assert {path.name for path in data.iterdir()} == made


def test_rows_are_those_that_rendering_hears(root, project):
    """Of a network too: the same rows for the recording's sound, and which weights made them."""
    weights = write_wenet(project / "w.onnx")
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["speech"] = {"encoder": "wenet", "weights": "w.onnx"}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    draw, data = np.random.default_rng(0), project / "data" / "tiny"
    write_wav(data / "speech.wav", draw.uniform(-0.5, 0.5, 16_000 * 12).astype(np.float32))
    done = run(root, project, "extract_audio_features", "tiny")
    assert (done.returncode, done.stderr) == (0, "")
    encoder = create_encoder(SpeechParams(encoder="wenet", weights=str(weights)), 25)
    with np.load(data / "speech.npz") as speech:
        rows = encoder.encode(read_audio(data / "speech.wav"), 300)
        # Sums of a network may be taken in another order in another process.
        np.testing.assert_allclose(speech["rows"], rows, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(speech["silence"], encoder.silence, rtol=1e-3, atol=1e-3)
        assert speech["per_decibel"] == 0
    assert heard_weights(data / "speech.npz") == encoder.weights_sha256

    weights.unlink()
    done = run(root, project, "extract_audio_features", "tiny")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("extract_audio_features@tiny: w.onnx: missing; for speech.")


def test_a_missing_video_is_one_line(root, project):
    done = run(root, project, "extract_frames", "gone")
    assert done.returncode == 1
    assert done.stderr == "extract_frames@gone: gone.mp4: no such file; check the path\n"
    assert not (project / "data").exists()
