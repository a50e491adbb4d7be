"""Split, counted randomness, the state file, checkpoints, and the loop as a whole."""

import hashlib
import json
import os
import signal
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lipsync.errors import LipsyncError
from lipsync.training.checkpoints import Checkpoints
from lipsync.training.device import choose_compute, step_generator
from lipsync.training.fingerprint import without_epochs
from lipsync.training.history import write_history
from lipsync.training.loop import INTERRUPTED, fit, is_milestone
from lipsync.training.params import ComputeParams, OptimizerParams, SplitParams
from lipsync.training.split import runs, split_frames
from lipsync.training.state import TrainingState, read_progress
from tests.tiny import tiny_person

OPTIMIZER = OptimizerParams(learning_rate=0.05, warmup_steps=3, ema_decay=0.9)
STEPS = 4


class Line:
    """Fits a line to points that are a function of (epoch, step)."""

    samples_per_step = 8

    def __init__(self, model: nn.Module, stop_at: tuple[int, int] | None = None) -> None:
        self.model, self.stop_at = model, stop_at

    def warm_up(self) -> None:
        with torch.no_grad():  # twice would be seen in the result
            self.model.weight += 0.5

    def steps(self) -> int:
        return STEPS

    def losses(self, epoch: int, step: int) -> dict[str, torch.Tensor]:
        if self.stop_at == (epoch, step):
            os.kill(os.getpid(), signal.SIGINT)
        x = torch.rand(8, 1, generator=step_generator(7, epoch, step))
        return {"loss": (self.model(x) - 3 * x - 1).square().mean()}

    def validate(self, model: nn.Module) -> dict[str, float]:
        x = torch.linspace(0, 1, 5)[:, None]
        return {"loss": (model(x) - 3 * x - 1).square().mean().item()}

    def picture(self, model: nn.Module) -> bytes | None:
        return b"picture of " + str(round(model.weight.item(), 3)).encode()


def train(folder: Path, epochs: int, stop_at: tuple[int, int] | None = None) -> TrainingState:
    torch.manual_seed(0)
    model = nn.Linear(1, 1)
    with Checkpoints(folder, "mark") as checkpoints:
        return fit(
            Line(model, stop_at), TrainingState(model, OPTIMIZER), epochs, checkpoints, "line"
        )


def digest(state: TrainingState, path: Path) -> str:
    state.save(path, "mark")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_split_leaves_a_gap_and_never_overlaps():
    split = split_frames(np.ones(700, bool), 25, SplitParams(validation=0.2, gap=1.0))
    assert split.validation[0] - split.training[-1] - 1 == 25
    assert len(split.validation) == 140
    assert split.validation[-1] == 699


def test_too_short_a_video_is_explained():
    with pytest.raises(LipsyncError, match=r"split: 100 frames .* longer video"):
        split_frames(np.ones(100, bool), 25, SplitParams(validation=0.1, gap=1.0))


def test_runs_skip_gaps():
    valid = np.array([1, 1, 1, 0, 1, 1, 1, 1], bool)
    assert runs(valid, 3).tolist() == [0, 4, 5]
    assert runs(valid[:2], 3).tolist() == []


def test_counted_randomness_depends_on_every_number():
    first = torch.rand(4, generator=step_generator(1, 2, 3))
    assert torch.equal(first, torch.rand(4, generator=step_generator(1, 2, 3)))
    for other in ((1, 2, 4), (1, 3, 2), (2, 2, 3), (1, 2)):
        assert not torch.equal(first, torch.rand(4, generator=step_generator(*other)))


def test_training_learns_and_smooths():
    state = TrainingState(nn.Linear(1, 1), OPTIMIZER)
    task = Line(state.model)
    for step in range(300):
        state.update(task.losses(0, step)["loss"])
    assert abs(state.ema.weight.item() - 3) < 0.05
    assert abs(state.ema.bias.item() - 1) < 0.05


def test_more_epochs_continue_to_the_same_bytes(tmp_path):
    whole = digest(train(tmp_path / "whole", 6), tmp_path / "whole.safetensors")
    train(tmp_path / "parts", 2)
    continued = train(tmp_path / "parts", 6)
    assert len(continued.progress.history) == 6
    assert digest(continued, tmp_path / "parts.safetensors") == whole


def test_a_stop_in_the_middle_of_an_epoch_continues_to_the_same_bytes(tmp_path, capsys):
    whole = digest(train(tmp_path / "whole", 3), tmp_path / "whole.safetensors")
    with pytest.raises(SystemExit) as stopped:
        train(tmp_path / "parts", 3, stop_at=(1, 2))
    assert stopped.value.code == INTERRUPTED
    assert "stopped after epoch 1 of 3, step 3" in capsys.readouterr().err
    assert digest(train(tmp_path / "parts", 3), tmp_path / "parts.safetensors") == whole


def test_fewer_epochs_ignore_later_checkpoints(tmp_path):
    two = digest(train(tmp_path / "two", 2), tmp_path / "two.safetensors")
    train(tmp_path / "six", 6)
    assert digest(train(tmp_path / "six", 2), tmp_path / "again.safetensors") == two


def test_newest_three_and_the_best_are_kept(tmp_path):
    state = train(tmp_path, 6)
    names = sorted(path.name for path in tmp_path.glob("epoch_*"))
    assert [name[:11] for name in names] == ["epoch_00004", "epoch_00005", "epoch_00006"]
    best = TrainingState(nn.Linear(1, 1), OPTIMIZER)
    best.load(tmp_path / "best.safetensors", "mark")
    losses = [row["validation/loss"] for row in state.progress.history]
    assert best.progress.epoch == state.progress.best_epoch == int(np.argmin(losses)) + 1


def test_a_damaged_checkpoint_is_reported_and_the_one_before_it_used(tmp_path, capsys):
    whole = digest(train(tmp_path / "whole", 4), tmp_path / "whole.safetensors")
    train(tmp_path / "hurt", 3)
    newest = sorted((tmp_path / "hurt").glob("epoch_*"))[-1]
    newest.write_bytes(newest.read_bytes()[:-10])
    assert digest(train(tmp_path / "hurt", 4), tmp_path / "hurt.safetensors") == whole
    assert "epoch_00003" in capsys.readouterr().err


def test_fresh_ignores_checkpoints(tmp_path, monkeypatch, capsys):
    train(tmp_path, 2)
    monkeypatch.setenv("LIPSYNC_FRESH", "1")
    train(tmp_path, 2)
    assert "continues" not in capsys.readouterr().err


def test_a_second_trainer_is_refused(tmp_path):
    with (
        Checkpoints(tmp_path, "mark"),
        pytest.raises(LipsyncError, match="another training"),
        Checkpoints(tmp_path, "mark"),
    ):
        pass


@pytest.mark.parametrize("broken", ["nan loss", "infinite loss", "infinite gradient", "validation"])
def test_what_is_not_finite_stops_with_advice_and_keeps_the_last_and_the_best(tmp_path, broken):
    class Broken(Line):
        def losses(self, epoch: int, step: int) -> dict[str, torch.Tensor]:
            loss = super().losses(epoch, step)["loss"]
            if epoch and broken == "nan loss":
                loss = loss * float("nan")
            if epoch and broken == "infinite loss":
                loss = loss + float("inf")
            if epoch and broken == "infinite gradient":
                loss = loss + (self.model.weight - self.model.weight.detach()).abs().sqrt().sum()
            return {"loss": loss}

        def validate(self, model: nn.Module) -> dict[str, float]:
            passed = len(list(tmp_path.glob("epoch_*")))
            return {"loss": float("nan") if passed and broken == "validation" else 1.0}

    model = nn.Linear(1, 1)
    with (
        Checkpoints(tmp_path, "mark") as checkpoints,
        pytest.raises(
            LipsyncError, match=r"became (nan|inf) in .*lower the learning_rate"
        ) as error,
    ):
        fit(Broken(model), TrainingState(model, OPTIMIZER), 3, checkpoints, "broken")
    assert len(str(error.value).splitlines()) == 1
    if broken != "validation":
        assert all(torch.isfinite(value).all() for value in model.parameters())
    assert [path.name[:11] for path in tmp_path.glob("epoch_*")] == ["epoch_00001"]
    assert read_progress(tmp_path / "best.safetensors")[0].epoch == 1


def test_history_files_hold_every_epoch_once(tmp_path):
    state = train(tmp_path / "scratch", 5)
    write_history(tmp_path / "out", state, {"device": "cpu"})
    log = json.loads((tmp_path / "out" / "training_log.json").read_text())
    assert [row["epoch"] for row in log["history"]] == [1, 2, 3, 4, 5]
    table = (tmp_path / "out" / "plots" / "metrics" / "validation" / "loss.tsv").read_text()
    assert [line.split("\t")[0] for line in table.splitlines()[1:]] == ["1", "2", "3", "4", "5"]
    assert (tmp_path / "out" / "loss_history.png").stat().st_size > 5000
    pictures = sorted(path.name for path in (tmp_path / "out" / "samples").iterdir())
    assert pictures == ["epoch_00001.jpg", "epoch_00002.jpg", "epoch_00005.jpg"]


def test_milestones():
    shown = [epoch for epoch in range(1, 300) if is_milestone(epoch)]
    assert shown == [1, 2, 5, 10, 20, 50, 100, 200]


def test_fingerprints_ignore_a_sections_own_epochs_alone():
    assert without_epochs({"epochs": 5, "channels": 8}) == {"channels": 8}
    assert without_epochs({"lips": {"epochs": 200}}) == {"lips": {"epochs": 200}}
    assert without_epochs(18) == 18


def test_a_device_that_is_not_there_is_explained():
    if not torch.cuda.is_available():
        with pytest.raises(LipsyncError, match=r"compute\.device: cuda is not available"):
            choose_compute(ComputeParams(device="cuda"))
    assert choose_compute(ComputeParams(device="cpu")).device.type == "cpu"


def test_a_flipped_bit_is_noticed(tmp_path, capsys):
    whole = digest(train(tmp_path / "whole", 4), tmp_path / "whole.safetensors")
    train(tmp_path / "hurt", 3)
    newest = sorted((tmp_path / "hurt").glob("epoch_*"))[-1]
    data = bytearray(newest.read_bytes())
    data[-3] ^= 1  # within the tensors
    newest.write_bytes(data)
    assert digest(train(tmp_path / "hurt", 4), tmp_path / "hurt.safetensors") == whole
    told = capsys.readouterr().err
    assert "epoch_00003_step_00000.safetensors: damaged" in told
    assert "does not match its checksum" in told
    assert "continues after epoch 2" in told


@pytest.fixture
def full_disk():
    """A context in which no file can grow beyond 64 bytes, as if the disk were full."""
    resource = pytest.importorskip("resource", reason="needs POSIX")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    @contextmanager
    def full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return full


@pytest.mark.parametrize("where", ["header", "tensors"])
def test_every_flipped_bit_is_noticed(tmp_path, where):
    path = tmp_path / "state.safetensors"
    state = train(tmp_path / "scratch", 2)
    state.save(path, "mark")
    data = bytearray(path.read_bytes())
    place = data.index(b"total_steps") + 15 if where == "header" else len(data) - 3
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(LipsyncError, match="damaged"):
        state.load(path, "mark")


def test_a_state_of_another_training_is_refused(tmp_path):
    state = train(tmp_path / "scratch", 1)
    state.save(tmp_path / "state.safetensors", "mark")
    with pytest.raises(LipsyncError, match="belongs to another training"):
        state.load(tmp_path / "state.safetensors", "another mark")


def test_a_damaged_best_is_reported_and_replaced(tmp_path, capsys):
    train(tmp_path, 2)
    best = tmp_path / "best.safetensors"
    best.write_bytes(best.read_bytes()[:50])
    state = train(tmp_path, 4)
    assert "best.safetensors: damaged" in capsys.readouterr().err
    assert read_progress(best)[0].best_epoch == state.progress.best_epoch


def test_fewer_epochs_leave_a_better_best_alone(tmp_path):
    best_of_all = train(tmp_path, 6).progress.best_value
    for file in tmp_path.glob("epoch_*"):
        file.unlink()
    train(tmp_path, 1)
    assert read_progress(tmp_path / "best.safetensors")[0].best_value == best_of_all


def test_another_training_waits_where_it_should(tmp_path):
    entered = threading.Event()

    def wait_and_enter() -> None:
        with Checkpoints(tmp_path, "mark", wait=True):
            entered.set()

    with Checkpoints(tmp_path, "mark"):
        waiting = threading.Thread(target=wait_and_enter)
        waiting.start()
        assert not entered.wait(0.3)
    assert entered.wait(10)
    waiting.join()


def test_ctrl_c_while_validating_the_last_epoch_stops_as_well(tmp_path, capsys):
    class Interrupted(Line):
        def validate(self, model: nn.Module) -> dict[str, float]:
            os.kill(os.getpid(), signal.SIGINT)
            return super().validate(model)

    model = nn.Linear(1, 1)
    with Checkpoints(tmp_path, "mark") as checkpoints, pytest.raises(SystemExit) as stopped:
        fit(Interrupted(model), TrainingState(model, OPTIMIZER), 1, checkpoints, "line")
    assert stopped.value.code == INTERRUPTED
    assert "stopped after epoch 1 of 1" in capsys.readouterr().err


def test_a_full_disk_is_explained_and_leaves_the_last_checkpoint(tmp_path, full_disk, capsys):
    whole = digest(train(tmp_path / "whole", 3), tmp_path / "whole.safetensors")
    train(tmp_path / "parts", 2)
    before = {path: path.read_bytes() for path in (tmp_path / "parts").glob("*.safetensors")}
    with (
        full_disk(),
        pytest.raises(LipsyncError, match=r"File too large; free some space") as error,
    ):
        train(tmp_path / "parts", 3)
    assert len(str(error.value).splitlines()) == 1
    files = (path for path in (tmp_path / "parts").glob("*.*") if path.name != "progress.json")
    assert {path: path.read_bytes() for path in files} == before
    assert digest(train(tmp_path / "parts", 3), tmp_path / "parts.safetensors") == whole


def test_a_scratch_folder_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(LipsyncError, match=r"cannot write checkpoints.*LIPSYNC_SCRATCH"),
        Checkpoints(tmp_path / "file" / "scratch", "mark"),
    ):
        pass


def test_a_scratch_folder_that_cannot_be_written_is_explained(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)  # root may write anywhere
    with (
        pytest.raises(LipsyncError, match=r"Permission denied; set LIPSYNC_SCRATCH"),
        Checkpoints(tmp_path, "mark"),
    ):
        pass


class Worsens(Line):
    """Its held-out loss is lowest after the second epoch."""

    def validate(self, model: nn.Module) -> dict[str, float]:
        return {"loss": abs(model.weight.item() - 1.5)}


def train_patiently(folder: Path, epochs: int, patience: int) -> TrainingState:
    torch.manual_seed(0)
    model = nn.Linear(1, 1)
    params = OPTIMIZER.model_copy(update={"patience": patience})
    with Checkpoints(folder, "mark") as checkpoints:
        return fit(Worsens(model), TrainingState(model, params), epochs, checkpoints, "line")


def test_patience_ends_a_training_and_survives_a_stop(tmp_path, capsys):
    whole = train_patiently(tmp_path / "whole", 40, patience=3)
    best = whole.progress.best_epoch
    assert 1 < best < whole.progress.epoch == best + 3 < 40
    assert f"lowest in epoch {best}, 3 epochs ago" in capsys.readouterr().err
    train_patiently(tmp_path / "parts", best + 1, patience=3)
    parts = train_patiently(tmp_path / "parts", 40, patience=3)
    assert digest(parts, tmp_path / "parts.safetensors") == digest(
        whole, tmp_path / "whole.safetensors"
    )
    again = train_patiently(tmp_path / "parts", 40, patience=3)
    assert again.progress.epoch == best + 3
    assert train_patiently(tmp_path / "endless", 12, patience=0).progress.epoch == 12


def test_speech_between_frames_is_cut_from_finer_rows():
    instants = torch.arange(12.0)  # three rows of two instants, of two features each
    data = replace(tiny_person(), speech=instants.reshape(3, 4), instants=2, past=0, future=0)
    frames = torch.tensor([1, 1, 1])
    between = data.windows_between(frames, torch.tensor([0, 1, -1]), past=0, future=0)
    assert between.tolist() == [[[4, 5, 6, 7]], [[6, 7, 8, 9]], [[2, 3, 4, 5]]]
    whole = data.windows_between(frames, torch.zeros(3, dtype=torch.int64), past=1, future=1)
    assert torch.equal(whole, data.windows(frames, past=1, future=1))
