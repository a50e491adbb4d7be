"""The frames that a face is made of: which ones, and their file.

Exemplars are chosen by farthest-point sampling (Gonzalez, 1985): first the frame in the middle,
then again and again the one that is least like those that are chosen, in expression, head pose
and light. They are kept as JPEG at the video's own resolution.
"""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.geometry.model import ShapeModel

FORMAT = 1
MOST_BYTES = 28_000_000  # of all pictures together
QUALITIES = (
    96,
    92,
    86,
    78,
    68,
    50,
    30,
)  # of JPEG, the first at which all exemplars fit into the limit
# What a difference of 1 counts, of the mouth and of the rest of the face: expression coefficients
# (the first has a spread of 1), opening in eye distances, degrees of the head, 8-bit levels.
MOUTH_KEY = {"expression": 2.0, "opening": 50.0, "angles": 0.06, "light": 0.01}
FACE_KEY = {"expression": 0.7, "opening": 0.0, "angles": 0.15, "light": 0.03}


@dataclass(frozen=True)
class Exemplars:
    """M exemplars.

    Attributes:
        pictures: M crops (s, s, 3) uint8 RGB, each at the video's own resolution
        frames: (M,) int64 their numbers in the video
        vertices: (M, V, 3) float32 in shares of the crop's side
        expression: (M, E), angles: (M, 3) degrees, light: (M, 3), float32, as of ``Target``
    """

    pictures: Sequence[np.ndarray]
    frames: np.ndarray
    vertices: np.ndarray
    expression: np.ndarray
    angles: np.ndarray
    light: np.ndarray

    def __len__(self) -> int:
        return len(self.frames)


def key(
    weights: dict[str, float],
    model: ShapeModel,
    expression: np.ndarray,
    angles: np.ndarray,
    light: np.ndarray,
) -> np.ndarray:
    """(N, K) float32 whose squared distances say how unlike frames are.

    Of expression (N, E), angles (N, 3) and light (N, 3).
    """
    parts = (
        weights["expression"] * expression,
        weights["opening"] * model.opening(expression)[:, None],
        weights["angles"] * angles,
        weights["light"] * light,
    )
    return np.concatenate(parts, axis=1).astype(np.float32)


def choose_exemplars(keys: np.ndarray, count: int) -> np.ndarray:
    """At most ``count`` rows of keys (N, K) that cover all of them; ascending (M,) int64."""
    if len(keys) <= count:
        return np.arange(len(keys))
    first = int(np.square(keys - keys.mean(0)).sum(1).argmin())
    chosen = [first]
    distance = np.square(keys - keys[first]).sum(1)
    while len(chosen) < count:
        farthest = int(distance.argmax())
        chosen.append(farthest)
        np.minimum(distance, np.square(keys - keys[farthest]).sum(1), out=distance)
    return np.sort(np.array(chosen))


def pack_pictures(pictures: Sequence[np.ndarray], most: int) -> list[np.ndarray]:
    """JPEG bytes (n,) uint8 of each picture, together at most ``most`` bytes.

    Raises LipsyncError where they are more at the lowest quality.
    """
    packed: list[np.ndarray] = []
    for quality in QUALITIES:
        options = [cv2.IMWRITE_JPEG_QUALITY, quality]
        packed = [
            cv2.imencode(".jpg", cv2.cvtColor(each, cv2.COLOR_RGB2BGR), options)[1].reshape(-1)
            for each in pictures
        ]
        if sum(map(len, packed)) <= most:
            return packed
    raise LipsyncError(
        f"generator.exemplars: {len(pictures)} pictures of this video take "
        f"{sum(map(len, packed)) / 1e6:.0f} MB, more than {most / 1e6:.0f}; give a smaller number"
    )


def write_exemplars(path: Path, exemplars: Exemplars, most: int = MOST_BYTES) -> None:
    """Write exemplars.npz, the same bytes for the same content.

    most: bytes of all pictures together
    """
    packed = pack_pictures(exemplars.pictures, most)
    with atomic_path(path) as temporary:
        np.savez(
            temporary,
            format=FORMAT,
            jpeg=np.concatenate(packed),
            lengths=np.array([len(each) for each in packed], np.int64),
            frames=exemplars.frames.astype(np.int64),
            vertices=exemplars.vertices.astype(np.float32),
            expression=exemplars.expression.astype(np.float32),
            angles=exemplars.angles.astype(np.float32),
            light=exemplars.light.astype(np.float32),
        )


def read_exemplars(path: Path) -> Exemplars:
    """Read exemplars.npz.

    Raises LipsyncError if the file is missing, damaged or of another version.
    """
    try:
        with np.load(path) as archive:
            if int(archive["format"]) != FORMAT:
                raise LipsyncError(f"{path}: of another version; run `dvc repro`")
            ends = np.cumsum(archive["lengths"])
            pictures = [_unpacked(part) for part in np.split(archive["jpeg"], ends[:-1])]
            if len(pictures) != len(archive["frames"]):
                raise ValueError(f"{len(pictures)} pictures of {len(archive['frames'])} exemplars")
            names = ("frames", "vertices", "expression", "angles", "light")
            return Exemplars(pictures, *(archive[name] for name in names))
    except FileNotFoundError:
        raise LipsyncError(f"{path}: no such file; run `dvc repro` or `dvc pull`") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, cv2.error) as error:
        raise LipsyncError(f"{path}: damaged: {error}; run `dvc repro`") from error


def _unpacked(jpeg: np.ndarray) -> np.ndarray:
    picture = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError("a picture cannot be decoded")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
