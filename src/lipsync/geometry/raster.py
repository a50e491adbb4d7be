"""A mesh drawn into a square of pixels: values at its vertices, interpolated in its triangles."""

import cv2
import numpy as np

SHIFT = 4  # binary places of a pixel that OpenCV's polygons know


class Raster:
    """The triangles of a mesh that cover a square.

    Args:
        vertices: (V, 3) x and y in pixels of the square, its first pixel's centre at (0.5, 0.5),
            and the depth: nearer triangles lie over farther ones
        triangles: (T, 3) numbers of vertices
        size: S, pixels of a side

    Attributes:
        corners: (S, S, 3) int32, the vertices of the triangle that a pixel lies in
        weights: (S, S, 3) float32, what each of them counts there; 0 where there is no triangle
        beyond: (S, S) bool, where there is no triangle
    """

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray, size: int) -> None:
        self.size = size
        flat = vertices[triangles, :2].astype(np.float64)  # (T, 3, 2)
        low, high = flat.min(1), flat.max(1)
        inside = np.flatnonzero((high > 0).all(1) & (low < size).all(1))
        depth = vertices[triangles[inside], 2].mean(1)
        inside = inside[np.argsort(-depth, kind="stable")]
        triangles, flat = triangles[inside], flat[inside]
        fixed = np.round((flat - 0.5) * (1 << SHIFT)).astype(np.int32)
        drawn = np.full((size, size), float(len(inside)), np.float32)  # exact up to 2 ** 24
        fill = cv2.fillConvexPoly
        for number, triangle in enumerate(fixed):
            fill(drawn, triangle, number, cv2.LINE_8, SHIFT)
        labels = drawn.astype(np.int32)  # (S, S)
        self.beyond = labels == len(inside)
        none = np.zeros((1, 3), triangles.dtype)
        self.corners = np.concatenate([triangles, none]).astype(np.int32)[labels]
        place = np.arange(size, dtype=np.float32) + 0.5
        slopes = _slopes(flat)[labels]  # (S, S, 3, 3)
        weights = slopes[..., 0] * place[:, None] + slopes[..., 1] * place[:, None, None]
        self.weights = weights + slopes[..., 2]

    def interpolate(self, values: np.ndarray) -> np.ndarray:
        """Values (V, C) at the vertices -> (S, S, C) float32; 0 where there is no triangle."""
        values = values.astype(np.float32, copy=False)
        found = values[self.corners[..., 0]] * self.weights[..., :1]
        for corner in (1, 2):
            found += values[self.corners[..., corner]] * self.weights[..., corner, None]
        return found


def _slopes(triangles: np.ndarray) -> np.ndarray:
    """Barycentric coordinates of triangles (T, 3, 2): what x, y and 1 are multiplied by.

    (T + 1, 3 corners, 3) float32; those of the last one, for no triangle, are 0.
    """
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    (ux, uy), (vx, vy) = (b - a).T, (c - a).T
    area = ux * vy - uy * vx
    flattened = np.abs(area) < 1e-3  # seen from the side
    scale = 1 / np.where(flattened, 1, area)
    slopes = np.zeros((len(triangles) + 1, 3, 3))
    for corner, (x, y) in ((1, (vy, -vx)), (2, (-uy, ux))):
        slopes[:-1, corner, 0], slopes[:-1, corner, 1] = scale * x, scale * y
        slopes[:-1, corner, 2] = -scale * (x * a[:, 0] + y * a[:, 1])
    slopes[:-1, 0] = -slopes[:-1, 1] - slopes[:-1, 2]
    slopes[:-1, 0, 2] += 1
    slopes[:-1][flattened] = [0, 0, 1 / 3]  # the mean of its corners
    return slopes.astype(np.float32)
