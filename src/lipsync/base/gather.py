"""What the base learns from one person: some of the pictures, and all of the speech, in one file.

``data/base/<person>.npz`` is uncompressed: crops (M, S, S, 3) uint8 of the M frames that are kept;
kept (N,) bool says which; boxes (N, 4) float32; valid and seen (N,) bool as in faces.npz, but false
where not kept; lips (N, 40, 2) float32; the arrays of geometry.npz, their names after
``geometry_``; rows, silence, per_decibel, instants, fps and weights_sha256 of speech.npz;
training_end and validation_start, the person's own split, and where it has any, cuts.
"""

from pathlib import Path

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.geometry.storage import OF_MODEL, OF_TRACK, read_geometry
from lipsync.training.data import SPEECH, read_arrays
from lipsync.training.split import limit_held_out, limit_training, read_split

GEOMETRY = "geometry_"  # before the names of the shape model's and the track's arrays


def gather(folder: Path, out: Path, most: int | None) -> None:
    """Write what the base needs of a person.

    Args:
        folder: of faces.npz, geometry.npz, speech.npz and split.json
        most: frames of the training part, and of the held-out part, at most; whole seconds evenly
            spread; None for all
    Raises:
        LipsyncError: a file is missing or damaged, or they differ in length.
    """
    heard = read_arrays(folder / "speech.npz", SPEECH)
    faces = read_arrays(folder / "faces.npz", ("crops", "boxes", "valid", "seen", "lips"))
    model, track = read_geometry(folder / "geometry.npz")
    valid = faces["valid"]
    for name, frames in (("geometry", len(track)), ("speech", len(heard["rows"]))):
        if frames != len(valid):
            raise LipsyncError(
                f"{folder / 'faces.npz'} has {len(valid)} frames and {folder / name}.npz has "
                f"{frames}; run `dvc repro`"
            )
    parts = read_split(folder / "split.json", len(valid))
    kept = limit_training(valid, parts, most) & limit_held_out(valid, parts, most)
    kept[parts.training_end : parts.validation_start] = False
    arrays = heard | {
        "crops": faces["crops"][kept],
        "kept": kept,
        "boxes": faces["boxes"],
        "valid": valid & kept,
        "seen": faces["seen"] & kept,
        "lips": faces["lips"],
        "training_end": np.array(parts.training_end),
        "validation_start": np.array(parts.validation_start),
    }
    if parts.cuts:
        arrays["cuts"] = np.array(parts.cuts)
    arrays |= {f"{GEOMETRY}{name}": getattr(model, name) for name in OF_MODEL}
    arrays |= {f"{GEOMETRY}{name}": getattr(track, name) for name in OF_TRACK}
    arrays[f"{GEOMETRY}valid"] = track.valid & kept
    with atomic_path(out) as temporary:
        np.savez(temporary, **arrays)
