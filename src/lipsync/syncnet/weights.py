"""SyncNet's weights and architecture in one safetensors file."""

from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.syncnet.model import SyncNet
from lipsync.training.tensors import read_tensors, write_tensors

FORMAT = "lipsync-syncnet-1"


def save_syncnet(path: Path, model: SyncNet) -> None:
    """Write weights and configuration."""
    tensors = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    write_tensors(path, tensors, {"format": FORMAT, "config": model.config})


def load_syncnet(path: Path) -> SyncNet:
    """The model in evaluation mode, on the CPU, frozen; LipsyncError if the file is not one."""
    header, tensors = read_tensors(path)
    if header.get("format") != FORMAT:
        raise LipsyncError(f"{path}: not a SyncNet of this version; run `dvc repro`")
    model = SyncNet(**header["config"])
    model.load_state_dict(tensors)
    return model.requires_grad_(False).eval()
