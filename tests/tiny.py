"""A tiny person whose mouth is drawn from its sound, for tests of the trainings."""

import numpy as np
import torch

from lipsync.training.data import PersonData

SIZE, FRAMES, BANDS = 64, 160, 8


def tiny_person() -> PersonData:
    """160 frames of a disc whose height follows the first speech feature."""
    draw = np.random.default_rng(0)
    loud = np.convolve(draw.uniform(0, 1, FRAMES + 8), np.ones(5) / 5, "same")[4:-4]
    rows = loud[:, None] * draw.uniform(0.5, 1, BANDS)
    rows += draw.normal(0, 0.01, (FRAMES, BANDS))
    y, x = np.mgrid[:SIZE, :SIZE]
    crops = np.full((FRAMES, SIZE, SIZE, 3), 150, np.uint8)
    for i in range(FRAMES):
        inside = ((x - 32) / 14) ** 2 + ((y - 42) / (2 + 24 * loud[i])) ** 2 < 1
        crops[i][inside] = (60, 10, 10)
    silence = np.zeros((64, BANDS))
    return PersonData(
        crops=torch.from_numpy(crops).permute(0, 3, 1, 2),
        valid=np.ones(FRAMES, bool),
        mouth=torch.tensor([[18.0, 30.0, 46.0, 56.0]]).repeat(FRAMES, 1),
        speech=torch.from_numpy(np.concatenate([silence, rows, silence])).float(),
        past=64,
        future=64,
        per_decibel=0.01,
        fps=25.0,
    )
