"""Faces and speech of one person, resident in memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch

from lipsync.errors import LipsyncError

FACES = ("crops", "valid", "seen", "lips")  # what a training reads of faces.npz
SPEECH = ("rows", "silence", "per_decibel", "instants", "fps", "weights_sha256")  # of speech.npz


@dataclass(frozen=True)
class PersonData:
    """All frames of a person; frame i of each tensor is the same instant.

    Attributes:
        crops: (N, 3, S, S) uint8 RGB, channels_last in memory
        valid: (N,) bool, false where no face was found
        seen: (N,) bool, false too where a short gap was filled
        lips: (N, 40, 2) float32 points of the lips in crop pixels, NaN where not valid
        speech: (past + N + future, D) float32, rows with silence before and after
        past, future: rows of silence at either end
        per_decibel: what 1 dB adds to a speech feature; 0 where features know no level
        instants: that a speech row holds one after the other
        fps: frames a second
        weights_sha256: of the speech encoder's weights; empty where it has none
    """

    crops: torch.Tensor
    valid: np.ndarray
    seen: np.ndarray
    lips: torch.Tensor
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
            "crop.size": self.size,
            "frames.fps": self.fps,
            "the number of speech features": self.speech_dimension,
            "the speech encoder's SHA-256": self.weights_sha256,
        }

    @property
    def frames(self) -> int:
        """N"""
        return len(self.crops)

    @property
    def size(self) -> int:
        """S, pixels"""
        return self.crops.shape[-1]

    @property
    def speech_dimension(self) -> int:
        """D"""
        return self.speech.shape[-1]

    @cached_property
    def mouth(self) -> torch.Tensor:
        """(N, 4) float32 x0, y0, x1, y1 around the lips in crop pixels"""
        return torch.cat([self.lips.amin(1), self.lips.amax(1)], dim=1)

    @cached_property
    def lip_shapes(self) -> torch.Tensor:
        """(N, 80) float32: the lips' points around their own middle, of the crop's side."""
        middle = self.lips.mean(1, keepdim=True)  # (N, 1, 2)
        return ((self.lips - middle) / self.size).flatten(1)

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


def load_person_data(
    faces: Path, speech: Path, device: torch.device, *, past: int = 64, future: int = 64
) -> PersonData:
    """Read faces.npz and speech.npz onto ``device``.

    Raises:
        LipsyncError: a file is missing or damaged, or the two differ in length.
    """
    try:
        with np.load(faces) as archive:
            stored = {name: archive[name] for name in FACES}
        with np.load(speech) as archive:
            stored |= {name: archive[name] for name in SPEECH}
    except FileNotFoundError as error:
        raise LipsyncError(f"{error.filename}: no such file; run `dvc repro`") from None
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise LipsyncError(f"{faces} or {speech}: damaged: {error}; run `dvc repro`") from error
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
    rows, silence = stored["rows"], stored["silence"]
    before = np.broadcast_to(silence, (past, len(silence)))
    after = np.broadcast_to(silence, (future, len(silence)))
    # (N, S, S, 3) -> (N, 3, S, S), a view
    pictures = torch.from_numpy(stored["crops"]).permute(0, 3, 1, 2)
    return PersonData(
        crops=pictures.to(device),
        valid=stored["valid"],
        seen=stored["seen"],
        lips=torch.from_numpy(stored["lips"]).to(device),
        speech=torch.from_numpy(np.concatenate([before, rows, after])).to(device),
        past=past,
        future=future,
        per_decibel=float(stored["per_decibel"]),
        instants=int(stored["instants"]),
        fps=float(stored["fps"]),
        weights_sha256=str(stored["weights_sha256"]),
    )


def to_unit(crops: torch.Tensor) -> torch.Tensor:
    """uint8 0..255 -> float32 0..1, shape and memory format kept."""
    return crops.to(torch.float32).div_(255.0)
