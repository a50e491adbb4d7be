"""The stage train_motion, run as DVC runs it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from lipsync.base.inherited import Inherited, write_inherited
from lipsync.geometry.model import Track
from lipsync.geometry.storage import write_geometry
from lipsync.motion.weights import load_motion
from lipsync.training.params import SplitParams
from lipsync.training.split import split_frames, write_split
from tests.motion.person import EXPRESSION, FRAMES, PARAMS, tiny_motion
from tests.project import commit, environment, must


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    """A project of one person, alice, whose geometry and speech are there."""
    for name in ("dvc.yaml", ".dvc/config", ".gitignore"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(root / name, tmp_path / name)
    for name in ("stages", "src"):
        (tmp_path / name).symlink_to(root / name)
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["people"] = {"alice": {"video": "alice.mp4"}}
    names = {"epochs", "past", "network_past", "look_ahead", "channels", "components", "mask"}
    params["motion"].update(PARAMS.model_dump(include=names))
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    data, folder = tiny_motion(), tmp_path / "data/alice"
    valid = data.valid.copy()
    valid[50:55] = False
    track = Track(
        scale=np.ones(FRAMES, np.float32),
        rotation=np.repeat(np.eye(3, dtype=np.float32)[None], FRAMES, 0),
        translation=np.zeros((FRAMES, 3), np.float32),
        expression=np.where(valid[:, None], data.expression.numpy(), np.float32(np.nan)),
        valid=valid,
    )
    folder.mkdir(parents=True)
    write_geometry(folder / "geometry.npz", data.shape, track)
    np.savez(
        folder / "speech.npz",
        rows=data.speech[data.past : data.past + FRAMES].numpy(),
        silence=data.silence.numpy(),
        per_decibel=data.per_decibel,
        instants=data.instants,
        fps=data.fps,
        weights_sha256="",
    )
    split = split_frames(np.ones(FRAMES, bool), data.fps, SplitParams(**params["split"]))
    write_split(folder / "split.json", split)
    write_inherited(Inherited(tmp_path / "models/alice/inherited"), None)
    must(tmp_path, "git", "init", "-q", "-b", "main")
    commit(tmp_path, "start")
    return tmp_path


def run(project: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "stages/train_motion.py", "alice"),
        cwd=project,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_writes_a_network_and_its_figures(project: Path) -> None:
    done = run(project)
    assert done.returncode == 0, done.stderr
    assert "motion: held out, r 0.9" in done.stdout
    model = load_motion(project / "models/alice/motion.safetensors")
    assert (model.past, model.future) == (PARAMS.past, PARAMS.look_ahead)
    assert len(model.centre) == EXPRESSION
    figures = json.loads((project / "metrics/alice/motion/metrics.json").read_text())
    assert figures["opening_r"] > 0.9
    assert figures["cross_validated_r"] > 0.9
    assert 0.85 < figures["opening_spread"] < 1.15
    assert figures["gain"] == pytest.approx(float(model.gain), rel=1e-4)
    assert figures["ridge_share"] == pytest.approx(float(model.share), rel=1e-4)
    assert {"width_r", "closure", "epoch"} <= figures.keys()
    outs = ("models/alice/motion_state.safetensors", "metrics/alice/motion/training_log.json")
    assert all((project / out).is_file() for out in outs)
    before = (project / "models/alice/motion.safetensors").read_bytes()
    assert run(project, LIPSYNC_FRESH="1").returncode == 0  # from the start, to the same bytes
    assert (project / "models/alice/motion.safetensors").read_bytes() == before


def test_several_processes_are_refused(project: Path) -> None:
    numbers = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "localhost"}
    done = run(project, MASTER_PORT="1", **numbers)
    assert done.returncode == 1
    assert "torchrun: train_motion runs in one process" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(project.glob("models/alice/motion*"))


def test_missing_files_are_named(project: Path) -> None:
    (project / "data/alice/geometry.npz").unlink()
    done = run(project)
    assert done.returncode == 1
    assert "geometry.npz: no such file; run `dvc repro`" in done.stderr
    assert done.stderr.count("\n") == 1
