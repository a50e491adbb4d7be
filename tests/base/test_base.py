"""A base over two people, one who adapts it, and who is left alone: through DVC, tiny."""

import json
import shutil
import signal
from pathlib import Path

import pytest
from safetensors import safe_open

from lipsync.generator.weights import load_generator
from lipsync.motion.adaptation import SHARES
from tests.crash_injection import CrashPoint, run_stage
from tests.project import change_params, contents, must, results, shell

BASE = ["models/base/networks", "metrics/base/history", "metrics/base/figures"]
PREPARED = ("extract_frames", "detect_landmarks", "crop_faces", "fit_geometry", "align_audio")


@pytest.fixture(scope="module")
def project(project_copy) -> Path:
    """One copy in which bob, prepared like the sample, joins the base; tests go on in order."""
    folder = project_copy()

    def join(values: dict) -> None:
        values["people"]["bob"] = {"video": "data/videos/sample.mp4", "seed": 3, "base": False}
        values["base"].update(people=["sample", "bob"], epochs=2, frames=100)

    change_params(folder, join)
    for part in ("data", "metrics"):
        shutil.copytree(folder / part / "sample", folder / part / "bob")
    (folder / "data/bob/render.mp4").unlink()
    for stage in (*PREPARED, "extract_audio_features"):
        must(folder, "dvc", "commit", "-f", f"{stage}@bob")
    return folder


def change_bob(project: Path, **entries: object) -> None:
    """Bob's own params."""
    change_params(project, lambda values: values["people"]["bob"].update(entries))


def test_it_is_trained_over_both_and_makes_nobody_elses_training_stale(project):
    output = must(project, "dvc", "repro", "train_generator@sample")
    for stage in ("gather_base@sample", "gather_base@bob", "train_base", "inherit@sample"):
        assert f"Running stage '{stage}'" in output
    assert "Running stage 'train_syncnet@sample'" not in output
    assert "Running stage 'train_generator@sample'" not in output
    info = json.loads((project / "models/base/networks/base.json").read_text())
    assert info["people"] == ["sample", "bob"]
    figures = json.loads((project / "metrics/base/figures/metrics.json").read_text())
    both = [figures["generator"][f"{name}/l1"] for name in ("sample", "bob")]
    assert figures["motion"].keys() >= {"opening_r", "sample/opening_r", "bob/opening_r"}
    assert "Running stage 'train_motion@sample'" not in output
    assert figures["generator"]["l1"] == pytest.approx(sum(both) / 2, rel=1e-3)


@pytest.mark.slow
def test_killed_anywhere_the_base_ends_with_the_same_bytes(project):
    change_params(project, lambda values: values.update(seed=2))  # DVC has no record of this one
    must(project, "python", "stages/train_base.py")
    whole = contents(project, BASE)
    shutil.rmtree(project / ".scratch/train_base")
    for path in BASE:
        shutil.rmtree(project / path)
    fates = [
        CrashPoint("rename", 2),  # SyncNet's first checkpoint
        CrashPoint("rename", 5),  # the generator's
        CrashPoint("batch", 1),  # of the generator's second epoch
        CrashPoint("plot"),
    ]
    for crash in fates:
        assert run_stage(project, "train_base", crash) == -signal.SIGKILL, crash
    must(project, "python", "stages/train_base.py")
    assert contents(project, BASE) == whole
    change_params(project, lambda values: values.update(seed=1))
    must(project, "dvc", "checkout", "-f", "train_base")


def test_an_adapter_is_trained_exported_and_small(project):
    change_bob(project, base=True)
    output = must(project, "dvc", "repro", "export@bob")
    assert "takes over the SyncNet of base; trains nothing" in output
    assert "Running stage 'train_base'" not in output
    figures = json.loads((project / "metrics/bob/syncnet/metrics.json").read_text())
    assert figures["epoch"] == 0
    motion = json.loads((project / "metrics/bob/motion/metrics.json").read_text())
    assert motion["adaptation"] in SHARES
    models = project / "models/bob"
    assert (models / "inherited/motion.safetensors").is_file()
    base = models / "inherited/generator.safetensors"
    assert (
        base.read_bytes() == (project / "models/base/networks/generator.safetensors").read_bytes()
    )
    with safe_open(models / "generator.safetensors", "pt") as file:
        own = sorted(file.keys())
    assert all("lora_" in name for name in own if name != "detail")
    assert not [name for name in own if ".layer." in name]
    export = json.loads((project / "metrics/bob/export.json").read_text())
    assert export["parity_max_abs"] <= 1e-3
    model, _ = load_generator(models / "generator.safetensors")
    assert [name for name, _ in model.named_parameters() if "lora_" in name]


@pytest.mark.slow
def test_an_adapter_continues_to_the_same_bytes(project):
    before = results(project, "generator", "bob")
    shutil.rmtree(project / ".scratch/train_generator/bob")
    change_bob(project, epochs=2)
    must(project, "dvc", "repro", "-s", "train_generator@bob")
    whole = results(project, "generator", "bob")
    assert whole != before
    shutil.rmtree(project / ".scratch/train_generator/bob")
    for epochs in (1, 2):
        change_bob(project, epochs=epochs)
        must(project, "python", "stages/train_generator.py", "bob")
    assert results(project, "generator", "bob") == whole


@pytest.mark.slow
def test_another_rank_reaches_only_those_who_adapt(project):
    change_params(project, lambda values: values["adapter"].update(rank=2))
    for person in ("sample", "bob"):
        must(project, "dvc", "repro", "-s", f"inherit@{person}")
    status = json.loads(must(project, "dvc", "status", "--json"))
    assert {"train_base", "train_syncnet@sample", "train_generator@sample"}.isdisjoint(status)
    assert {"train_generator@bob"} <= set(status)


@pytest.mark.slow
def test_a_shared_syncnet_is_taken_over_and_keeps_what_it_was(project):
    change_params(
        project, lambda values: values["people"]["bob"].update(base=False, syncnet="sample")
    )
    result = shell(project, "python", "stages/inherit.py", "bob")
    assert result.returncode == 1
    assert "`lipsync share sample` publishes" in result.stderr
    assert "sample.safetensors.dvc" in must(project, "lipsync", "share", "sample")
    assert not shell(project, "git", "status", "--short", "models/shared/.gitignore").stdout
    output = must(project, "dvc", "repro", "train_syncnet@bob")
    assert "takes over the SyncNet of sample; trains nothing" in output
    shared = (project / "models/sample/syncnet.safetensors").read_bytes()
    assert (project / "models/bob/inherited/syncnet.safetensors").read_bytes() == shared


@pytest.mark.slow
def test_somebody_who_left_is_named_with_the_remedy(project):
    change_params(project, lambda values: values["base"].update(people=["sample"]))
    result = shell(project, "python", "stages/train_base.py")
    assert result.returncode == 1
    assert "data/base/bob.npz: bob is not in base.people" in result.stderr
    assert "delete the file" in result.stderr
