"""A generator as the function that paints crops for ``heldout.look``."""

import numpy as np
import torch

from lipsync.evaluation.heldout import Paint
from lipsync.generator.model import Generator
from lipsync.generator.task import paint
from lipsync.training.data import PersonData, to_unit


def generator_paint(model: Generator, data: PersonData, reference: np.ndarray) -> Paint:
    """Paint with ``model``, on the data's device, from a reference crop (S, S, 3) uint8."""
    device = data.crops.device
    picture = to_unit(torch.from_numpy(reference).permute(2, 0, 1)[None].to(device))

    def painted(frames: np.ndarray, speech_frames: np.ndarray) -> np.ndarray:
        targets, spoken = (torch.from_numpy(n).to(device) for n in (frames, speech_frames))
        faces = paint(model, data, targets, picture, spoken)  # (B, 3, S, S) 0..1
        pixels = (faces * 255).round().to(torch.uint8).permute(0, 2, 3, 1)  # (B, S, S, 3)
        return np.ascontiguousarray(pixels.cpu().numpy())

    return painted


def silent_frame(model: Generator) -> int:
    """A frame before the video in which ``model`` hears nothing but silence."""
    return -1 - model.future
