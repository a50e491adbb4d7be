"""A person's mean face embedding, and its file (``faces.recognition``)."""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.faces.recognition import FaceRecognition, align, unit
from lipsync.files import atomic_path
from lipsync.media.colours import to_rgb
from lipsync.profiling.recording import Recording

FRONTAL = 15.0  # degrees of yaw and of pitch from the median within which a face is frontal
FRAMES = 16  # that are averaged at most


@dataclass(frozen=True)
class Identity:
    """Unit vector (D,) float32, the network's SHA-256, and how many frames were averaged."""

    embedding: np.ndarray
    model_sha256: str
    frames: int


def embed_person(
    path: Path, recording: Recording, angles: np.ndarray, sharpness: dict[int, float]
) -> Identity:
    """The mean over the sharper half of the frontal frames among those that were looked at.

    Args:
        angles: (N, 3) degrees
        sharpness: of each frame that was looked at; they are evenly spaced
    """
    network = FaceRecognition(path)
    frames = list(sharpness)
    if not frames:
        raise LipsyncError(f"{recording.name}: no frame shows a face to recognise")
    turned = np.abs(angles[frames, :2] - (0, np.median(angles[frames, 1]))).max(axis=1)
    frontal = [frame for frame, degrees in zip(frames, turned, strict=True) if degrees < FRONTAL]
    frontal = frontal or [frames[int(turned.argmin())]]
    middle = np.median([sharpness[frame] for frame in frontal])
    sharp = [frame for frame in frontal if sharpness[frame] >= middle]
    places = np.unique(np.linspace(0, len(sharp) - 1, FRAMES).round().astype(int))
    chosen = [sharp[place] for place in places]
    faces = (align(to_rgb(recording.sampled.kept[i]), recording.points[i]) for i in chosen)
    mean = np.mean([network.embed(face) for face in faces], axis=0)
    return Identity(unit(mean), network.sha256, len(chosen))


def similarity(one: Identity, other: Identity) -> float:
    """Cosine -1..1 of two people's means; from about ``SAME_PERSON`` on they are the same person.

    Raises LipsyncError if two different networks made them, or one has none.
    """
    if not len(one.embedding) or one.model_sha256 != other.model_sha256:
        raise LipsyncError(
            "identity: not of the same network; set profile.face_recognition and run both again"
        )
    return float(one.embedding @ other.embedding)


def write_identity(path: Path, identity: Identity | None) -> None:
    """identity.npz: embedding (D,) float32, model_sha256, frames; D is 0 without a network."""
    known = identity or Identity(np.zeros(0, np.float32), "", 0)
    with atomic_path(path) as temporary:
        np.savez(
            temporary,
            embedding=known.embedding,
            model_sha256=np.array(known.model_sha256),
            frames=np.array(known.frames),
        )


def read_identity(path: Path) -> Identity:
    """What ``write_identity`` wrote."""
    try:
        with np.load(path) as archive:
            return Identity(
                archive["embedding"], str(archive["model_sha256"]), int(archive["frames"])
            )
    except FileNotFoundError:
        raise LipsyncError(f"{path}: no such file; run `dvc repro`") from None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise LipsyncError(f"{path}: damaged: {error}; run `dvc repro`") from error
