"""landmarks.npz and faces.npz: uncompressed, and the same content gives the same bytes.

(numpy and zipfile leave the date of an archive's members at 1980 unless one is given.)
"""

import math
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.faces.crop import ONE_SHOT
from lipsync.faces.landmarks import POINTS
from lipsync.files import atomic_path

if TYPE_CHECKING:
    from lipsync.faces.tracker import Landmarks


def write_landmarks(path: Path, landmarks: "Landmarks") -> None:
    """points (N, 468, 3) float32, valid (N,) bool, score (N,) float32.

    Where there are any, cuts (C,) int64 and others (N,) bool as of ``Landmarks``.
    """
    arrays = {"cuts": landmarks.cuts, "others": landmarks.others}
    there = {name: values for name, values in arrays.items() if values.any()}
    always = {"points": landmarks.points, "valid": landmarks.valid, "score": landmarks.score}
    with atomic_path(path) as temporary:
        np.savez(temporary, allow_pickle=False, **always, **there)


def read_landmarks(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """points (N, 468, 3) float32 pixels, NaN where invalid; valid, seen (N,) bool.

    A valid frame that was not seen lies in a gap that was filled. Raises LipsyncError if the file
    is missing, damaged, or of the time when points had no depth.
    """
    try:
        with np.load(path) as archive:
            points, valid, seen = archive["points"], archive["valid"], archive["score"] > 0
    except FileNotFoundError:
        raise LipsyncError(f"{path}: no such file; run `dvc repro`") from None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise LipsyncError(f"{path}: damaged: {error}; run `dvc repro`") from error
    if points.shape[1:] != (POINTS, 3):
        raise LipsyncError(
            f"{path}: points of shape {points.shape[1:]}, not {(POINTS, 3)} with the depth; "
            "run `dvc repro`"
        )
    return points, valid, seen


def read_shots(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """cuts (C,) int64 and others (N,) bool of landmarks.npz, as of ``Landmarks``.

    Raises LipsyncError if the file is missing or damaged.
    """
    try:
        with np.load(path) as archive:
            nobody = np.zeros(len(archive["valid"]), bool)
            return archive.get("cuts", ONE_SHOT), archive.get("others", nobody)
    except FileNotFoundError:
        raise LipsyncError(f"{path}: no such file; run `dvc repro`") from None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise LipsyncError(f"{path}: damaged: {error}; run `dvc repro`") from error


def write_faces(
    path: Path,
    crops: Iterable[np.ndarray],
    size: int,
    boxes: np.ndarray,
    valid: np.ndarray,
    seen: np.ndarray,
    lips: np.ndarray,
) -> None:
    """Write faces.npz.

    Args:
        crops: N pictures (size, size, 3) uint8 as they come
        boxes: (N, 4) float32 x0, y0, x1, y1 of the crops in pixels of the video
        valid, seen: (N,) bool
        lips: (N, 40, 2) float32 points in pixels of the crop

    Nothing is written where there are more or fewer crops than boxes.
    """
    header = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(np.uint8)),
        "fortran_order": False,
        "shape": (len(boxes), size, size, 3),
    }
    with atomic_path(path) as temporary:
        np.savez(temporary, boxes=boxes, valid=valid, seen=seen, lips=lips)
        written = 0
        with (
            zipfile.ZipFile(temporary, "a") as archive,
            archive.open("crops.npy", "w", force_zip64=True) as member,
        ):
            np.lib.format.write_array_header_1_0(member, header)
            for crop in crops:
                member.write(crop.tobytes())
                written += 1
        if written != len(boxes):
            raise ValueError(f"{path}: {written} crops for {len(boxes)} boxes")


def read_boxes(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """boxes (N, 4) float32 and valid (N,) bool of faces.npz.

    Raises LipsyncError if the file is missing or damaged.
    """
    try:
        with np.load(path) as archive:
            return archive["boxes"], archive["valid"]
    except FileNotFoundError:
        raise LipsyncError(f"{path}: no such file; run `dvc repro` or `dvc pull`") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise LipsyncError(f"{path}: damaged: {error}; run `dvc repro`") from error


def read_crops(path: Path) -> Iterator[np.ndarray]:
    """The N crops (S, S, 3) uint8 of faces.npz, one after the other in memory of one.

    Raises LipsyncError if the file is missing or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open("crops.npy") as member:
            np.lib.format.read_magic(member)
            shape, _, dtype = np.lib.format.read_array_header_1_0(member)
            if len(shape) != 4 or dtype != np.uint8:
                raise ValueError(f"crops of shape {shape} and dtype {dtype}")
            for _ in range(shape[0]):
                crop = np.frombuffer(member.read(math.prod(shape[1:])), np.uint8)
                yield crop.reshape(shape[1:])
    except FileNotFoundError:
        raise LipsyncError(f"{path}: no such file; run `dvc repro` or `dvc pull`") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise LipsyncError(f"{path}: damaged: {error}; run `dvc repro`") from error
