"""SyncNet's file."""

from pathlib import Path

from lipsync.syncnet.model import SyncNet
from lipsync.training.weights import load_model, save_model

FORMAT = "lipsync-syncnet-1"


def save_syncnet(path: Path, model: SyncNet) -> None:
    """Write weights and architecture."""
    save_model(path, model, FORMAT)


def load_syncnet(path: Path) -> SyncNet:
    """The model, frozen, on the CPU; errors as of ``load_model``."""
    return load_model(path, SyncNet, FORMAT)[0]
