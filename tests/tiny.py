"""A tiny person whose mouth is drawn from its sound, for tests of the trainings."""

import numpy as np
import torch

from lipsync.generator.lips import LipBasis
from lipsync.generator.model import Generator
from lipsync.generator.params import GeneratorParams
from lipsync.generator.task import GeneratorTask
from lipsync.syncnet.model import SyncNet
from lipsync.training.data import PersonData, to_unit
from lipsync.training.device import Compute
from lipsync.training.params import SplitParams
from lipsync.training.split import split_frames

SIZE, FRAMES, BANDS = 64, 160, 8


def tiny_person() -> PersonData:
    """160 frames of an ellipse whose height follows the first speech feature."""
    draw = np.random.default_rng(0)
    loud = np.convolve(draw.uniform(0, 1, FRAMES + 8), np.ones(5) / 5, "same")[4:-4]
    rows = loud[:, None] * draw.uniform(0.5, 1, BANDS)
    rows += draw.normal(0, 0.01, (FRAMES, BANDS))
    y, x = np.mgrid[:SIZE, :SIZE]
    tall = 2 + 24 * loud[:, None, None]  # half axis of the ellipse, pixels
    radius = np.sqrt(((x - 32) / 14) ** 2 + ((y - 42) / tall) ** 2)  # (N, S, S)
    inside = 1 / (1 + np.exp(8 * (radius - 1)))  # soft edges, as a lens makes them
    crops = (150 - 110 * inside[..., None] * [0.8, 1, 1]).astype(np.uint8)
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    lips = np.stack(
        [32 + 14 * np.cos(turn) * np.ones((FRAMES, 1)), 42 + tall[:, 0] * np.sin(turn)], 2
    )
    silence = np.zeros((64, BANDS))
    return PersonData(
        crops=torch.from_numpy(crops).permute(0, 3, 1, 2),
        valid=np.ones(FRAMES, bool),
        seen=np.ones(FRAMES, bool),
        lips=torch.from_numpy(lips).float(),
        speech=torch.from_numpy(np.concatenate([silence, rows, silence])).float(),
        past=64,
        future=64,
        per_decibel=0.01,
        instants=1,
        fps=25.0,
    )


def awake(model: Generator) -> Generator:
    """An untrained generator that paints and moves something: its last layers start at zero."""
    with torch.no_grad():
        for last in (model.flow, model.paint, model.lips.head):
            last.weight.normal_(std=0.1)
    return model


def tiny_task(
    model: Generator,
    params: GeneratorParams,
    compute: Compute | None = None,
    *,
    data: PersonData | None = None,
    basis: LipBasis | None = None,
) -> GeneratorTask:
    """Painting the tiny person, or another one like it, on the CPU with an untrained SyncNet."""
    data = data or tiny_person()
    compute = compute or Compute(torch.device("cpu"), torch.float32)
    split = split_frames(data.frames, data.fps, SplitParams(validation=0.25, gap=0.4))
    model.lips.standardize.fit(data.rows(split.training))
    syncnet = SyncNet(SIZE, BANDS, channels=8, embedding=16).requires_grad_(False).eval()
    reference = to_unit(data.crops[:1])
    return GeneratorTask(
        model, syncnet, data, reference, split, params, compute, seed=1, basis=basis
    )
