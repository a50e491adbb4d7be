"""A training from where it stands: its checkpoints, what DVC has on record, and the loop."""

from pathlib import Path

from torch import nn

from lipsync.training import distributed
from lipsync.training.checkpoints import Checkpoints, project_folder, start_fresh
from lipsync.training.loop import Task, fit
from lipsync.training.params import OptimizerParams
from lipsync.training.record import take_from_record
from lipsync.training.state import TrainingState


def run_training(
    model: nn.Module,
    task: Task,
    optimizer: OptimizerParams,
    epochs: int,
    *,
    folder: Path,
    fingerprint: str,
    full_state: Path,
    about: str,
) -> TrainingState:
    """Train ``model`` through ``task``, going on from a checkpoint of the same training.

    Of several processes rank 0 returns; the others end here.

    Args:
        folder: of the checkpoints
        fingerprint: of what the training is a function of
        full_state: the out of the stage that holds all of a finished training
        about: one line for people
    """
    in_experiment = project_folder() != Path.cwd()
    with Checkpoints(folder, fingerprint, wait=in_experiment) as checkpoints:
        look = distributed.is_main() and not start_fresh()
        if look and checkpoints.newest_epoch(epochs) < epochs:
            take_from_record(checkpoints, full_state, epochs)
        state = fit(task, TrainingState(model, optimizer), epochs, checkpoints, about)
    distributed.finish()
    return state
