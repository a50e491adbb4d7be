"""The stages export and render_sample, from a person's weights to a video."""

import json
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
import yaml

from lipsync.export.onnx import to_onnx
from lipsync.generator.model import Generator
from lipsync.generator.weights import load_generator, save_generator
from lipsync.media.audio import write_wav
from lipsync.media.video import VideoWriter, read_frames
from lipsync.rendering.avatar import load_avatar
from tests.tiny_avatar import fake_face_models

SIZE, DIMENSION, FRAMES = 64, 320, 10


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """Params, film, boxes, weights and speech for one person, alice."""
    folder = tmp_path_factory.mktemp("project")
    params = yaml.safe_load((root / "params.yaml").read_text())
    render = {**params["render"], "speech": "speech.wav", "preset": "ultrafast"}
    params.update(people={"alice": {"video": "alice.mp4"}}, render=render)
    (folder / "params.yaml").write_text(yaml.safe_dump(params))

    data, draw = folder / "data" / "alice", np.random.default_rng(0)
    with VideoWriter(data / "frames.mp4", 128, 96, 25, crf=8, preset="ultrafast") as writer:
        for number in range(FRAMES):
            writer.write(np.full((96, 128, 3), 100 + 5 * number, np.uint8))
    boxes = np.array([[20.5, 10.25, 90.5, 80.25]] * FRAMES, np.float32)
    np.savez(data / "faces.npz", boxes=boxes, valid=np.ones(FRAMES, bool))
    np.savez(data / "speech.npz", weights_sha256="")
    torch.manual_seed(0)
    model = Generator(SIZE, DIMENSION, 2, 1, channels=(8, 12), code_channels=8)
    reference = draw.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    (folder / "models" / "alice").mkdir(parents=True)
    save_generator(folder / "models" / "alice" / "generator.safetensors", model, reference)
    write_wav(data / "speech.wav", draw.uniform(-0.3, 0.3, 6400).astype(np.float32))
    fake_face_models(folder / "models").rename(folder / "models" / "face")
    write_wav(folder / "speech.wav", draw.uniform(-0.3, 0.3, 16000).astype(np.float32))
    return folder


class Run(NamedTuple):
    code: object
    stdout: str
    stderr: str


@pytest.fixture
def run(root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """A stage script as DVC runs it, but in this process: importing torch takes long."""

    def run(project: Path, stage: str) -> Run:
        monkeypatch.chdir(project)
        script = str(root / "stages" / f"{stage}.py")
        monkeypatch.setattr(sys, "argv", [script, "alice"])
        code: object = 0
        try:
            runpy.run_path(script, run_name="__main__")
        except SystemExit as error:
            code = error.code
        return Run(code, *capfd.readouterr())

    return run


def test_a_generator_becomes_an_avatar_that_speaks(project: Path, run: Callable[..., Run]):
    code, _, said = run(project, "export")
    assert (code, said.count("\n")) == (0, 2)  # what it does, where no bar can show it
    metrics = json.loads((project / "metrics" / "alice" / "export.json").read_text())
    assert set(metrics) == {"parity_max_abs", "opset", "megabytes", "frames_per_second"}
    assert metrics["parity_max_abs"] < 1e-4
    assert metrics["frames_per_second"] > 0
    avatar = load_avatar(project / "models" / "alice" / "avatar")
    assert (avatar.info.person, avatar.info.opset) == ("alice", metrics["opset"])
    network = (project / "models" / "alice" / "avatar" / "generator.onnx").read_bytes()
    assert metrics["megabytes"] == pytest.approx(len(network) / 1e6, abs=0.01)
    weights = load_generator(project / "models" / "alice" / "generator.safetensors")
    assert to_onnx(*weights, metrics["opset"]) == network

    assert run(project, "render_sample")[::2] == (0, "")
    assert len(list(read_frames(project / "data" / "alice" / "render.mp4"))) == 25


def test_what_is_missing_is_one_line(project: Path, run: Callable[..., Run], tmp_path: Path):
    shutil.copy(project / "params.yaml", tmp_path)
    for stage, named in (("render_sample", "avatar"), ("export", "generator.safetensors")):
        done = run(tmp_path, stage)
        assert done.code == 1
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith(f"{stage}@alice: ")
        assert named in done.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


def test_another_encoder_or_another_film_than_trained_on(
    project: Path, run: Callable[..., Run], tmp_path: Path
):
    other = shutil.copytree(project, tmp_path / "other")
    boxes = np.zeros((FRAMES + 1, 4), np.float32)
    np.savez(other / "data" / "alice" / "faces.npz", boxes=boxes, valid=np.ones(FRAMES + 1, bool))
    done = run(other, "export")
    assert "frames.mp4: 10 pictures, but boxes of 11" in done.stderr

    shutil.copy(project / "data" / "alice" / "faces.npz", other / "data" / "alice")
    model = Generator(SIZE, 12, 2, 1, channels=(8, 12), code_channels=8)
    reference = np.zeros((SIZE, SIZE, 3), np.uint8)
    save_generator(other / "models" / "alice" / "generator.safetensors", model, reference)
    done = run(other, "export")
    assert "rows of 320, but the generator was trained on 12" in done.stderr

    np.savez(other / "data" / "alice" / "speech.npz", weights_sha256="ab" * 32)
    done = run(other, "export")
    assert "speech.encoder mel: its weights are none, the model was trained with ab" in done.stderr
    (other / "data" / "alice" / "speech.npz").unlink()
    done = run(other, "export")
    assert "speech.npz: no such file; run `dvc repro`" in done.stderr
