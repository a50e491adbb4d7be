"""What the lips do: reading them off pictures, and comparing two readings.

Lips are read without memory: the mesh looks at the square that a crop's box implies, then around
the points that it found there, which is where the tracker would look; from there on it reads as the
tracker does (``FaceMesh.steady_points``). So any frame can be read alone, a picture's reading
depends on that picture only, and real and rendered pictures are read alike. Openings of 250 frames
of the sample and of a clip of turning heads correlate with the tracker's by 0.998.
"""

from pathlib import Path

import numpy as np

from lipsync.faces.landmarks import LIPS, POINTS, eye_distance
from lipsync.faces.mesh import FaceMesh, Region

FACE_ABOVE = 0.175  # of the box's side: the face's middle lies so far above the box's
FACE_SIDE = 1.32  # of the box's side: side of the square that the mesh wants to see


class LipReader:
    """Face points of pictures in which the crop's box is known.

    Args:
        models: folder of the face models
        min_score: face score 0..1 below which there is no face
    """

    def __init__(self, models: Path, min_score: float) -> None:
        self._mesh = FaceMesh(models)
        self._min_score = min_score

    def __call__(self, picture: np.ndarray, box: np.ndarray) -> np.ndarray:
        """Points (468, 2) float32 in pixels of a picture (H, W, 3); NaN where no face is seen."""
        side = float(box[2] - box[0])
        centre = (box[:2] + box[2:]) / 2 - np.array([0, FACE_ABOVE * side])
        first, _ = self._mesh.points(picture, Region(centre, FACE_SIDE * side, angle=0))
        found = Region.of_points(first)
        points, score = self._mesh.steady_points(picture, found)
        if score < self._min_score:
            return np.full((POINTS, 2), np.nan, np.float32)
        return points[:, :2]


def lip_distance(points: np.ndarray, real: np.ndarray) -> np.ndarray:
    """(N,) mean distance of the lips' points over the real eye distance; points (N, 468, 2)."""
    apart = np.linalg.norm(points[:, LIPS] - real[:, LIPS], axis=-1)  # (N, 40)
    return apart.mean(1) / eye_distance(real)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's r of two curves (N,) where both are known; 0 where one of them never moves.

    NaN where they share fewer than 3 frames.
    """
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < 3:
        return float("nan")
    a, b = a[known], b[known]
    if not np.ptp(a) or not np.ptp(b):
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def spread(a: np.ndarray, b: np.ndarray) -> float:
    """Standard deviation of a curve (N,) over that of another, where both are known.

    NaN where they share fewer than 3 frames or the other one never moves.
    """
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < 3 or not np.ptp(b[known]):
        return float("nan")
    return float(a[known].std() / b[known].std())


def mean_ratio(a: np.ndarray, b: np.ndarray) -> float:
    """Sum of a curve (N,) over that of another, where both are known; NaN where that is 0."""
    known = np.isfinite(a) & np.isfinite(b)
    whole = float(b[known].sum())
    return float(a[known].sum()) / whole if whole else float("nan")


def partial_correlation(a: np.ndarray, b: np.ndarray, given: np.ndarray) -> float:
    """r of two curves (N,) after what a third one says of each, on a line, is taken away.

    Where all three are known; 0 where it leaves nothing of one of them (Yule, "On the theory of
    correlation for any number of variables", 1907).
    """
    known = np.isfinite(a) & np.isfinite(b) & np.isfinite(given)
    a, b, given = a[known], b[known], given[known]
    return float(without(correlation(a, b), correlation(a, given), correlation(b, given)))


def without(ab: np.ndarray | float, ac: np.ndarray | float, bc: np.ndarray | float) -> np.ndarray:
    """Partial correlation of a and b given c, from the three correlations."""
    left = (1 - np.square(ac)) * (1 - np.square(bc))
    left = np.where(left < 1e-9, np.inf, left)
    return np.asarray((ab - np.multiply(ac, bc)) / np.sqrt(left))
