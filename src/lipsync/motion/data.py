"""Speech and expression of one person, resident in memory."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from lipsync.errors import LipsyncError
from lipsync.geometry.model import ShapeModel
from lipsync.geometry.storage import read_geometry
from lipsync.motion.model import MotionNet
from lipsync.motion.opening import OpeningMatcher, OpeningRange
from lipsync.speech.normalise import normalised, normalised_silence, speaking
from lipsync.speech.windows import speech_windows
from lipsync.training.data import SPEECH, AudioData, audio_fields, read_arrays

CORNERS = (61, 291)  # mesh points of the mouth's corners
BATCH = 1024  # windows that are predicted together


@dataclass(frozen=True, kw_only=True)
class MotionData(AudioData):
    """What the motion network learns from.

    ``speech`` is normalised (``speech.normalise``).

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


A = TypeVar("A", bound=AudioData)


def normalise_speech(data: A) -> A:
    """The same data with features of a usual level and voice, as a motion network hears them."""
    speech = data.speech.cpu().numpy()
    rows = speech[data.past : len(speech) - data.future]
    rows = normalised(rows, data.per_decibel, data.instants, data.fps)
    silence = normalised_silence(speech[:1], data.per_decibel)
    before, after = (np.repeat(silence, count, 0) for count in (data.past, data.future))
    padded = torch.from_numpy(np.concatenate([before, rows, after]))
    return replace(data, speech=padded.to(data.speech.device))


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
    return normalise_speech(
        MotionData(
            valid=track.valid,
            seen=track.valid,
            expression=torch.from_numpy(np.nan_to_num(track.expression)),
            shape=shape,
            **audio_fields(stored, torch.device("cpu")),
        )
    )


def width_of(shape: ShapeModel) -> np.ndarray:
    """(E,) float64: what an expression adds to the distance of the mouth's corners, sideways."""
    first, second = CORNERS
    weights = shape.components[:, second, 0] - shape.components[:, first, 0]
    return weights.astype(np.float64)


@torch.no_grad()
def network_predictions(model: MotionNet, data: AudioData, frames: np.ndarray) -> np.ndarray:
    """Each network's prediction of frames (B,): (B, M, E) float64, before calibration."""
    found = []
    for start in range(0, len(frames), BATCH):
        chosen = torch.from_numpy(frames[start : start + BATCH]).to(data.speech.device)
        windows = data.windows(chosen, model.past, model.future)
        rows = model.standardized(windows)
        found.append(model.networks(rows)[:, :, 0].cpu().double().numpy())
    return np.concatenate(found)


@torch.no_grad()
def predict(
    model: MotionNet, data: AudioData, frames: np.ndarray, speech_frames: np.ndarray | None = None
) -> np.ndarray:
    """Expressions that ``model`` predicts, before their openings are matched.

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


def opening_range(model: MotionNet) -> OpeningRange:
    """What ``calibration`` found of the person's mouth."""
    weights, offset, direction, resting, predicted, filmed = (
        model.get_buffer(name).cpu().double().numpy()
        for name in (
            "gap_weights",
            "gap_offset",
            "opening_direction",
            "resting",
            "predicted_gaps",
            "filmed_gaps",
        )
    )
    rest = float(resting @ weights + offset)
    return OpeningRange(weights, float(offset), direction, rest, predicted, filmed)


def voiced(data: AudioData, frames: np.ndarray) -> np.ndarray:
    """(B,) bool: whether somebody speaks in frames (B,) of data with normalised speech."""
    return speaking(data.rows(frames).cpu().numpy(), data.per_decibel)


def matched_prediction(
    model: MotionNet, data: AudioData, heard: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Expressions (B, E) of an avatar that hears frames (B,) of ``data``.

    Openings are matched as if the speech of the frames ``heard`` (T,) were a file that was heard
    beforehand. Of a file's rendering it differs in that nothing is learned a second time while the
    avatar speaks.

    data: with normalised speech
    """
    matcher = OpeningMatcher(opening_range(model))
    matcher.hear(predict(model, data, heard), voiced(data, heard))

    def speak(frames: np.ndarray) -> np.ndarray:
        found = [matcher.match(each, False) for each in predict(model, data, frames)]
        return np.stack(found) if found else np.zeros((0, len(model.centre)), np.float32)

    return speak
