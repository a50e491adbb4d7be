"""A tiny person whose mouth follows its sound, for tests of the motion network."""

from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch

from lipsync.geometry.model import POSE_FEATURES, ShapeModel
from lipsync.motion.data import CORNERS, MotionData
from lipsync.motion.model import MotionNet
from lipsync.motion.opening import LOWER, UPPER
from lipsync.motion.params import MotionParams
from lipsync.motion.task import MotionTask
from lipsync.training.params import SplitParams
from lipsync.training.split import split_frames

FRAMES, BANDS, INSTANTS, EXPRESSION = 500, 6, 2, 4
PARAMS = MotionParams(
    epochs=2,
    batch_size=8,
    clip=25,
    past=6,
    network_past=5,
    look_ahead=2,
    members=4,
    channels=12,
    components=8,
    mask=0,
)


T = TypeVar("T", bound=MotionTask)


def tiny_shape() -> ShapeModel:
    """A face whose first coefficient opens the mouth and whose second widens it."""
    mean = np.zeros((504, 3), np.float32)
    mean[UPPER], mean[LOWER] = (0, 0.40, 0), (0, 0.50, 0)
    mean[CORNERS[0]], mean[CORNERS[1]] = (-0.3, 0.45, 0), (0.3, 0.45, 0)
    components = np.zeros((EXPRESSION, 504, 3), np.float32)
    components[0, UPPER, 1], components[0, LOWER, 1] = -0.01, 0.04
    components[1, CORNERS[1], 0] = 0.05
    return ShapeModel(
        mean=mean,
        components=components,
        pose_components=np.zeros((POSE_FEATURES, 504, 3), np.float32),
        pose_centre=np.zeros(3, np.float32),
        triangles=np.zeros((0, 3), np.int32),
    )


def tiny_motion(noise: float = 0.1, seed: int = 0) -> MotionData:
    """500 frames of log levels; the opening follows the loudness two frames later, and ``noise``.

    noise: standard deviation of what no sound tells, of that of the expression
    """
    draw = np.random.default_rng(seed)
    loud = np.convolve(draw.normal(size=FRAMES + 8), np.ones(4) / 2, "same")[4:-4]
    pitch = np.convolve(draw.normal(size=FRAMES + 8), np.ones(4) / 2, "same")[4:-4]
    each = draw.uniform(0.6, 1, BANDS * INSTANTS), draw.uniform(-1, 1, BANDS * INSTANTS)
    rows = 0.6 + 0.08 * (loud[:, None] * each[0] + pitch[:, None] * each[1])
    expression = np.stack([np.roll(loud, 2), pitch, np.roll(loud, 2) * pitch, 0 * loud], 1)
    expression = expression + noise * draw.normal(size=expression.shape)
    silence = np.zeros((64, BANDS * INSTANTS))
    return MotionData(
        valid=np.ones(FRAMES, bool),
        seen=np.ones(FRAMES, bool),
        speech=torch.from_numpy(np.concatenate([silence, rows, silence])).float(),
        past=64,
        future=64,
        per_decibel=0.0125,
        instants=INSTANTS,
        fps=25.0,
        expression=torch.from_numpy(expression).float(),
        shape=tiny_shape(),
    )


def tiny_task(data: MotionData, params: MotionParams = PARAMS, kind: type[T] = MotionTask) -> T:
    """The training of an untrained network for ``data``."""
    torch.manual_seed(1)
    model = MotionNet(
        data.speech_dimension, data.instants, data.shape.n_components, **params.architecture()
    )
    split = split_frames(np.ones(data.frames, bool), data.fps, SplitParams(validation=0.2, gap=1.0))
    return kind(model, data, split, params, seed=1)


def louder(data: MotionData, decibels: float) -> MotionData:
    """The same words at another level."""
    speech = data.speech + decibels * data.per_decibel
    return replace(data, speech=torch.where(data.speech > 0, speech, data.speech))
