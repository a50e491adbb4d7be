"""The people whom the base learns from, as stage gather_base laid them aside."""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch

from lipsync.base.gather import GEOMETRY
from lipsync.base.motion import Speaker
from lipsync.errors import LipsyncError
from lipsync.files import files_in
from lipsync.geometry.model import ShapeModel, Track
from lipsync.geometry.storage import OF_MODEL, OF_TRACK
from lipsync.motion.data import normalise_speech
from lipsync.retrieval.material import Material
from lipsync.training.data import PersonData, make_person_data
from lipsync.training.split import Split


@dataclass(frozen=True)
class Gathered:
    """One person as the base sees them.

    Attributes:
        data: on the device; frames that were not kept are black and not valid
        material: of the same frames, on the CPU
    """

    name: str
    data: PersonData
    material: Material
    split: Split

    @property
    def speaker(self) -> Speaker:
        """For the motion network."""
        model, track = self.material.model, self.material.track
        return Speaker(self.name, normalise_speech(self.data), model, track, self.split)

    @property
    def used_frames(self) -> int:
        """Frames with a face in the training part that are kept."""
        return int(self.data.valid[: self.split.training_end].sum())

    def exemplars(self, count: int) -> np.ndarray:
        """At most ``count`` frames (M,) of the training part that are kept and show the face.

        Raises:
            LipsyncError: there are fewer than two.
        """
        seen = np.flatnonzero(self.data.seen[: self.split.training_end])
        return self.material.choose(seen, count)


def load_gathered(path: Path, device: torch.device) -> Gathered:
    """Read one person's file; LipsyncError if it is missing or damaged."""
    try:
        with np.load(path) as archive:
            stored = {name: archive[name] for name in archive.files}
        kept, crops = stored["kept"], stored["crops"]
        # Pages of zeros that nobody touches take no memory on a CPU.
        pictures = np.zeros((len(kept), *crops.shape[1:]), np.uint8)
        pictures[kept] = crops
        split = Split(
            int(stored["training_end"]),
            int(stored["validation_start"]),
            frames=len(kept),
            cuts=tuple(stored["cuts"].tolist()) if "cuts" in stored else (),
        )
        model = ShapeModel(**{name: stored[f"{GEOMETRY}{name}"] for name in OF_MODEL})
        track = Track(**{name: stored[f"{GEOMETRY}{name}"] for name in OF_TRACK})
        data = make_person_data(stored | {"crops": pictures}, device)
        cuts = np.array(split.cuts, int)
        material = Material(pictures, data.boxes, model, track, data.fps, cuts=cuts)
        return Gathered(path.stem, data, material, split)
    except FileNotFoundError:
        raise LipsyncError(f"{path}: no such file; run `dvc repro gather_base`") from None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise LipsyncError(f"{path}: damaged: {error}; run `dvc repro gather_base`") from error


def load_people(folder: Path, names: tuple[str, ...], device: torch.device) -> list[Gathered]:
    """All people of the base, in the order of ``base.people``.

    Raises:
        LipsyncError: a file of somebody who is not listed lies in ``folder``, or two people's crops
            or speech rows are not of one kind.
    """
    for path in files_in(folder, {".npz"}) if folder.is_dir() else []:
        if path.stem not in names:
            raise LipsyncError(
                f"{path}: {path.stem} is not in base.people, and the base's hash would count it; "
                "delete the file"
            )
    people = [load_gathered(folder / f"{name}.npz", device) for name in names]
    for other in people[1:]:
        mine, theirs = people[0].data.kind, other.data.kind
        for what, value in mine.items():
            if theirs[what] != value:
                raise LipsyncError(
                    f"base.people: {what} is {value} for {people[0].name} and {theirs[what]} for "
                    f"{other.name}; give both the same params, or leave one out"
                )
    return people
