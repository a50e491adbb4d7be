"""The generator's file; it holds the reference picture too."""

from pathlib import Path

import numpy as np
import torch

from lipsync.errors import LipsyncError
from lipsync.generator.model import Generator
from lipsync.training.weights import load_model, save_model

FORMAT = "lipsync-generator-3"


def save_generator(path: Path, model: Generator, reference: np.ndarray) -> None:
    """Write weights, architecture and the reference crop (S, S, 3) uint8 RGB."""
    picture = torch.from_numpy(np.ascontiguousarray(reference))
    save_model(path, model, FORMAT, {"reference_crop": picture})


def load_generator(path: Path) -> tuple[Generator, np.ndarray]:
    """The model, frozen, on the CPU, and its reference crop (S, S, 3) uint8 RGB.

    Errors as of ``load_model``.
    """
    model, extra = load_model(path, Generator, FORMAT)
    if "reference_crop" not in extra:
        raise LipsyncError(f"{path}: holds no reference picture; run `dvc repro`")
    return model, extra["reference_crop"].numpy()
