"""What both trainings of the base share: people in, full states and histories out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lipsync.base.inherited import BASE
from lipsync.base.people import Gathered
from lipsync.params import Sections
from lipsync.training.checkpoints import scratch_folder
from lipsync.training.device import Compute
from lipsync.training.fingerprint import fingerprint
from lipsync.training.history import write_history
from lipsync.training.loop import Task
from lipsync.training.params import OptimizerParams
from lipsync.training.run import run_training
from lipsync.training.state import TrainingState

STAGE = "train_base"
HISTORY = Path("metrics/base/history")


@dataclass(frozen=True)
class BaseSession:
    """The stage's data and settings."""

    params: Sections
    people: list[Gathered]
    compute: Compute
    seed: int

    def train(
        self,
        network: str,
        model: nn.Module,
        task: Task,
        optimizer: OptimizerParams,
        epochs: int,
        also_read: Mapping[str, Path] | None = None,
    ) -> TrainingState:
        """Train "syncnet", "motion" or "generator" and write its full state.

        also_read: files whose content the training is a function of
        """
        identity = fingerprint(STAGE, self.params, also_read)
        frames = sum(person.used_frames for person in self.people)
        full_state = BASE / f"{network}_state.safetensors"
        state = run_training(
            model,
            task,
            optimizer,
            epochs,
            folder=scratch_folder(STAGE, f"base-{network}", identity),
            fingerprint=identity,
            full_state=full_state,
            about=f"{network} of {len(self.people)} people: {frames} frames, on {self.compute}",
        )
        state.save(full_state, identity)
        return state

    def write_history(
        self, network: str, state: TrainingState, figures: dict[str, float]
    ) -> dict[str, Any]:
        """Write plots and log; the last epoch's held-out figures."""
        about: dict[str, Any] = {
            "parameters": sum(parameter.numel() for parameter in state.model.parameters()),
            "training_frames": {person.name: person.used_frames for person in self.people},
            "device": self.compute.device.type,
        }
        write_history(HISTORY / network, state, about, figures)
        return json.loads((HISTORY / network / "metrics.json").read_text(encoding="utf-8"))

    @property
    def device(self) -> torch.device:
        """Of the data and the networks."""
        return self.compute.device

    def speech_statistics(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Of the training parts' audio features."""
        return statistics([each.data.rows(each.split.training) for each in self.people])


def statistics(parts: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation (D,) float32 of parts (T, D), which count alike."""
    rows = [part.cpu().double() for part in parts]
    mean = torch.stack([part.mean(0) for part in rows]).mean(0)
    variance = torch.stack([(part - mean).square().mean(0) for part in rows]).mean(0)
    return mean.float(), variance.sqrt().float()
