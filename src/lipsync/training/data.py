"""Speech of one person, and faces, resident in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
import torch

from lipsync.errors import LipsyncError

FACES = ("crops", "boxes", "valid", "seen", "lips")  # what a training reads of faces.npz
SPEECH = ("rows", "silence", "per_decibel", "instants", "fps", "weights_sha256")  # of speech.npz


@dataclass(frozen=True, kw_only=True)
class AudioData:
    """The audio features of a video of N frames, and which frames may be used.

    Attributes:
        valid: (N,) bool, false where no face was found
        seen: (N,) bool, false too where a short gap was filled
        speech: (past + N + future, D) float32, rows with silence before and after
        past, future: rows of silence at either end
        per_decibel: what 1 dB adds to a speech feature; 0 where features know no level
        instants: that a speech row holds one after the other
        fps: frames a second
        weights_sha256: of the speech encoder's weights; empty where it has none
    """

    valid: np.ndarray
    seen: np.ndarray
    speech: torch.Tensor
    past: int
    future: int
    per_decibel: float
    instants: int
    fps: float
    weights_sha256: str = ""

    @property
    def kind(self) -> dict[str, str | int | float]:
        """What has to be equal for all people of a base, and for those who adapt it."""
        return {
            "frames.fps": self.fps,
            "the number of speech features": self.speech_dimension,
            "the speech encoder's SHA-256": self.weights_sha256,
        }

    @property
    def frames(self) -> int:
        """N"""
        return len(self.valid)

    @property
    def speech_dimension(self) -> int:
        """D"""
        return self.speech.shape[-1]

    def to(self, device: torch.device) -> Self:
        """The same data with every tensor on ``device``."""
        tensors: dict[str, Any] = {
            field.name: value.to(device)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), torch.Tensor)
        }
        return replace(self, **tensors)

    def rows(self, frames: np.ndarray) -> torch.Tensor:
        """Speech rows of frames, (T, D)."""
        return self.speech[torch.from_numpy(frames + self.past).to(self.speech.device)]

    def windows(self, frames: torch.Tensor, past: int, future: int) -> torch.Tensor:
        """Speech rows around frames, as ``lipsync.speech.windows`` cuts them, on the data's device.

        Args:
            frames: (...,) int64; may lie up to ``self.past`` before 0 and as far beyond the end
        Returns:
            (..., past + 1 + future, D)
        """
        offsets = torch.arange(-past, future + 1, device=frames.device)
        index = frames.unsqueeze(-1) + offsets + self.past  # (..., K)
        return self.speech[index.clamp(0, len(self.speech) - 1)]

    def windows_between(
        self, frames: torch.Tensor, late: torch.Tensor, past: int, future: int
    ) -> torch.Tensor:
        """``windows`` around moments between frames, as exact as the rows are fine.

        Args:
            frames: (B,) int64
            late: (B,) int64 instants after the frame's own moment; negative is before it
        Returns:
            (B, past + 1 + future, D)
        """
        length = past + 1 + future
        fine = self.speech.unflatten(1, (self.instants, -1)).flatten(0, 1)  # (rows * I, D / I)
        first = (frames - past + self.past) * self.instants + late  # (B,)
        index = first.unsqueeze(1) + torch.arange(length * self.instants, device=frames.device)
        return fine[index.clamp(0, len(fine) - 1)].flatten(1).unflatten(1, (length, -1))


@dataclass(frozen=True, kw_only=True)
class PersonData(AudioData):
    """All frames of a person; frame i of each tensor is the same instant.

    Attributes:
        crops: (N, 3, S, S) uint8 RGB, channels_last in memory
        boxes: (N, 4) float32 x0, y0, x1, y1 of the crops in pixels of the video
        lips: (N, 40, 2) float32 points of the lips in crop pixels, NaN where not valid
    """

    crops: torch.Tensor
    boxes: np.ndarray
    lips: torch.Tensor

    @property
    def kind(self) -> dict[str, str | int | float]:
        """As of ``AudioData``, and the size of the crops."""
        return {"crop.size": self.size} | super().kind

    @property
    def size(self) -> int:
        """S, pixels"""
        return self.crops.shape[-1]


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Arrays of an .npz file by their names; LipsyncError if it is missing or damaged."""
    try:
        with np.load(path) as archive:
            return {name: archive[name] for name in names}
    except FileNotFoundError:
        raise LipsyncError(f"{path}: no such file; run `dvc repro`") from None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise LipsyncError(f"{path}: damaged: {error}; run `dvc repro`") from error


def audio_fields(
    stored: Mapping[str, np.ndarray], device: torch.device, *, past: int = 64, future: int = 64
) -> dict[str, Any]:
    """What ``AudioData`` holds of speech.npz: keyword arguments, all but ``valid`` and ``seen``."""
    rows, silence = stored["rows"], stored["silence"]
    before = np.broadcast_to(silence, (past, len(silence)))
    after = np.broadcast_to(silence, (future, len(silence)))
    return {
        "speech": torch.from_numpy(np.concatenate([before, rows, after])).to(device),
        "past": past,
        "future": future,
        "per_decibel": float(stored["per_decibel"]),
        "instants": int(stored["instants"]),
        "fps": float(stored["fps"]),
        "weights_sha256": str(stored["weights_sha256"]),
    }


def load_person_data(
    faces: Path, speech: Path, device: torch.device, *, past: int = 64, future: int = 64
) -> PersonData:
    """Read faces.npz and speech.npz onto ``device``.

    Raises:
        LipsyncError: a file is missing or damaged, or the two differ in length.
    """
    stored = read_arrays(faces, FACES) | read_arrays(speech, SPEECH)
    crops, rows = stored["crops"], stored["rows"]
    if not len(crops) == len(stored["valid"]) == len(stored["lips"]) == len(rows):
        raise LipsyncError(
            f"{faces} has {len(crops)} frames and {speech} has {len(rows)}; run `dvc repro`"
        )
    return make_person_data(stored, device, past=past, future=future)


def make_person_data(
    stored: Mapping[str, np.ndarray], device: torch.device, *, past: int = 64, future: int = 64
) -> PersonData:
    """Arrays of faces.npz and speech.npz, by their names, as tensors on ``device``."""
    # (N, S, S, 3) -> (N, 3, S, S), a view
    pictures = torch.from_numpy(stored["crops"]).permute(0, 3, 1, 2)
    return PersonData(
        crops=pictures.to(device),
        boxes=stored["boxes"],
        valid=stored["valid"],
        seen=stored["seen"],
        lips=torch.from_numpy(stored["lips"]).to(device),
        **audio_fields(stored, device, past=past, future=future),
    )


def to_unit(crops: torch.Tensor) -> torch.Tensor:
    """uint8 0..255 -> float32 0..1, shape and memory format kept."""
    return crops.to(torch.float32).div_(255.0)
