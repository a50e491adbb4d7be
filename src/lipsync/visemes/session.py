"""One training of visemes: what it is a function of, where its checkpoints lie, what it writes."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch

from lipsync.training.checkpoints import Checkpoints, project_folder, scratch_folder, start_fresh
from lipsync.training.device import Compute, choose_compute, make_deterministic
from lipsync.training.fingerprint import hash_files
from lipsync.training.history import write_history
from lipsync.training.loop import fit
from lipsync.training.record import take_from_record
from lipsync.training.state import TrainingState
from lipsync.visemes.corpus import Corpus
from lipsync.visemes.labels import FRAME
from lipsync.visemes.model import VisemeTCN
from lipsync.visemes.params import VisemeParams
from lipsync.visemes.schedule import ScheduledState, depends_on_total
from lipsync.visemes.task import VisemeTask

PIPELINE = "visemes/dvc.yaml"
STAGE = "train_visemes"
NAME = "visemes"  # of the folder of checkpoints, where other trainings have a person's


def training_fingerprint(params: VisemeParams) -> str:
    """SHA-256 (hex) over what visemes/dvc.yaml says that stage train_visemes depends on.

    The number of epochs counts only where the schedule depends on it. The working directory must
    be the project's folder.
    """
    from dvc.repo import Repo

    repo = Repo()
    entry = repo.stage.load_one(path=PIPELINE, name=STAGE)
    values, digest = params.model_dump(mode="json"), hashlib.sha256()
    for dependency in hash_files(repo, entry, digest):
        keys = {name.split(".")[0] for name in dependency.params}
        if not depends_on_total(params.train.schedule):
            keys -= {"epochs"}
        chosen = {key: values[key] for key in sorted(keys - {"report"})}
        digest.update(json.dumps(chosen, sort_keys=True).encode())
    return digest.hexdigest()


def prepare_model(corpus: Corpus, params: VisemeParams, compute: Compute) -> VisemeTCN:
    """A fresh network that knows the corpus's statistics, on its device; seeds torch."""
    torch.manual_seed(params.seed)
    activation = "sigmoid" if params.loss.kind == "bce" else "softmax"
    model = VisemeTCN(**params.model.model_dump(), activation=activation)
    model.standardize.mean.copy_(torch.from_numpy(corpus.mean))
    model.standardize.deviation.copy_(torch.from_numpy(corpus.deviation))
    return model.to(compute.device)


def train(
    corpus: Corpus, params: VisemeParams, fingerprint: str, full_state: Path
) -> TrainingState:
    """Train, going on from a checkpoint of the same training where there is one.

    full_state: the out of the stage that holds a finished training, relative to the project
    """
    compute = choose_compute(params.compute)
    make_deterministic(compute.device)
    model = prepare_model(corpus, params, compute)
    task = VisemeTask(model, corpus, params, compute)
    state = ScheduledState(model, params.train, params.epochs * task.steps())
    about = (
        f"{STAGE}: {len(corpus.chosen(held_out=False))} utterances, about "
        f"{task.samples_per_step * FRAME:.0f} s of sound a step, on {compute}"
    )
    folder = scratch_folder(STAGE, NAME, fingerprint)
    in_experiment = project_folder() != Path.cwd()
    with Checkpoints(folder, fingerprint, wait=in_experiment) as checkpoints:
        if not start_fresh() and checkpoints.newest_epoch(params.epochs) < params.epochs:
            take_from_record(checkpoints, full_state, params.epochs)
        return fit(task, state, params.epochs, checkpoints, about)


def write_training(
    folder: Path, state: TrainingState, corpus: Corpus, params: VisemeParams
) -> None:
    """dvclive's curves, training_log.json and loss_history.png; more where ``report`` asks."""
    about: dict[str, Any] = {
        "parameters": sum(parameter.numel() for parameter in state.model.parameters()),
        "training_frames": sum(u.frames for u in corpus.chosen(held_out=False)),
        "held_out_frames": sum(u.frames for u in corpus.chosen(held_out=True)),
    }
    write_history(folder, state, about)
    if params.report.histograms:
        from lipsync.visemes.telemetry import plot_weights

        plot_weights(folder / "weights.png", state.ema)
    if params.report.tensorboard:
        from lipsync.visemes.telemetry import write_events

        write_events(folder.parent / "tensorboard", state, params.report.histograms)
