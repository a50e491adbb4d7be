"""Tiny trainings of both networks, for one process or for several: ``torchrun ranks.py FOLDER``.

What test_distributed.py runs with two processes, and compares with what it runs itself.
"""

import json
import os
import signal
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from lipsync.generator.model import Refiner
from lipsync.generator.params import GeneratorParams
from lipsync.generator.task import GeneratorTask
from lipsync.syncnet.model import SyncNet
from lipsync.syncnet.params import SyncNetParams
from lipsync.syncnet.task import SyncNetTask
from lipsync.training import distributed
from lipsync.training.checkpoints import Checkpoints
from lipsync.training.device import Compute
from lipsync.training.loop import fit
from lipsync.training.state import TrainingState
from tests.tiny import SIZE, awake, tiny_person, tiny_split, tiny_task

CPU = Compute(torch.device("cpu"), torch.float32)
SYNCNET = SyncNetParams(channels=8, embedding=16, batch_size=16, warmup_steps=3, ema_decay=0.9)
# Three clips, of which two processes take one and two; every loss has a say.
GENERATOR = GeneratorParams(
    channels=(8, 16),
    exemplars=10,
    batch_size=15,
    learning_rate=3e-4,  # small steps: rounding grows slowly
    warmup_steps=3,
    ema_decay=0.9,
    losses={"sync": 0.1, "perceptual": 0.5, "temporal": 0.5, "sharpness": 0.5},
)
ONE_CLIP = GENERATOR.model_copy(update={"batch_size": 5})  # which leaves a process idle
EPOCHS = 2
Training = tuple[SyncNetTask | GeneratorTask, TrainingState]


def syncnet_training() -> Training:
    data, split = tiny_person(), tiny_split()
    torch.manual_seed(0)
    model = SyncNet(data.size, data.speech_dimension, **SYNCNET.architecture())
    model.standardize.fit(data.rows(split.training))
    return SyncNetTask(model, data, split, SYNCNET, CPU, seed=1), TrainingState(model, SYNCNET)


def generator_training(params: GeneratorParams = GENERATOR) -> Training:
    torch.manual_seed(0)
    model = awake(Refiner(SIZE, **params.architecture()))
    return tiny_task(model, params), TrainingState(model, params)


TRAININGS = {"syncnet": syncnet_training, "generator": generator_training}


def gradients(training: Training) -> dict[str, torch.Tensor]:
    """Of the first step, by parameter, and the losses as ``loss/<name>``."""
    task, state = training
    compute_losses = distributed.replicate(state.model, task.losses)
    losses = compute_losses(0, 0)
    (losses["loss"] * distributed.world_size()).backward()
    values = distributed.add_up({key: value.item() for key, value in losses.items()})
    named = {f"loss/{key}": torch.tensor(value) for key, value in values.items()}
    for name, parameter in state.model.named_parameters():
        if parameter.grad is not None:
            named[name] = parameter.grad.contiguous()
    return named


def first_steps() -> dict[str, dict[str, torch.Tensor]]:
    return {
        "syncnet": gradients(syncnet_training()),
        "generator": gradients(generator_training()),
        "one_clip": gradients(generator_training(ONE_CLIP)),
    }


def train(name: str, folder: Path, epochs: int, stop_at: int | None = None) -> TrainingState:
    """Train with checkpoints in ``folder``; rank 1, or the only one, is told to stop at a step."""
    task, state = TRAININGS[name]()
    losses = task.losses

    def stopping(epoch: int, step: int) -> dict[str, torch.Tensor]:
        last = distributed.rank() == distributed.world_size() - 1
        if last and epoch * task.steps() + step == stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return losses(epoch, step)

    task.losses = stopping  # type: ignore[method-assign]
    with Checkpoints(folder, "mark") as checkpoints:
        return fit(task, state, epochs, checkpoints, name)


def main(folder: Path) -> None:
    """First steps, both trainings, one that goes on from ``one``, and one that is stopped."""
    for name, found in first_steps().items():
        if distributed.is_main():
            save_file(found, folder / f"{name}.safetensors")
    for name in TRAININGS:
        state = train(name, folder / name, EPOCHS)
        if distributed.is_main():
            (folder / f"{name}.json").write_text(json.dumps(state.progress.history))
    continued = train("generator", folder / "one", EPOCHS)
    if distributed.is_main():
        (folder / "continued.json").write_text(json.dumps(continued.progress.history))
    train("generator", folder / "stopped", 10**6, stop_at=3)


if __name__ == "__main__":
    with distributed.process_group():
        main(Path(sys.argv[1]))
