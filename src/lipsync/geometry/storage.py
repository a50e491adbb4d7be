"""geometry.npz: a person's shape model and track, uncompressed; same content, same bytes."""

import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.geometry.model import POSE_FEATURES, ShapeModel, Track

# Name of each array in the file: that of its attribute.
OF_MODEL = tuple(field.name for field in fields(ShapeModel))
OF_TRACK = tuple(field.name for field in fields(Track))


def write_geometry(path: Path, model: ShapeModel, track: Track) -> None:
    """Every array under its attribute's name, with the shapes and dtypes that the classes tell."""
    arrays = {name: getattr(model, name) for name in OF_MODEL}
    arrays |= {name: getattr(track, name) for name in OF_TRACK}
    with atomic_path(path) as temporary:
        np.savez(temporary, **arrays)


def read_geometry(path: Path) -> tuple[ShapeModel, Track]:
    """What ``write_geometry`` wrote.

    Raises LipsyncError if the file is missing or damaged, or if its arrays do not belong together.
    """
    try:
        with np.load(path) as archive:
            model = ShapeModel(**{name: archive[name] for name in OF_MODEL})
            track = Track(**{name: archive[name] for name in OF_TRACK})
    except FileNotFoundError:
        raise LipsyncError(f"{path}: no such file; run `dvc repro`") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise LipsyncError(f"{path}: damaged: {error}; run `dvc repro`") from error
    _check(path, model, track)
    return model, track


def _check(path: Path, model: ShapeModel, track: Track) -> None:
    vertices, frames = len(np.atleast_1d(model.mean)), len(np.atleast_1d(track.valid))
    components = len(np.atleast_1d(model.components))
    wanted = {
        "mean": (vertices, 3),
        "components": (components, vertices, 3),
        "pose_components": (POSE_FEATURES, vertices, 3),
        "pose_centre": (3,),
        "scale": (frames,),
        "rotation": (frames, 3, 3),
        "translation": (frames, 3),
        "expression": (frames, components),
        "valid": (frames,),
    }
    found = {name: getattr(model if name in OF_MODEL else track, name).shape for name in wanted}
    for name, shape in wanted.items():
        if found[name] != shape:
            raise LipsyncError(
                f"{path}: damaged: {name} has shape {found[name]}, not {shape}; run `dvc repro`"
            )
