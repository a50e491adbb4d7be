"""Two processes train what one trains, go on from each other, and stop together."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from lipsync.errors import LipsyncError
from lipsync.training import distributed
from lipsync.training.launch import processes
from lipsync.training.state import read_progress
from tests.project import change_params, environment
from tests.training import ranks

SECONDS = 120.0  # more than anything here takes on a busy machine


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    """What one process trains, by network."""
    folder = tmp_path_factory.mktemp("alone")
    for name in ranks.TRAININGS:
        state = ranks.train(name, folder / name, ranks.EPOCHS)
        (folder / f"{name}.json").write_text(json.dumps(state.progress.history))
    return folder


@pytest.fixture(scope="module")
def together(root: Path, alone: Path, tmp_path_factory) -> Path:
    """What two processes train, started by torchrun."""
    folder = tmp_path_factory.mktemp("together")
    (folder / "one").mkdir()
    shutil.copy(alone / "generator" / "epoch_00001_step_00000.safetensors", folder / "one")
    run = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [sys.executable, *run, "tests/training/ranks.py", str(folder)],
        cwd=root,
        env=environment(PYTHONPATH=os.pathsep.join(["src", "."]), OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert (folder / "continued.json").exists(), done.stderr
    (folder / "stderr").write_text(done.stderr)
    return folder


def assert_alike(found: list[dict], wanted: list[dict]) -> None:
    """Histories with the same figures, within what the order of a sum changes."""
    assert len(found) == len(wanted) == ranks.EPOCHS
    for here, there in zip(found, wanted, strict=True):
        assert here == pytest.approx(there, rel=1e-4, abs=1e-5)


def test_gradients_of_the_first_step_are_those_of_one_process(together):
    """Shares of unequal size, and of a process that has nothing to do, included."""
    for name, wanted in ranks.first_steps().items():
        found = load_file(together / f"{name}.safetensors")
        assert found.keys() == wanted.keys()
        largest = max(float(g.abs().max()) for key, g in wanted.items() if "loss/" not in key)
        assert largest > 0.03
        for key, gradient in wanted.items():
            assert torch.allclose(found[key], gradient, rtol=1e-5, atol=1e-5 * largest), key


@pytest.mark.parametrize("name", ranks.TRAININGS)
def test_held_out_figures_are_those_of_one_process(alone, together, name):
    found, wanted = (json.loads((f / f"{name}.json").read_text()) for f in (together, alone))
    assert_alike(found, wanted)
    assert found[-1]["validation/loss"] < found[0]["validation/loss"], "it learned something"


def test_two_go_on_from_a_checkpoint_of_one(alone, together):
    assert "continues after epoch 1, step 0" in (together / "stderr").read_text()
    found = json.loads((together / "continued.json").read_text())
    assert_alike(found, json.loads((alone / "generator.json").read_text()))


def test_one_goes_on_from_a_checkpoint_of_two(alone, together, tmp_path, capsys):
    shutil.copy(together / "generator" / "epoch_00001_step_00000.safetensors", tmp_path)
    state = ranks.train("generator", tmp_path, ranks.EPOCHS)
    assert "continues after epoch 1, step 0" in capsys.readouterr().err
    assert_alike(state.progress.history, json.loads((alone / "generator.json").read_text()))


def test_both_stop_where_one_was_told_to(together):
    """Rank 1 was, which writes nothing itself."""
    (checkpoint,) = (together / "stopped").glob("epoch_*")
    progress, _ = read_progress(checkpoint)
    assert (progress.epoch, progress.step) == (0, 4)
    assert json.loads((together / "stopped" / "progress.json").read_text())["state"] == "stopped"
    codes = re.findall(r"exitcode  : (-?\d+)", (together / "stderr").read_text())
    assert len(codes) == 2
    assert set(codes) <= {"130", "-15"}  # torchrun ends those that take longer to exit
    assert "130" in codes


def test_what_one_says_is_said_once(together):
    said = (together / "stderr").read_text()
    assert said.count("stopped after epoch 0") == 1
    assert said.count("too few for 2 processes") == 1


def newest_epoch(folder: Path) -> int:
    """Of the generator's checkpoints in a project; 0 where there is none."""
    found = folder.glob(".scratch/train_generator/sample/*/epoch_*")
    return max((int(path.name[6:11]) for path in found), default=0)


class Stage:
    """train_generator of a project, in two processes that it starts itself."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._log = folder, folder / "stage.log"
        self._reached = newest_epoch(folder)
        with self._log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "stages/train_generator.py", "sample"],
                cwd=folder,
                env=environment(LIPSYNC_PROCESSES="2", OMP_NUM_THREADS="1"),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        return self._log.read_text()

    def ranks(self) -> list[psutil.Process]:
        """The processes, when they have trained an epoch."""
        end = time.monotonic() + SECONDS
        while newest_epoch(self.folder) <= self._reached:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end, self.said()
            time.sleep(0.05)
        ranked = psutil.Process(self.process.pid).children()
        return sorted(ranked, key=lambda process: int(process.environ()["RANK"]))


@pytest.fixture(scope="module")
def project(project_copy) -> Path:
    """With far too many epochs, of which none is done."""
    folder = project_copy()
    shutil.rmtree(folder / ".scratch")
    change_params(folder, lambda values: values.update(epochs=5000, seed=2))
    return folder


@pytest.fixture
def stage(project):
    started = Stage(project)
    yield started
    if started.process.poll() is None:
        os.killpg(started.process.pid, signal.SIGKILL)
        started.process.wait()


@pytest.mark.slow
def test_a_process_that_dies_ends_the_others_with_one_line(stage):
    first, second = stage.ranks()
    second.kill()
    assert stage.process.wait(SECONDS) == 1
    psutil.wait_procs([first], timeout=SECONDS)
    assert not first.is_running()
    lines = [line for line in stage.said().splitlines() if "epoch " not in line]
    assert [line for line in lines if "killed by signal 9" in line] == lines[-1:]
    assert lines[-1].startswith("train_generator@sample: process 1 of 2 ")
    assert "Traceback" not in stage.said()


@pytest.mark.slow
def test_ctrl_c_stops_both_with_130_and_they_go_on(stage):
    both = stage.ranks()
    assert "in 2 processes" in stage.said()
    assert "continues after epoch" in stage.said(), "the checkpoints of the one that died"
    os.kill(stage.process.pid, signal.SIGINT)  # a terminal's reaches no further: see launch
    assert stage.process.wait(SECONDS) == 130
    assert stage.said().count("stopped after epoch") == 1
    assert stage.said().count("stopping after this batch") == 1
    assert not any(process.is_running() for process in both)
    epoch, step = re.search(r"stopped after epoch (\d+) of 5000, step (\d+)", stage.said()).groups()
    name = f"epoch_{int(epoch):05d}_step_{int(step):05d}.safetensors"
    assert list(stage.folder.glob(f".scratch/train_generator/sample/*/{name}"))


@pytest.mark.slow
def test_the_ranks_outlive_their_starter_by_one_checkpoint(stage):
    both = stage.ranks()
    stage.process.kill()
    _, alive = psutil.wait_procs(both, timeout=SECONDS)
    assert not alive
    assert stage.said().count("stopped after epoch") == 1


@pytest.mark.slow
def test_in_the_end_one_of_them_writes_the_results(project):
    last = newest_epoch(project) + 1
    change_params(project, lambda values: values.update(epochs=last))
    stage = Stage(project)
    assert stage.process.wait(SECONDS) == 0, stage.said()
    metrics = json.loads((project / "metrics/sample/generator/metrics.json").read_text())
    assert metrics["epoch"] == last
    _, mark = read_progress(project / "models/sample/generator_state.safetensors")
    (scratch,) = project.glob(".scratch/train_generator/sample/*")
    assert mark.startswith(scratch.name), "the fingerprint knows no number of processes"


@pytest.mark.parametrize(
    ("wanted", "devices", "most", "started"),
    [("", 0, 8, 1), ("", 4, 8, 4), ("auto", 8, 2, 2), ("3", 0, 2, 3), ("1", 8, 8, 1)],
)
def test_one_process_a_gpu_unless_told_otherwise(monkeypatch, wanted, devices, most, started):
    monkeypatch.setenv("LIPSYNC_PROCESSES", wanted)
    assert processes(devices, most) == started


@pytest.mark.parametrize("wanted", ["0", "two", "-1", "1.5"])
def test_another_number_is_refused(monkeypatch, wanted):
    monkeypatch.setenv("LIPSYNC_PROCESSES", wanted)
    with pytest.raises(LipsyncError, match=r"LIPSYNC_PROCESSES: .* auto or a number from 1"):
        processes(2, 2)


def test_a_training_for_one_process_refuses_to_be_one_of_several(monkeypatch):
    distributed.refuse_several("train_base")
    numbers = {"RANK": 1, "WORLD_SIZE": 2, "LOCAL_RANK": 1, "MASTER_ADDR": "x", "MASTER_PORT": 1}
    for name, value in numbers.items():
        monkeypatch.setenv(name, str(value))
    with pytest.raises(LipsyncError, match=r"torchrun: train_base runs in one process"):
        distributed.refuse_several("train_base")


@pytest.mark.parametrize(("count", "size"), [(5, 2), (2, 4), (160, 7), (0, 3)])
def test_shares_are_all_there_is_and_about_as_large(monkeypatch, count, size):
    monkeypatch.setattr(distributed, "world_size", lambda: size)
    shares = []
    for rank in range(size):
        monkeypatch.setattr(distributed, "rank", lambda number=rank: number)
        shares.append(list(range(count))[distributed.mine(count)])
    assert list(itertools.chain(*shares)) == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
