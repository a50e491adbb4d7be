"""SyncNet's file; it says too how far the model may be trusted."""

from pathlib import Path

import torch

from lipsync.errors import LipsyncError
from lipsync.syncnet.model import SyncNet
from lipsync.syncnet.trust import Trust
from lipsync.training.data import PersonData
from lipsync.training.weights import load_model, save_model

FORMAT = "lipsync-syncnet-2"
HELD_OUT = "held_out_top1"  # (3,) float64: top-1, low and high end of its interval


def save_syncnet(path: Path, model: SyncNet, trust: Trust | None = None) -> None:
    """Write weights, architecture and what held-out video says of them."""
    figures = [] if trust is None else [trust.top1, trust.low, trust.high]
    save_model(path, model, FORMAT, {HELD_OUT: torch.tensor(figures, dtype=torch.float64)})


def load_syncnet(path: Path) -> SyncNet:
    """The model, frozen, on the CPU; errors as of ``load_model``."""
    return load_model(path, SyncNet, FORMAT)[0]


def load_fitting_syncnet(path: Path, data: PersonData) -> SyncNet:
    """As ``load_syncnet``, of another person's, for ``data``; refused where it was made for other
    crops or speech rows."""
    model = load_syncnet(path)
    found = {"size": data.size, "speech_dimension": data.speech_dimension}
    for key, what in (("size", "crops of {} pixels"), ("speech_dimension", "speech rows of {}")):
        if model.config[key] != found[key]:
            raise LipsyncError(
                f"{path}: made for {what.format(model.config[key])}, not {found[key]}; give the "
                "person its own SyncNet, or the crop.size and speech.encoder that it was made with"
            )
    return model


def load_trust(path: Path) -> Trust:
    """What held-out video says of the model; LipsyncError too where it was never asked."""
    figures = load_model(path, SyncNet, FORMAT)[1].get(HELD_OUT)
    if figures is None or len(figures) != 3:
        raise LipsyncError(f"{path}: was not judged on held-out video; run `dvc repro`")
    return Trust(*figures.tolist())
