"""What the base learns from one person: some of the pictures, and all of the speech, in one file.

``data/base/<person>.npz`` is uncompressed: crops (M, S, S, 3) uint8 of the M frames that are kept;
kept (N,) bool says which; valid and seen (N,) bool as in faces.npz, but false where not kept; lips
(N, 40, 2) float32; rows, silence, per_decibel, instants, fps and weights_sha256 of speech.npz;
training_end and validation_start, the person's own split.
"""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.training.data import SPEECH, PersonData, make_person_data
from lipsync.training.params import SplitParams
from lipsync.training.split import Split, limit_held_out, limit_training, split_frames


@dataclass(frozen=True)
class Gathered:
    """One person as the base sees them."""

    name: str
    data: PersonData
    split: Split

    @property
    def used_frames(self) -> int:
        """Frames with a face in the training part that are kept."""
        return int(self.data.valid[: self.split.training_end].sum())

    def speech_statistics(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and deviation (D,) of the speech rows of the training part."""
        rows = self.data.rows(self.split.training)
        return rows.mean(0), rows.std(0)

    def known_lips(self) -> torch.Tensor:
        """Lips that were seen in the training part, (T, 80) float64 on the CPU."""
        seen = np.flatnonzero(self.data.seen[: self.split.training_end])
        return self.data.lip_shapes.cpu().double()[torch.from_numpy(seen)]


def gather(faces: Path, speech: Path, out: Path, split: SplitParams, most: int | None) -> None:
    """Write what the base needs of a person.

    Args:
        faces, speech: faces.npz and speech.npz
        most: frames of the training part, and of the held-out part, at most; whole seconds evenly
            spread; None for all
    Raises:
        LipsyncError: a file is missing or damaged, or the video is too short to split.
    """
    try:
        with np.load(speech) as archive:
            heard = {name: archive[name] for name in SPEECH}
        with np.load(faces) as archive:
            valid, seen, lips = archive["valid"], archive["seen"], archive["lips"]
            parts = split_frames(len(valid), float(heard["fps"]), split)
            kept = limit_training(valid, parts, most) & limit_held_out(valid, parts, most)
            kept[parts.training_end : parts.validation_start] = False
            crops = archive["crops"][kept]
    except FileNotFoundError as error:
        raise LipsyncError(f"{error.filename}: no such file; run `dvc repro`") from None
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise LipsyncError(f"{faces} or {speech}: damaged: {error}; run `dvc repro`") from error
    with atomic_path(out) as temporary:
        np.savez(
            temporary,
            crops=crops,
            kept=kept,
            valid=valid & kept,
            seen=seen & kept,
            lips=lips,
            training_end=parts.training_end,
            validation_start=parts.validation_start,
            **heard,
        )


def load_gathered(path: Path, device: torch.device) -> Gathered:
    """Read one person's file onto ``device``; frames that were not kept are black and not valid."""
    try:
        with np.load(path) as archive:
            stored = {name: archive[name] for name in archive.files}
        kept, crops = stored["kept"], stored["crops"]
        # Pages of zeros that nobody touches take no memory on a CPU.
        pictures = np.zeros((len(kept), *crops.shape[1:]), np.uint8)
        pictures[kept] = crops
        split = Split(
            int(stored["training_end"]), int(stored["validation_start"]), frames=len(kept)
        )
        data = make_person_data(stored | {"crops": pictures}, device)
        return Gathered(path.stem, data, split)
    except FileNotFoundError:
        raise LipsyncError(f"{path}: no such file; run `dvc repro gather_base`") from None
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise LipsyncError(f"{path}: damaged: {error}; run `dvc repro gather_base`") from error


def load_people(folder: Path, names: tuple[str, ...], device: torch.device) -> list[Gathered]:
    """All people of the base, in the order of ``base.people``.

    Raises:
        LipsyncError: a file of somebody who is not listed lies in ``folder``, or two people's crops
            or speech rows are not of one kind.
    """
    for path in sorted(folder.glob("*.npz")):
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
