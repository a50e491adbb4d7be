"""The two curves that are compared: the opening that a base of motion predicts, and the filmed one.

The base knows no person: it predicts, from normalised audio features, expressions of a basis that
is common to all people. Of them the gap between the inner lips is taken. It is asked four times a
frame, at instants between frames too.
"""

from pathlib import Path

import numpy as np
import torch

from lipsync.alignment.offset import Offset, measure_offset
from lipsync.base.inherited import MOTION, SHIPPED, remedy
from lipsync.errors import LipsyncError
from lipsync.geometry.model import ShapeModel, Track
from lipsync.media.clock import frame_count
from lipsync.motion.adaptation import MotionBase, load_motion_base
from lipsync.speech.mel import BANDS, COLUMNS, MelEncoder
from lipsync.speech.normalise import normalised

BASE = SHIPPED / MOTION
FPS = 25.0  # frames a second that the base learned from


def load_base(path: Path = BASE) -> MotionBase:
    """The base of motion that offsets are measured with, on the CPU.

    Raises LipsyncError if it is missing, damaged, or was made for other audio features.
    """
    if not path.is_file():
        raise LipsyncError(f"{path}: no such file; {remedy(path)}")
    base = load_motion_base(path)
    found = base.model.config["speech_dimension"], base.model.instants
    if found != (COLUMNS * BANDS, COLUMNS):
        raise LipsyncError(
            f"{path}: was made for {found[0]} audio features a frame, not {COLUMNS * BANDS} of the "
            f"log-mel spectrogram; {remedy(path)}"
        )
    return base


@torch.no_grad()
def predict_opening(base: MotionBase, audio: np.ndarray, frames: int) -> np.ndarray:
    """The opening that the base predicts, at COLUMNS instants a frame.

    Args:
        audio: (n,) float32 -1..1 at 16 kHz, on the pictures' clock
        frames: N at 25 fps
    Returns:
        (COLUMNS * N,) float64, from the mean opening and in no unit; number COLUMNS * i is of the
        middle of frame i
    """
    encoder, model = MelEncoder(FPS), base.model
    rows = encoder.encode(audio, frames)
    rows = normalised(rows, encoder.per_decibel, encoder.instants, FPS)
    before = np.zeros((model.past, rows.shape[1]), np.float32)  # silence
    after = np.zeros((model.future + 1, rows.shape[1]), np.float32)
    columns = np.concatenate([before, rows, after]).reshape(-1, BANDS)
    found = np.zeros((frames, COLUMNS))
    for late in range(COLUMNS):
        shifted = columns[late : late + COLUMNS * (len(rows) + model.past + model.future)]
        windows = torch.from_numpy(shifted.reshape(-1, COLUMNS * BANDS)).unsqueeze(0)
        expression = model.networks(model.standardized(windows)).mean(1)[0]  # (N, B)
        found[:, late] = expression.double().numpy() @ base.basis.gap_weights
    return found.ravel()


def filmed_opening(shape: ShapeModel, track: Track, fps: float) -> np.ndarray:
    """The filmed opening at 25 fps, in head coordinates.

    Args:
        fps: frames a second of ``track``
    Returns:
        (N,) float64 eye distances, NaN where there is no face
    """
    opening = shape.opening(np.nan_to_num(track.expression)).astype(np.float64)
    opening[~track.valid] = np.nan
    if fps == FPS or not len(opening):
        return opening
    wanted = (np.arange(frame_count(len(opening) / fps, FPS)) + 0.5) / FPS
    return np.interp(wanted, (np.arange(len(opening)) + 0.5) / fps, opening)


def measure_recording(
    base: MotionBase, audio: np.ndarray, shape: ShapeModel, track: Track, fps: float
) -> Offset:
    """Measure a recording's offset.

    Args:
        audio: (n,) float32 -1..1 at 16 kHz, on the pictures' clock
        fps: frames a second of ``track``
    """
    filmed = filmed_opening(shape, track, fps)
    predicted = predict_opening(base, audio, len(filmed))
    return measure_offset(predicted, filmed, FPS, COLUMNS)
