"""Speech and expression of one person, resident in memory."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lipsync.errors import LipsyncError
from lipsync.geometry.model import ShapeModel
from lipsync.geometry.storage import read_geometry
from lipsync.motion.model import MotionNet, cut_off
from lipsync.speech.windows import speech_windows
from lipsync.training.data import SPEECH, AudioData, audio_fields, read_arrays
from lipsync.training.layers import Standardize

UPPER, LOWER, CORNERS = 13, 14, (61, 291)  # mesh points of the inner lips and the mouth's corners
BATCH = 1024  # windows that are predicted together


@dataclass(frozen=True, kw_only=True)
class MotionData(AudioData):
    """What the motion network learns from.

    Attributes:
        expression: (N, E) float32, 0 where not valid
        shape: what an expression means
    """

    expression: torch.Tensor
    shape: ShapeModel

    @property
    def silence(self) -> torch.Tensor:
        """(D,) the speech row of digital silence"""
        return self.speech[0]


def load_motion_data(geometry: Path, speech: Path) -> MotionData:
    """Read geometry.npz and speech.npz, on the CPU.

    Raises:
        LipsyncError: a file is missing or damaged, or the two differ in length.
    """
    shape, track = read_geometry(geometry)
    stored = read_arrays(speech, SPEECH)
    if len(track) != len(stored["rows"]):
        raise LipsyncError(
            f"{geometry} has {len(track)} frames and {speech} has {len(stored['rows'])}; run "
            "`dvc repro`"
        )
    return MotionData(
        valid=track.valid,
        seen=track.valid,
        expression=torch.from_numpy(np.nan_to_num(track.expression)),
        shape=shape,
        **audio_fields(stored, torch.device("cpu")),
    )


def gap_of(shape: ShapeModel) -> tuple[np.ndarray, float]:
    """The signed gap between the inner lips as a linear function of the expression.

    Unlike ``ShapeModel.opening``, a length, it is negative where the lips pass through each other.

    Returns:
        (E,) float64 weights and the gap of the mean face, in eye distances
    """
    weights = shape.components[:, LOWER, 1] - shape.components[:, UPPER, 1]
    return weights.astype(np.float64), float(shape.mean[LOWER, 1] - shape.mean[UPPER, 1])


def width_of(shape: ShapeModel) -> np.ndarray:
    """(E,) float64: what an expression adds to the distance of the mouth's corners, sideways."""
    first, second = CORNERS
    weights = shape.components[:, second, 0] - shape.components[:, first, 0]
    return weights.astype(np.float64)


@torch.no_grad()
def network_predictions(
    model: MotionNet, data: AudioData, frames: np.ndarray, standardize: Standardize | None = None
) -> np.ndarray:
    """Each network's prediction of frames (B,): (B, M, E) float64, before calibration.

    standardize: of the features, in place of the model's own
    """
    found = []
    for start in range(0, len(frames), BATCH):
        chosen = torch.from_numpy(frames[start : start + BATCH]).to(data.speech.device)
        windows = data.windows(chosen, model.past, model.future)
        rows = cut_off((standardize or model.standardize)(windows))
        found.append(model.networks(rows)[:, :, 0].cpu().double().numpy())
    return np.concatenate(found)


@torch.no_grad()
def predict(
    model: MotionNet, data: AudioData, frames: np.ndarray, speech_frames: np.ndarray | None = None
) -> np.ndarray:
    """Expressions that ``model`` predicts.

    Args:
        model: on the device of ``data``
        frames: (B,) frame numbers; their own speech is heard unless ``speech_frames`` is given
        speech_frames: (B,) frames whose speech is heard in place of that; those outside the video
            hear silence
    Returns:
        (B, E) float32
    """
    heard = np.asarray(frames if speech_frames is None else speech_frames)
    rows = data.speech.cpu().numpy()
    silence, rows = rows[0], rows[data.past : len(rows) - data.future]
    device, found = data.speech.device, []
    for start in range(0, len(heard), BATCH):
        windows = speech_windows(
            rows, silence, heard[start : start + BATCH], model.past, model.future
        )
        found.append(model(torch.from_numpy(windows).to(device)).cpu().numpy())
    return np.concatenate(found) if found else np.zeros((0, len(model.centre)), np.float32)
