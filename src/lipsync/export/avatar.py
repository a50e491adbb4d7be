"""Writing the avatar folder that `lipsync.rendering.avatar` reads."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.faces.models import FACE_MODELS
from lipsync.geometry.model import ShapeModel
from lipsync.geometry.storage import OF_MODEL, OF_TRACK
from lipsync.rendering.avatar import (
    EXEMPLARS,
    FILES,
    FRAMES,
    GEOMETRY,
    INFO,
    MOTION,
    REFINER,
    AvatarInfo,
    sha256,
)
from lipsync.rendering.film import Film


@dataclass(frozen=True)
class Parts:
    """What an avatar is made of, beside the film.

    Attributes:
        motion, refiner: ONNX
        exemplars: exemplars.npz
        face_models: folder of the face models
    """

    motion: bytes
    refiner: bytes
    exemplars: Path
    face_models: Path


def write_avatar(
    folder: Path,
    info: AvatarInfo,
    parts: Parts,
    shape: ShapeModel,
    film: Film,
    voice: np.ndarray,
) -> None:
    """Write the whole folder, or nothing. ``info.sha256`` is filled in.

    voice: (N,) bool, whether the person speaks in each frame of the film
    """
    arrays = {name: getattr(shape, name) for name in OF_MODEL}
    arrays |= {name: getattr(film.track, name) for name in OF_TRACK}
    with atomic_folder(folder) as temporary:
        (temporary / MOTION).write_bytes(parts.motion)
        (temporary / REFINER).write_bytes(parts.refiner)
        shutil.copyfile(parts.exemplars, temporary / EXEMPLARS)
        shutil.copyfile(film.path, temporary / FRAMES)
        arrays |= {"boxes": film.boxes, "light": film.light, "voice": voice}
        if len(film.cuts):
            arrays["cuts"] = film.cuts
        np.savez(temporary / GEOMETRY, **arrays)
        for name in FACE_MODELS:
            shutil.copyfile(parts.face_models / name, temporary / name)
        sums = {name: sha256(temporary / name) for name in FILES}
        complete = info.model_copy(update={"sha256": sums})
        (temporary / INFO).write_text(complete.model_dump_json(indent=2) + "\n", encoding="utf-8")


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``folder``, and on success put it in its place, whole.

    On an error ``folder`` is left as it was. Parents are made.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise LipsyncError(f"{folder}: cannot write: {error.strerror}; check the folder") from error
    new, old = temporary / "new", temporary / "old"
    try:
        new.mkdir()
        yield new
        if folder.exists():
            folder.rename(old)
        try:
            new.rename(folder)
        except OSError:
            old.rename(folder)
            raise
    except OSError as error:
        raise LipsyncError(
            f"{error.filename or folder}: {error.strerror}; "
            f"free some space or check the folder of {folder}"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
