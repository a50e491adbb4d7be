"""A mesh drawn into a square of pixels: values at its vertices, interpolated in its triangles."""

import cv2
import numpy as np

SHIFT = 4  # binary places of a pixel that OpenCV's polygons know
MARGIN = 0.5  # pixels by which triangles are drawn larger, so that no pixel falls between two


class Raster:
    """The triangles of a mesh that cover a square.

    Args:
        vertices: (V, 3) x and y in pixels of the square, its first pixel's centre at (0.5, 0.5),
            and the depth: nearer triangles lie over farther ones
        triangles: (T, 3) numbers of vertices
        size: S, pixels of a side
    """

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray, size: int) -> None:
        self.size = size
        corners = vertices[triangles]  # (T, 3, 3)
        flat = corners[..., :2].astype(np.float64)
        low, high = flat.min(1), flat.max(1)
        inside = np.flatnonzero((high > 0).all(1) & (low < size).all(1))
        order = inside[np.argsort(-corners[inside, :, 2].mean(1), kind="stable")]
        labels = np.full((size, size), -1.0, np.float32)  # exact up to 2 ** 24
        fixed = np.round((flat[order] - 0.5) * (1 << SHIFT)).astype(np.int32)
        for number, corner in zip(order.tolist(), fixed, strict=True):
            cv2.fillConvexPoly(labels, corner, number, cv2.LINE_8, SHIFT)
        self.labels = labels.astype(np.int32)  # (S, S), -1 where there is no triangle
        self._triangles = triangles
        ones = np.ones((len(triangles), 3, 1))
        matrix = np.concatenate([flat, ones], axis=2)  # (T, 3, 3) rows x, y, 1
        flattened = np.abs(np.linalg.det(matrix)) < 1e-3  # seen from the side
        matrix[flattened] = np.eye(3)
        self._inverse = np.linalg.inv(matrix)
        self._inverse[flattened] = 0
        self._inverse[flattened, 2] = 1 / 3  # the mean of its corners
        grid = np.arange(size, dtype=np.float32) + 0.5
        self._x, self._y = np.meshgrid(grid, grid)

    def interpolate(self, values: np.ndarray, outside: np.ndarray | None = None) -> np.ndarray:
        """Values (V, C) at the vertices -> (S, S, C) float32.

        outside: (3, C) what x, y and 1 are multiplied by where there is no triangle; 0 by default
        """
        planes = self._inverse @ values[self._triangles]  # (T, 3, C): of x, y and 1
        beyond = np.zeros((1, 3, values.shape[1])) if outside is None else outside[None]
        table = np.concatenate([planes, beyond]).astype(np.float32)  # the last one for label -1
        picked = table[self.labels]  # (S, S, 3, C)
        return (
            picked[:, :, 0] * self._x[..., None]
            + picked[:, :, 1] * self._y[..., None]
            + picked[:, :, 2]
        )
