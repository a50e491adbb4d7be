"""What a face should look like in a frame, in coordinates of its crop."""

from dataclasses import dataclass

import cv2
import numpy as np

from lipsync.faces.masks import VISIBLE_END, visible_rows
from lipsync.geometry.model import ShapeModel, Track

# Vertices on forehead, temples and the bridge of the nose, off the brows.
STILL_SKIN = (
    *(9, 8, 168, 6, 151, 108, 337, 69, 299, 104, 333, 68, 298, 71, 301, 139, 368, 34, 264),
    *(122, 351, 196, 419, 143, 372, 156, 383),
)


@dataclass(frozen=True)
class Target:
    """The wanted face in a frame.

    Attributes:
        vertices: (V, 3) float32 in shares of the crop's side
        own_vertices: (V, 3) of the face that is in the frame already
        expression: (E,) wanted
        angles: (3,) degrees
        light: (3,) mean RGB of forehead and temples, as of ``measure_light``
    """

    vertices: np.ndarray
    own_vertices: np.ndarray
    expression: np.ndarray
    angles: np.ndarray
    light: np.ndarray


def vertices_in_crop(vertices: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Vertices (V, 3) in pixels of the picture -> in shares of the side of a box (4,)."""
    side = float(box[2] - box[0])
    origin = np.array([box[0], box[1], 0.0])
    return ((vertices - origin) / side).astype(np.float32)


def make_target(
    model: ShapeModel,
    track: Track,
    frame: int,
    box: np.ndarray,
    light: np.ndarray,
    expression: np.ndarray | None = None,
) -> Target:
    """The face of a frame with another expression (E,), or with its own."""
    own = vertices_in_crop(track.mesh(model, frame), box)
    wanted = own
    if expression is None:
        expression = track.expression[frame]
    else:
        wanted = vertices_in_crop(track.mesh(model, frame, expression), box)
    return Target(wanted, own, expression, track.angles[frame], light)


def measure_light(crop: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """(3,) float32 mean RGB of the skin that speech does not move, of a crop (S, S, 3) uint8.

    Sampled at vertices on forehead, temples and the bridge of the nose, as far as the crop shows
    them above the lower lids. vertices (V, 3) in shares of the crop's side.
    """
    size = len(crop)
    places = vertices[list(STILL_SKIN), :2]
    seen = (places > 0).all(1) & (places[:, 0] < 1) & (places[:, 1] < VISIBLE_END)
    if not seen.any():
        return crop[: visible_rows(size)].reshape(-1, 3).mean(0).astype(np.float32)
    x, y = (places[seen] * size).astype(int).T
    smooth = cv2.blur(crop[: visible_rows(size)], (5, 5))
    return smooth[np.minimum(y, len(smooth) - 1), x].mean(0, dtype=np.float32)


def scaled(vertices: np.ndarray, size: int) -> np.ndarray:
    """Shares of a crop's side -> pixels of a crop of ``size``."""
    return vertices * np.float32(size)
