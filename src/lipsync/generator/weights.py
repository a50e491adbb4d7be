"""The generator's weights, architecture and reference picture in one safetensors file."""

from pathlib import Path

import numpy as np
import torch

from lipsync.errors import LipsyncError
from lipsync.generator.model import Generator
from lipsync.training.tensors import read_tensors, write_tensors

FORMAT = "lipsync-generator-1"


def save_generator(path: Path, model: Generator, reference: np.ndarray) -> None:
    """Write weights, configuration and the reference crop (S, S, 3) uint8 RGB."""
    tensors = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    tensors["reference_crop"] = torch.from_numpy(np.ascontiguousarray(reference))
    write_tensors(path, tensors, {"format": FORMAT, "config": model.config})


def load_generator(path: Path) -> tuple[Generator, np.ndarray]:
    """Model in evaluation mode on the CPU, and its reference crop (S, S, 3) uint8 RGB.

    Raises:
        LipsyncError: the file is missing, damaged, or no generator of this version.
    """
    header, tensors = read_tensors(path)
    if header.get("format") != FORMAT:
        raise LipsyncError(f"{path}: not a generator of this version; run `dvc repro`")
    reference = tensors.pop("reference_crop").numpy()
    model = Generator(**header["config"])
    model.load_state_dict(tensors)
    return model.requires_grad_(False).eval(), reference
