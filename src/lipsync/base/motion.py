"""What the base's motion network learns from: everybody's speech, with expressions of one basis."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from lipsync.geometry.model import ShapeModel, Track
from lipsync.motion.basis import Basis, amplitude, fit_basis
from lipsync.motion.data import MotionData
from lipsync.training.data import AudioData
from lipsync.training.split import Split


@dataclass(frozen=True)
class Speaker:
    """A person's audio features, and what the face does.

    Attributes:
        data: with normalised features
        model, track: of all frames of ``data``
    """

    name: str
    data: AudioData
    model: ShapeModel
    track: Track
    split: Split

    @property
    def training(self) -> np.ndarray:
        """(T, E) float64 expressions of the frames that may be learned from."""
        usable = (self.data.valid & self.track.valid)[: self.split.training_end]
        return self.track.expression[: self.split.training_end][usable].astype(np.float64)


@dataclass(frozen=True)
class MotionPerson:
    """A speaker in the common basis.

    Attributes:
        data: expressions are those of the basis, from the person's mean and in units of the
            person's amplitude
    """

    name: str
    data: MotionData
    split: Split


def motion_people(speakers: list[Speaker]) -> tuple[Basis, list[MotionPerson]]:
    """The common basis, and what each person says of it.

    It has as many components as the person with the fewest.
    """
    known = [(each.model, each.training) for each in speakers]
    basis = fit_basis(known, min(model.n_components for model, _ in known))
    return basis, [in_basis(each, basis) for each in speakers]


def in_basis(speaker: Speaker, basis: Basis) -> MotionPerson:
    """A person's expressions in coefficients of the basis."""
    model, track, data = speaker.model, speaker.track, speaker.data
    valid = data.valid & track.valid
    matrix = basis.coefficients(model)
    known = speaker.training @ matrix
    centre, scale = known.mean(0), amplitude(known)
    found = (np.nan_to_num(track.expression) @ matrix - centre) / scale
    shape = basis.shape(model, scale)
    usual = np.tensordot(centre / scale, shape.components, 1)  # (V, 3) displacement
    return MotionPerson(
        speaker.name,
        MotionData(
            valid=valid,
            seen=valid,
            speech=data.speech,
            past=data.past,
            future=data.future,
            per_decibel=data.per_decibel,
            instants=data.instants,
            fps=data.fps,
            weights_sha256=data.weights_sha256,
            expression=torch.from_numpy(np.where(valid[:, None], found, 0)).float().to(data.speech),
            shape=replace(shape, mean=(shape.mean + usual).astype(np.float32)),
        ),
        speaker.split,
    )
