"""A tiny base of motion and a person whose mouth does what it predicts, for tests of the offset."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from lipsync.alignment.prediction import BASE, FPS, predict_opening
from lipsync.geometry.model import POSE_FEATURES, ShapeModel, Track
from lipsync.media.audio import SAMPLE_RATE
from lipsync.motion.adaptation import MotionBase, save_motion_base
from lipsync.motion.basis import Basis
from lipsync.motion.model import MotionNet
from lipsync.motion.opening import LOWER, UPPER
from lipsync.speech.mel import BANDS, COLUMNS

EXPRESSION = 4


def tiny_base(features: int = COLUMNS * BANDS) -> MotionBase:
    """Of weights by chance; it listens to two frames before its own and one after it."""
    torch.manual_seed(0)
    model = MotionNet(
        features, COLUMNS, EXPRESSION,
        past=2, future=1, network_past=2, members=1, channels=8, dropout=0.0, components=4,
    )  # fmt: skip
    torch.nn.init.normal_(model.head.weight)
    components = np.random.default_rng(0).normal(size=(EXPRESSION, 468, 3)).astype(np.float32)
    return MotionBase(model.requires_grad_(False).eval(), Basis(components))


def voice(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise whose loudness rises and falls some four times a second, (n,) float32 at 16 kHz."""
    draw = np.random.default_rng(seed)
    count = round(seconds * SAMPLE_RATE)
    level = np.convolve(draw.uniform(0, 1, round(seconds * FPS) + 20), np.hanning(7) / 3, "same")
    loud = np.interp(np.arange(count) / SAMPLE_RATE * FPS + 10, np.arange(len(level)), level)
    return (0.2 * loud**2 * draw.normal(size=count)).astype(np.float32)


def filmed(
    base: MotionBase, audio: np.ndarray, late: int, noise: float = 0.5
) -> tuple[ShapeModel, Track]:
    """A face at 25 fps whose mouth opens as the base predicts of ``audio``.

    Args:
        late: quarters of a frame by which the lips come after the audio
        noise: deviation of what no audio tells, of that of the prediction
    """
    frames = round(len(audio) / SAMPLE_RATE * FPS)
    opening = np.roll(predict_opening(base, audio, frames), late)[::COLUMNS]
    opening = (opening - opening.mean()) / opening.std()
    opening += noise * np.random.default_rng(1).normal(size=frames)
    return mouth(np.maximum(0.1 + 0.02 * opening, 0))


def mouth(opening: np.ndarray) -> tuple[ShapeModel, Track]:
    """A face with these openings (N,), in eye distances, from 0; where one is NaN there is none."""
    mean = np.zeros((468, 3), np.float32)
    components = np.zeros((EXPRESSION, 468, 3), np.float32)
    components[0, LOWER, 1], components[0, UPPER, 1] = 0.6, -0.4
    shape = ShapeModel(
        mean=mean,
        components=components,
        pose_components=np.zeros((POSE_FEATURES, 468, 3), np.float32),
        pose_centre=np.zeros(3, np.float32),
        triangles=np.zeros((0, 3), np.int32),
    )
    valid = np.isfinite(opening)
    expression = np.zeros((len(opening), EXPRESSION), np.float32)
    expression[:, 0] = opening
    expression[~valid] = np.nan
    turned = np.tile(np.eye(3, dtype=np.float32), (len(opening), 1, 1))
    still = np.ones(len(opening), np.float32)
    return shape, Track(still, turned, np.zeros((len(opening), 3), np.float32), expression, valid)


def write_base(path: Path, base: MotionBase) -> None:
    """As the file of the base that ships."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_motion_base(path, base)


def real_base(root: Path) -> Path:
    """The base that comes with the project, or another one; without any the test is skipped."""
    path = Path(os.environ.get("LIPSYNC_BASE", root / BASE))
    if not path.is_file():
        pytest.skip(f"no base of motion at {path}; set LIPSYNC_BASE to one")
    return path
