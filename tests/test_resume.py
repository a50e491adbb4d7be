"""Trainings that are killed, stopped, orphaned or run out of disk, and what is left of them."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from lipsync.parent_watchdog import alive
from tests.crash_injection import CrashPoint, run_stage
from tests.project import change_params, environment, must, ran, results

EPOCHS = 5
KILLED = -signal.SIGKILL


def forget(folder: Path, network: str) -> None:
    """Results and checkpoints of a network."""
    shutil.rmtree(folder / ".scratch", ignore_errors=True)
    shutil.rmtree(folder / f"metrics/sample/{network}")
    for file in (folder / "models/sample").glob(f"{network}*.safetensors"):
        file.unlink()
    if network == "generator":
        (folder / "models/sample/exemplars.npz").unlink()


def start_anew(values: dict) -> None:
    """Another seed is another training: neither checkpoints nor DVC's record fit it."""
    values["seed"] = 2
    values["epochs"] = values["syncnet"]["epochs"] = EPOCHS


@pytest.mark.parametrize("network", [pytest.param("syncnet", marks=pytest.mark.slow), "generator"])
def test_killed_anywhere_it_ends_with_the_same_bytes(project_copy, network):
    folder, stage = project_copy(), f"train_{network}"
    change_params(folder, start_anew)
    started = time.monotonic()
    assert run_stage(folder, stage, CrashPoint("never"), "sample") == 0
    seconds = time.monotonic() - started
    log = folder / "stage.log"
    assert "continues" not in log.read_text()
    whole = results(folder, network)
    forget(folder, network)

    draw = random.Random(network)
    fates = [
        CrashPoint("batch", draw.randint(1, 2)),  # nothing is saved yet
        CrashPoint("write", 1),  # the best of epoch 1 ...
        CrashPoint("rename", 1),
        CrashPoint("write", 2),  # ... and its checkpoint
        CrashPoint("rename", 2),
        CrashPoint("write", 3),  # in epoch 2 or later
        CrashPoint("batch", draw.randint(1, 4)),
        CrashPoint("seconds", draw.uniform(0.2, 0.6) * seconds),
        CrashPoint("seconds", draw.uniform(0.2, 0.6) * seconds),
        CrashPoint("history"),  # the last epoch is done, model and state are written
        CrashPoint("write", 1),  # the model
        CrashPoint("rename", 2),  # the state
        CrashPoint("plot"),
    ]
    for number, crash in enumerate(fates):
        died = run_stage(folder, stage, crash, "sample") == KILLED
        assert died or crash.moment == "seconds", f"{crash}: {log.read_text()}"
        if number == 0:
            assert "continues" not in log.read_text()
    output = must(folder, "dvc", "repro", "-s", f"{stage}@sample")
    assert ran(output) == [stage]
    assert f"continues after epoch {EPOCHS}, step 0" in output
    assert results(folder, network) == whole
    left = [path.name for path in (folder / "models/sample").iterdir()]
    assert not [name for name in left if name.startswith(".")], "half-written files stay behind"


def stage_of(dvc: psutil.Process) -> psutil.Process:
    """The stage's own process, between a shell that may stay above it and forks of its own."""
    script = "stages/train_generator.py"
    return next(child for child in dvc.children(recursive=True) if script in child.cmdline())


def wait_until(true, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def training(project_copy):
    """``dvc repro`` of the generator with far too many epochs, caught in its third one."""
    folder = project_copy()
    change_params(folder, lambda values: values.update(epochs=5000))
    log = folder / "repro.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            ["dvc", "repro", "train_generator@sample"],
            cwd=folder,
            env=environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        wait_until(lambda: list(folder.glob(".scratch/train_generator/sample/*/epoch_00003*")))
        yield folder, process, log
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def finish(folder: Path, log: Path) -> None:
    """Train to an epoch after the one that was reached; the stage must go on from there."""
    (scratch,) = folder.glob(".scratch/train_generator/sample/*")
    reached = max(int(path.name[6:11]) for path in scratch.glob("epoch_*"))
    assert reached >= 3, log.read_text()
    change_params(folder, lambda values: values.update(epochs=reached + 1))
    output = must(folder, "dvc", "repro", "train_generator@sample")
    assert f"continues after epoch {reached}" in output
    assert ran(output) == ["train_generator"]


def test_ctrl_c_stops_with_130_and_dvc_records_nothing(training):
    folder, process, log = training
    lock = (folder / "dvc.lock").read_bytes()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to DVC, the shell and the stage
    assert process.wait(timeout=30) != 0
    wait_until(lambda: "`dvc repro` goes on from there" in log.read_text())
    assert (folder / "dvc.lock").read_bytes() == lock
    assert not (folder / "models/sample/generator.safetensors").exists()
    finish(folder, log)


def test_a_stage_stops_when_dvc_is_killed(training):
    folder, process, log = training
    stage = stage_of(psutil.Process(process.pid))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_until(lambda: not alive(stage))
    assert "dvc is gone" in log.read_text()
    assert "`dvc repro` goes on from there" in log.read_text()
    finish(folder, log)


def test_a_second_trainer_is_refused(training):
    folder, *_ = training
    second = subprocess.run(
        [sys.executable, "stages/train_generator.py", "sample"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert second.returncode == 1
    *before, error = second.stderr.strip().splitlines()
    assert "another training is using these checkpoints" in error
    assert all(line.startswith("warning: ") for line in before), second.stderr
