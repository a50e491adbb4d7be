"""progress.json: what a training says of itself while it runs, and what is read of it."""

import json
import os
import platform
import signal
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
from torch import nn

from lipsync.telemetry import (
    MOST_ROWS,
    NAME,
    Telemetry,
    newest_telemetry,
    read_telemetry,
    thin,
    training_process,
)
from lipsync.training.checkpoints import Checkpoints, scratch_folder
from lipsync.training.loop import INTERRUPTED, fit
from lipsync.training.params import OptimizerParams
from lipsync.training.state import TrainingState

STEPS = 3


class Watched:
    """A training that looks at its own progress.json at each step."""

    samples_per_step = 4

    def __init__(self, file: Path, end: str = "") -> None:
        self.model, self.file, self.end = nn.Linear(1, 1), file, end
        self.seen: list[Telemetry | None] = []

    def warm_up(self) -> None:
        assert read_telemetry(self.file) is None

    def steps(self) -> int:
        return STEPS

    def losses(self, epoch: int, step: int) -> dict[str, torch.Tensor]:
        self.seen.append(read_telemetry(self.file))
        if self.end == "ctrl-c" and (epoch, step) == (1, 1):
            os.kill(os.getpid(), signal.SIGINT)
        if self.end == "error" and epoch == 1:
            raise RuntimeError("a defect")
        return {"loss": self.model(torch.ones(1, 1)).square().sum()}

    def validate(self, model: nn.Module) -> dict[str, float]:
        return {"loss": 0.25}

    def picture(self, model: nn.Module) -> bytes | None:
        return None


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LIPSYNC_SCRATCH", raising=False)
    return scratch_folder("train_generator", "alice", "f" * 64)


def train(folder: Path, end: str = "") -> Watched:
    task = Watched(folder / NAME, end)
    with Checkpoints(folder, "mark") as checkpoints:
        state = TrainingState(task.model, OptimizerParams(warmup_steps=1))
        fit(task, state, 3, checkpoints, "a line")
    return task


def test_a_training_tells_how_far_it_is(folder, tmp_path):
    task = train(folder)
    first, later = task.seen[0], task.seen[STEPS]
    assert (first.stage, first.person, first.epoch, first.epochs) == (
        "train_generator",
        "alice",
        0,
        3,
    )
    assert (later.epoch, later.step, later.steps, later.state) == (1, 0, STEPS, "running")
    assert later.losses == ((1, pytest.approx(later.losses[0][1]), 0.25),)
    assert (later.pid, later.host) == (os.getpid(), platform.node())
    process = training_process(later)
    assert process is not None
    assert process.pid == os.getpid()
    end = newest_telemetry(tmp_path, "train_generator", "alice")
    assert (end.state, end.epoch, end.left) == ("finished", 3, 0)
    assert end.rate > 0
    assert [row[0] for row in end.losses] == [1, 2, 3]
    assert training_process(end) is None
    assert newest_telemetry(tmp_path, "train_generator", "bob") is None
    assert not list(folder.glob(".*tmp"))


def test_ctrl_c_and_an_error_are_told_apart(folder):
    with pytest.raises(SystemExit) as stopped:
        train(folder, "ctrl-c")
    assert stopped.value.code == INTERRUPTED
    told = read_telemetry(folder / NAME)
    assert (told.state, told.epoch) == ("stopped", 1)
    for path in folder.glob("*.safetensors"):
        path.unlink()
    (folder / NAME).unlink()
    with pytest.raises(RuntimeError, match="a defect"):
        train(folder, "error")
    assert read_telemetry(folder / NAME).state == "failed"


def test_a_file_that_cannot_be_written_ends_no_training(folder, capsys):
    (folder / NAME).mkdir(parents=True)
    (folder / NAME / "something").touch()
    train(folder)
    assert capsys.readouterr().err.count("not written") == 1


def test_what_is_no_progress_file_is_passed_over(tmp_path):
    path = tmp_path / NAME
    for text in ("", "[]", "{}", '{"losses": 3}', '{"losses": [], "stage": "x"}', "\x00"):
        path.write_text(text)
        assert read_telemetry(path) is None, text


def test_a_number_that_another_process_got_since_is_not_the_training():
    me = psutil.Process()
    running = Telemetry("s", "p", me.pid, platform.node(), me.create_time(), epochs=1)
    assert training_process(running) is not None
    assert training_process(replace(running, started=me.create_time() - 60)) is None
    assert training_process(replace(running, host="another")) is None
    assert training_process(replace(running, state="stopped")) is None


@pytest.mark.parametrize("epochs", [0, 1, MOST_ROWS, MOST_ROWS + 1, 3000])
def test_losses_stay_few_and_end_with_the_last(epochs):
    history = [
        {"epoch": e, "train/loss": 1 / e, "validation/loss": 2 / e} for e in range(1, epochs + 1)
    ]
    rows = thin(history)
    assert len(rows) <= MOST_ROWS + 1
    assert len(json.dumps(rows)) < 40_000
    if epochs:
        assert rows[0][0] == 1
        assert rows[-1] == (epochs, 1 / epochs, 2 / epochs)
    if epochs == MOST_ROWS:
        assert len(rows) == MOST_ROWS
