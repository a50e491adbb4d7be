"""The portrait that speaks: its picture, enlarged, and the mesh points of its face.

The portrait is NASA's of the astronaut Eileen Collins, in the public domain, as it comes with
scikit-image (extra ``sample``). Coordinates are in pixels of the video's picture, ``SIZE`` a side;
the picture itself is kept at ``DETAIL`` times that, so that warping it costs no sharpness.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync.errors import LipsyncError
from lipsync.faces.detector import FaceDetector
from lipsync.faces.mesh import FaceMesh, Region

SIZE = 512  # pixels of a side of the video
DETAIL = 2  # texture pixels per pixel of the video
CROP = (108, 0, 216)  # left, top and side in the portrait: head and shoulders
SHARPEN = 0.4  # strength of the unsharp mask after enlarging
SHARPEN_SIGMA = 3.0  # texture pixels
GRAIN = 1.0  # grey levels of film grain, which enlarging has washed out


@dataclass(frozen=True)
class Portrait:
    """texture (DETAIL x SIZE, DETAIL x SIZE, 3) float32 RGB 0..255; points (468, 2) float64."""

    texture: NDArray[np.float32]
    points: NDArray[np.float64]


def load_portrait(models: Path) -> Portrait:
    """Cut out, enlarge and measure the portrait with the face models in ``models``.

    Raises LipsyncError where scikit-image is missing or the face is not found.
    """
    try:
        from skimage import data
    except ImportError:
        raise LipsyncError(
            "portrait: scikit-image is not installed; install the extra `sample` "
            "(pip install -e '.[sample]')"
        ) from None
    left, top, side = CROP
    crop = data.astronaut()[top : top + side, left : left + side]
    large = (SIZE * DETAIL, SIZE * DETAIL)
    picture = cv2.resize(crop, large, interpolation=cv2.INTER_LANCZOS4)
    found = FaceDetector(models).detect(picture)
    if not found:
        raise LipsyncError(f"portrait: no face found; check the models in {models}")
    mesh = FaceMesh(models)
    points, _ = mesh.points(picture, Region.of_detection(found[0]))
    points, _ = mesh.points(picture, Region.of_points(points))
    return Portrait(_finish(picture), points[:, :2].astype(np.float64) / DETAIL)


def _finish(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Sharpen and add grain: (H, W, 3) uint8 to float32 0..255."""
    texture = picture.astype(np.float32)
    blurred = cv2.GaussianBlur(texture, (0, 0), SHARPEN_SIGMA)
    grain = np.random.default_rng(1).normal(0.0, GRAIN, picture.shape[:2]).astype(np.float32)
    return np.clip(texture + SHARPEN * (texture - blurred) + grain[..., None], 0.0, 255.0)
