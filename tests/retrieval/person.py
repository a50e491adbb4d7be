"""A drawn person with skin of a pattern, filmed from the front, and faces made of it."""

from functools import cache

import cv2
import numpy as np

from lipsync.geometry.model import ShapeModel, Track
from lipsync.media.planes import from_rgb
from lipsync.retrieval.exemplars import Exemplars
from lipsync.retrieval.face import FaceMaker
from lipsync.retrieval.material import Material
from lipsync.retrieval.pasting import undecided
from lipsync.retrieval.target import Target
from tests.tiny_avatar import tiny_shape

SIZE, SIDE = 64, 128  # pixels of the working size, and of the crop in the picture
WIDTH, HEIGHT = 192, 160
LEFT, TOP = 30, 20  # of the crop
FPS = 25.0


@cache
def pattern() -> np.ndarray:
    """(HEIGHT, WIDTH, 3) uint8: soft spots of all colours, coarser than a pixel of the crop."""
    noise = np.random.default_rng(0).normal(0, 1, (HEIGHT, WIDTH, 3)).astype(np.float32)
    spots = cv2.GaussianBlur(noise, (0, 0), 4)
    return np.clip(128 + 40 * spots / spots.std(), 0, 255).astype(np.uint8)


def material(expression: np.ndarray, picture: np.ndarray | None = None) -> Material:
    """Frames of expressions (N, 2), all of the same picture."""
    count = len(expression)
    track = Track(
        scale=np.full(count, 0.45 * SIDE, np.float32),
        rotation=np.tile(np.eye(3, dtype=np.float32), (count, 1, 1)),
        translation=np.tile(
            np.array([LEFT + SIDE / 2, TOP + 0.35 * SIDE, 0], np.float32), (count, 1)
        ),
        expression=expression.astype(np.float32),
        valid=np.ones(count, bool),
    )
    boxes = np.tile(np.array([LEFT, TOP, LEFT + SIDE, TOP + SIDE], np.float32), (count, 1))
    picture = pattern() if picture is None else picture
    whole = picture[TOP : TOP + SIDE, LEFT : LEFT + SIDE]
    crop = cv2.resize(whole, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return Material([crop] * count, boxes, model(), track, FPS)


def exemplars(filmed: Material, picture: np.ndarray | None = None) -> Exemplars:
    """All frames of a material at full size."""
    picture = pattern() if picture is None else picture
    whole = np.ascontiguousarray(picture[TOP : TOP + SIDE, LEFT : LEFT + SIDE])
    return filmed.exemplars(np.arange(len(filmed)), [whole] * len(filmed))


def maker(known: Exemplars, detail: float = 1.0) -> FaceMaker:
    """Unrefined."""
    return FaceMaker(known, model(), SIZE, lambda layers, _: undecided(layers), detail)


def model() -> ShapeModel:
    return tiny_shape()


def spoken(faces: FaceMaker, filmed: Material, target: Target) -> tuple[np.ndarray, np.ndarray]:
    """Planes of the picture with the wanted face, and the weight of the face (HEIGHT, WIDTH)."""
    planes = from_rgb(pattern())
    choice = faces.selector().choose(target)
    layers = faces.speak(planes, filmed.boxes[0], filmed.crops[0], target, choice)
    weight = np.zeros((HEIGHT, WIDTH), np.float32)
    inside = weight[TOP : TOP + SIDE, LEFT : LEFT + SIDE]
    inside[:] = cv2.resize(layers.mask, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    return planes, weight
