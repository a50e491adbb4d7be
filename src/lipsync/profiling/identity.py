"""A person's mean face embedding, by an ONNX face-recognition network of the ArcFace kind.

Such networks take faces of 112 x 112 pixels that were moved, turned and scaled so that five points
come to lie where they do in the template of InsightFace (python-package/insightface/utils/
face_align.py, `arcface_dst`), with RGB scaled to -1..1, and give a vector whose direction is the
person (Deng et al., "ArcFace", 2019, https://arxiv.org/abs/1801.07698).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import cv2
import numpy as np

from lipsync.errors import LipsyncError, first_line
from lipsync.faces.landmarks import LEFT_EYE, NOSE_TIP, RIGHT_EYE
from lipsync.files import atomic_path
from lipsync.media.colours import to_rgb
from lipsync.profiling.recording import Recording

SIDE = 112  # pixels
# Where the eyes' middles, the nose's tip and the mouth's corners lie, the right ones (left in the
# picture) first; pixels of SIDE, counted from the middle of the first pixel.
TEMPLATE = np.array(
    [
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ]
)
MOUTH_CORNERS = (61, 291)
FRONTAL = 15.0  # degrees of yaw and of pitch from the median within which a face is frontal
FRAMES = 16  # that are averaged at most
# Cosine of two means from which they are taken to be one person: usual for ArcFace networks, not
# calibrated here; each network has its own.
SAME_PERSON = 0.35


@dataclass(frozen=True)
class Identity:
    """Unit vector (D,) float32, the network's SHA-256, and how many frames were averaged."""

    embedding: np.ndarray
    model_sha256: str
    frames: int


def five_points(points: np.ndarray) -> np.ndarray:
    """(5, 2) float64 of mesh points (468, 2 or 3), in the order of TEMPLATE."""
    points = points[:, :2]
    eyes = [points[list(eye)].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE)]
    return np.stack([*eyes, points[NOSE_TIP], *points[list(MOUTH_CORNERS)]]).astype(np.float64)


def align(rgb: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The face of mesh points (468, 2 or 3) in a picture (H, W, 3), as (112, 112, 3) uint8 RGB.

    Least-squares similarity from the five points to the template (Umeyama, 1991).
    """
    seen = five_points(points) - 0.5  # from pixel edges to pixel centres
    middle, target = seen.mean(axis=0), TEMPLATE.mean(axis=0)
    # In the plane a similarity is a complex factor: the one that fits best is a projection.
    a = (seen - middle) @ (1, 1j)
    b = (TEMPLATE - target) @ (1, 1j)
    factor = np.vdot(a, b) / np.vdot(a, a)
    turn = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    matrix = np.column_stack([turn, target - turn @ middle])
    if abs(factor) < 0.5:  # a large face: without aliasing
        rgb = cv2.GaussianBlur(rgb, (0, 0), 0.4 / abs(factor))
    return cv2.warpAffine(rgb, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)


class FaceRecognition:
    """A network with one input, float32 (B or 1, 3, 112, 112), and an output (B, D).

    Raises LipsyncError if the file is missing, no ONNX, or has another input.
    """

    def __init__(self, path: Path) -> None:
        import onnxruntime as ort

        if not path.is_file():
            raise LipsyncError(
                f"profile.face_recognition: {path}: no such file; give an ONNX network, or null"
            )
        content = path.read_bytes()
        self.sha256 = hashlib.sha256(content).hexdigest()
        try:
            self._session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - onnxruntime has no common class of its errors
            raise LipsyncError(
                f"profile.face_recognition: {path}: not usable as ONNX: {first_line(error)}"
            ) from None
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or list(inputs[0].shape[1:]) != [3, SIDE, SIDE]:
            shapes = ", ".join(str(i.shape) for i in inputs)
            raise LipsyncError(
                f"profile.face_recognition: {path}: takes {shapes}; a network for aligned faces "
                f"of [batch, 3, {SIDE}, {SIDE}] is needed"
            )
        self._input = inputs[0].name

    def embed(self, face: np.ndarray) -> np.ndarray:
        """Unit vector (D,) float32 of an aligned face (112, 112, 3) uint8 RGB."""
        x = (face.astype(np.float32) - 127.5) / 127.5
        out = self._session.run(None, {self._input: x.transpose(2, 0, 1)[None]})[0]
        return unit(out.reshape(-1))


def unit(vector: np.ndarray) -> np.ndarray:
    """(D,) float32 of length 1; zeros stay zeros."""
    length = float(np.linalg.norm(vector))
    return (vector / length if length else vector).astype(np.float32)


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
    faces = (align(to_rgb(recording.glances.kept[i]), recording.points[i]) for i in chosen)
    mean = np.mean([network.embed(face) for face in faces], axis=0)
    return Identity(unit(mean), network.sha256, len(chosen))


def similarity(one: Identity, other: Identity) -> float:
    """Cosine -1..1 of two people's means; from about SAME_PERSON on they are the same person.

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
