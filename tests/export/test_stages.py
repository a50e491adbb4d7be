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

from lipsync.faces.storage import write_faces
from lipsync.generator.model import Refiner
from lipsync.generator.weights import save_generator
from lipsync.geometry.storage import write_geometry
from lipsync.media.audio import write_wav
from lipsync.media.video import VideoWriter, read_frames
from lipsync.motion.model import MotionNet
from lipsync.motion.weights import save_motion
from lipsync.rendering.avatar import EXEMPLARS, FILES, load_avatar
from lipsync.retrieval.exemplars import MOST_BYTES, Exemplars, write_exemplars
from lipsync.training.split import Split, write_split
from tests.tiny_avatar import (
    FPS,
    GREYS,
    HEIGHT,
    SIZE,
    WIDTH,
    fake_face_models,
    tiny_exemplars,
    tiny_film,
    tiny_shape,
)

DIMENSION, FRAMES = 320, 10


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """Params, film, faces, geometry, exemplars, weights and speech for one person, alice."""
    folder = tmp_path_factory.mktemp("project")
    params = yaml.safe_load((root / "params.yaml").read_text())
    render = {**params["render"], "speech": "speech.wav", "preset": "ultrafast"}
    params.update(people={"alice": {"video": "alice.mp4"}}, render=render)
    (folder / "params.yaml").write_text(yaml.safe_dump(params))

    data, draw = folder / "data" / "alice", np.random.default_rng(0)
    with VideoWriter(data / "frames.mp4", WIDTH, HEIGHT, FPS, crf=8, preset="ultrafast") as writer:
        for number in range(FRAMES):
            writer.write(np.full((HEIGHT, WIDTH, 3), 100 + 5 * number, np.uint8))
    write_person_faces(data, FRAMES)
    np.savez(data / "speech.npz", weights_sha256="")
    models = folder / "models" / "alice"
    models.mkdir(parents=True)
    torch.manual_seed(0)
    save_generator(models / "generator.safetensors", Refiner(SIZE, channels=(8, 12)), 1.25)
    save_motion(models / "motion.safetensors", motion(DIMENSION))
    write_exemplars(models / "exemplars.npz", tiny_exemplars(tiny_shape()))
    write_wav(data / "speech.wav", draw.uniform(-0.3, 0.3, 6400).astype(np.float32))
    fake_face_models(folder / "models").rename(folder / "models" / "face")
    write_wav(folder / "speech.wav", draw.uniform(-0.3, 0.3, 16000).astype(np.float32))
    return folder


def write_person_faces(data: Path, frames: int) -> None:
    film = tiny_film(Path("none"), tiny_shape(), frames)
    crops = (np.full((SIZE, SIZE, 3), 100 + 5 * n, np.uint8) for n in range(frames))
    lips = np.zeros((frames, 40, 2), np.float32)
    write_faces(data / "faces.npz", crops, SIZE, film.boxes, film.valid, film.valid, lips)
    write_geometry(data / "geometry.npz", tiny_shape(), film.track)
    write_split(data / "split.json", Split(4, 6, frames))


def motion(dimension: int) -> MotionNet:
    """An untrained network whose predictions differ."""
    torch.manual_seed(0)
    sizes = {"past": 4, "future": 2, "network_past": 4, "members": 2, "channels": 4}
    model = MotionNet(dimension, 4, 2, **sizes, dropout=0.1, components=8)
    with torch.no_grad():
        for name in ("projection", "weights", "voice"):
            model.get_buffer(name).normal_(std=0.1)
        model.head.weight.normal_(std=0.1)
    return model


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


def test_a_person_becomes_an_avatar_that_speaks(project: Path, run: Callable[..., Run]):
    code, _, said = run(project, "export")
    assert (code, said.count("\n")) == (0, 2), said  # what it does, where no bar can show it
    metrics = json.loads((project / "metrics" / "alice" / "export.json").read_text())
    assert set(metrics) == {"parity_max_abs", "opset", "megabytes", "frames_per_second"}
    assert metrics["parity_max_abs"] < 1e-4
    assert metrics["frames_per_second"] > 0
    folder = project / "models" / "alice" / "avatar"
    avatar = load_avatar(folder)
    info = avatar.info
    assert (info.person, info.opset, info.detail) == ("alice", metrics["opset"], 1.25)
    assert (info.past, info.future, info.n_components, info.exemplars) == (4, 2, 2, len(GREYS))
    assert sorted(path.name for path in folder.iterdir()) == sorted(["avatar.json", *FILES])
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert metrics["megabytes"] == pytest.approx(size / 1e6, abs=0.01)
    exemplars = project / "models" / "alice" / "exemplars.npz"
    assert (folder / EXEMPLARS).read_bytes() == exemplars.read_bytes()
    # Every frame is grey, brighter by 5 levels than the one before; light is smoothed over time.
    np.testing.assert_allclose(avatar.film.light[:, 1], 100 + 5 * np.arange(FRAMES), atol=3)
    speech = np.random.default_rng(1).normal(0, 1, (1, 7, DIMENSION)).astype(np.float32)
    with torch.no_grad():
        wanted = motion(DIMENSION).eval()(torch.from_numpy(speech)).numpy()
    np.testing.assert_allclose(avatar.express(speech), wanted, atol=1e-4)

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


def test_parts_that_do_not_belong_together(project: Path, run: Callable[..., Run], tmp_path: Path):
    other = shutil.copytree(project, tmp_path / "other")
    data, models = other / "data" / "alice", other / "models" / "alice"
    write_person_faces(data, FRAMES + 1)
    assert "frames.mp4: 10 pictures, but data/alice/faces.npz has 11" in run(other, "export").stderr
    write_person_faces(data, FRAMES)

    save_motion(models / "motion.safetensors", motion(12))
    done = run(other, "export")
    assert "rows of 320, but the motion network was trained on 12" in done.stderr
    save_motion(models / "motion.safetensors", motion(DIMENSION))

    known = tiny_exemplars(tiny_shape())
    wider = np.pad(known.expression, ((0, 0), (0, 1)))
    fields = known.pictures, known.frames, known.vertices, wider, known.angles, known.light
    write_exemplars(models / "exemplars.npz", Exemplars(*fields))
    done = run(other, "export")
    assert "motion network predicts 2 and the exemplars have 3" in done.stderr
    write_exemplars(models / "exemplars.npz", known)

    np.savez(data / "speech.npz", weights_sha256="ab" * 32)
    done = run(other, "export")
    assert "speech.encoder mel: its weights are none, the model was trained with ab" in done.stderr
    (data / "speech.npz").unlink()
    done = run(other, "export")
    assert "speech.npz: no such file; run `dvc repro`" in done.stderr


def test_exemplars_of_a_long_hd_video_fit_into_30_megabytes(tmp_path: Path):
    """128 crops of 700 pixels of a grainy face, whose JPEGs are far larger at the best quality."""
    draw, count = np.random.default_rng(0), 128
    known = tiny_exemplars(tiny_shape())
    grain = draw.normal(128, 40, (8, 700, 700, 3)).clip(0, 255).astype(np.uint8)
    chosen = np.zeros(count, int)
    fields = known.frames, known.vertices, known.expression, known.angles, known.light
    pictures = [grain[n % 8] for n in range(count)]
    write_exemplars(tmp_path / "e.npz", Exemplars(pictures, *(each[chosen] for each in fields)))
    assert MOST_BYTES / 2 < (tmp_path / "e.npz").stat().st_size < 30e6


def test_frames_whose_mouth_is_covered_do_not_speak(project, run, monkeypatch):
    covered = np.arange(FRAMES) == 3
    monkeypatch.setattr("lipsync.retrieval.material.find_covered", lambda *_: covered)
    assert run(project, "export").code == 0
    avatar = load_avatar(project / "models" / "alice" / "avatar")
    # Two frames more at either end are shown as they were filmed.
    np.testing.assert_array_equal(np.flatnonzero(~avatar.film.valid), np.arange(1, 6))
