"""What a training stage does before and after its own model: one person's data in, results out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from lipsync.media.params import FramesParams
from lipsync.params import PersonParams
from lipsync.training import distributed
from lipsync.training.checkpoints import scratch_folder
from lipsync.training.data import AudioData, PersonData, load_person_data
from lipsync.training.device import Compute, choose_compute, make_deterministic
from lipsync.training.fingerprint import fingerprint
from lipsync.training.history import write_history
from lipsync.training.loop import Task
from lipsync.training.params import ComputeParams, OptimizerParams, Seed
from lipsync.training.run import run_training
from lipsync.training.split import Split, limit_training, read_split
from lipsync.training.state import TrainingState

D = TypeVar("D", bound=AudioData)


@dataclass(frozen=True)
class Session(Generic[D]):
    """One stage's training of one person."""

    stage: str
    params: PersonParams
    compute: Compute
    data: D
    split: Split
    seed: int
    fingerprint: str  # of what the training is a function of

    def train(
        self, model: nn.Module, task: Task, optimizer: OptimizerParams, epochs: int
    ) -> TrainingState:
        """Train ``model`` through ``task``, going on from a checkpoint of the same training.

        With 0 epochs the model stays as it is. Of several processes rank 0 returns; the others end
        here.
        """
        if epochs == 0:
            distributed.finish()
            return self.take_over(model, task, optimizer)
        about = (
            f"{self.stage} of {self.params.person}: {self.used_frames} of {self.split.frames} "
            f"frames, batch {task.samples_per_step}, on {self.compute}"
        )
        if distributed.world_size() > 1:
            about += f", in {distributed.world_size()} processes"
        return run_training(
            model,
            task,
            optimizer,
            epochs,
            folder=scratch_folder(self.stage, self.params.person, self.fingerprint),
            fingerprint=self.fingerprint,
            full_state=self.full_state,
            about=about,
        )

    def take_over(self, model: nn.Module, task: Task, optimizer: OptimizerParams) -> TrainingState:
        """The state of ``model`` as it is: no epochs, and its held-out figures."""
        state = TrainingState(model, optimizer)
        with torch.no_grad():
            figures = task.validate(state.ema)
        held_out = {f"validation/{key}": value for key, value in figures.items()}
        state.progress.history.append({"epoch": 0} | held_out)
        state.progress.best_value = figures["loss"]
        with torch.no_grad():
            picture = task.picture(state.ema)
        if picture is not None:
            state.pictures["epoch_00000.jpg"] = picture
        return state

    def training_rows(self) -> torch.Tensor:
        """Speech rows of the training part, (T, D), on the CPU."""
        return self.data.rows(self.split.training).cpu()

    @property
    def used_frames(self) -> int:
        """Frames with a face in the training part."""
        return int(self.data.valid[: self.split.training_end].sum())

    @property
    def name(self) -> str:
        """Of the network: "syncnet" of stage train_syncnet."""
        return self.stage.removeprefix("train_")

    @property
    def full_state(self) -> Path:
        """The out that holds all of a finished training."""
        return Path("models") / self.params.person / f"{self.name}_state.safetensors"

    @property
    def metrics(self) -> Path:
        """Folder of the training's figures and plots."""
        return Path("metrics") / self.params.person / self.name

    def write(
        self,
        state: TrainingState,
        figures: dict[str, float] | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the full state and the history, both outs of the stage.

        Args:
            figures: of the finished model, beside the last epoch's in metrics.json and in the log
            about: what else the log should say, JSON
        """
        state.save(self.full_state, self.fingerprint)
        model = sum(parameter.numel() for parameter in state.model.parameters())
        said: dict[str, Any] = {
            "parameters": model,
            "training_frames": self.used_frames,
            "held_out_frames": self.split.frames - self.split.validation_start,
            "device": self.compute.device.type,
        }
        write_history(self.metrics, state, said | dict(about or {}), figures)


def open_session(
    stage: str, params: PersonParams, data: D, also_read: Mapping[str, Path] | None = None
) -> Session[D]:
    """Choose the device, seed everything, move the data there and split them.

    Args:
        data: of the person, all frames
        also_read: files beyond dvc.yaml's that the training is a function of, as of ``fingerprint``
    """
    compute = choose_compute(params[ComputeParams])
    make_deterministic(compute.device)
    seed = params[Seed].root
    torch.manual_seed(seed)
    split = read_split(Path("data") / params.person / "split.json", data.frames)
    used = limit_training(data.valid, split, params[FramesParams].max_count)
    data = replace(data.to(compute.device), valid=data.valid & used, seen=data.seen & used)
    identity = fingerprint(stage, params, also_read)
    return Session(stage, params, compute, data, split, seed, identity)


def load_faces_and_speech(person: str) -> PersonData:
    """What ``crop_faces`` and ``extract_audio_features`` wrote of a person, on the CPU."""
    folder = Path("data") / person
    return load_person_data(folder / "faces.npz", folder / "speech.npz", torch.device("cpu"))
