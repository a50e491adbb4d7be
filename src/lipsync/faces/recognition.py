"""Face embeddings by an ONNX face-recognition network of the ArcFace kind.

Such networks take faces of 112 x 112 pixels that were moved, turned and scaled so that five points
come to lie where they do in the template of InsightFace (python-package/insightface/utils/
face_align.py, `arcface_dst`), with RGB scaled to -1..1, and give a vector whose direction is the
person (Deng et al., "ArcFace", 2019, https://arxiv.org/abs/1801.07698).
"""

import hashlib
from pathlib import Path

import cv2
import numpy as np

from lipsync.errors import LipsyncError, first_line
from lipsync.faces.landmarks import LEFT_EYE, NOSE_TIP, RIGHT_EYE

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
# Cosine of two means from which they are taken to be one person: usual for ArcFace networks, not
# calibrated here; each network has its own.
SAME_PERSON = 0.35


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


def recognition_of(path: Path | None) -> FaceRecognition | None:
    """The network of ``profile.face_recognition``, where one is given; errors as of it."""
    return None if path is None else FaceRecognition(path)
