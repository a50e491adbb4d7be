"""The portrait moved: a piecewise-affine warp, the inside of the mouth, and lids.

Vertices are mesh points, the curves of the lips and a grid around the face. The lips go where
lips.Lips wants them, the chin follows the jaw, points that no mouth moves stay; all vertices
between them follow by a thin-plate spline, whose weights are fixed, so a picture costs one matrix
product. Then the head turns as a whole, less and less towards the border and the collar, so that
the background stays. Mouth and lids are painted over the warped picture.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync.faces.landmarks import JAW
from lipsync.sample import mouth
from lipsync.sample.eyes import Eye
from lipsync.sample.life import Pose
from lipsync.sample.lips import Lips, LipShape, S
from lipsync.sample.portrait import DETAIL, SIZE, Portrait
from lipsync.sample.texture import Floats

GRID = 16.0  # pixels between vertices around the face
HEAD = (266.0, 232.0, 182.0, 205.0)  # pixels: centre and half axes of the ellipse of hair and face
HEAD_FADE = 1.34  # at this multiple of the ellipse the head's motion has faded out
PIVOT = (266.0, 430.0)  # pixels: the head turns about the neck
FRACTION = 4  # bits of sub-pixel precision of the triangles

# Share of the lower lip's drop that points of the jaw follow
JAW_FOLLOWS = {
    **{152: 0.80, 148: 0.79, 377: 0.79, 176: 0.74, 400: 0.74, 149: 0.65, 378: 0.65},
    **{150: 0.53, 379: 0.53, 136: 0.39, 365: 0.39, 172: 0.24, 397: 0.24, 58: 0.11, 288: 0.11},
    **{132: 0.03, 361: 0.03},
}
NECK = 1.30  # points beyond the jaw, at this distance from the nose over the jaw's, stay
STILL = 45.0  # pixels above the mouth from where no point moves with it
NOSE = 1


class Puppet:
    """Renders the portrait with any lips and pose."""

    def __init__(self, portrait: Portrait) -> None:
        self._texture = portrait.texture
        self.lips = Lips(portrait.points)
        points = portrait.points
        self._eyes = (Eye(points, 0), Eye(points, 1))
        self._source, skin = self._vertices(points)
        self._triangles = np.concatenate([skin, self._strips()])
        self._controls = self._control_points(points)
        self._follow = _thin_plate(self._controls, self._source)
        x, y, a, b = HEAD
        radius = np.hypot((self._source[:, 0] - x) / a, (self._source[:, 1] - y) / b)
        share = np.clip((HEAD_FADE - radius) / (HEAD_FADE - 1), 0.0, 1.0)
        self._rigid = share * share * (3 - 2 * share)
        corners = self._source[self._triangles]  # (T, 3, 2)
        self._corners = corners.transpose(0, 2, 1)  # (T, 2, 3)

    def render(self, shape: LipShape, pose: Pose) -> NDArray[np.uint8]:
        """One picture (SIZE, SIZE, 3) uint8 RGB."""
        moved = self._source + self._follow @ self._displacements(shape)
        moved[-self._strip_points :] = self._strip_vertices(self.lips.curves(shape))
        turned = _turn(moved, pose)
        moved = moved + self._rigid[:, None] * (turned - moved)
        picture = self._warp(moved)
        self._fill_mouth(picture, shape, pose)
        if pose.lids > 0:
            self._close_eyes(picture, pose)
        return np.clip(np.round(picture), 0, 255).astype(np.uint8)

    def _vertices(self, points: Floats) -> tuple[Floats, NDArray[np.int64]]:
        """Vertices (V, 2), the last of them the lips' strips, and skin triangles (T, 3)."""
        from scipy.spatial import Delaunay

        strips = self._strip_vertices(self.lips.portrait)
        self._strip_points = len(strips)
        ring = strips.reshape(6, len(S), 2)
        outline = np.concatenate([ring[0], ring[5][-2:0:-1]])
        wide = (outline - outline.mean(axis=0)) * [1.05, 1.15] + outline.mean(axis=0)
        face = [p for p in points if not _inside(wide, p)]
        hull = cv2.convexHull(points.astype(np.float32))[:, 0]
        steps = np.arange(-GRID, SIZE + 2 * GRID, GRID)
        grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        around = [p for p in grid if not _inside(hull, p, margin=-GRID / 2)]
        vertices = np.concatenate([face, around, strips])
        triangles = Delaunay(vertices).simplices.astype(np.int64)
        centres = vertices[triangles].mean(axis=1)
        skin = np.array([not _inside(outline, centre) for centre in centres])
        return vertices, triangles[skin]

    def _strip_vertices(self, curves: Floats) -> Floats:
        """Each lip as three curves, the middle one between its edges: (6 x len(S), 2)."""
        upper_out, upper_in, lower_in, lower_out = curves
        rows = [
            *(upper_out, (upper_out + upper_in) / 2, upper_in),
            *(lower_in, (lower_in + lower_out) / 2, lower_out),
        ]
        return self.lips.to_picture(np.concatenate(rows))

    def _strips(self) -> NDArray[np.int64]:
        """Triangles (T, 3) of the lips."""
        first = len(self._source) - self._strip_points
        triangles = []
        for row in (0, 1, 3, 4):
            for column in range(len(S) - 1):
                a = first + row * len(S) + column
                b = a + len(S)
                triangles += [(a, a + 1, b), (a + 1, b + 1, b)]
        return np.array(triangles)

    def _control_points(self, points: Floats) -> Floats:
        """Where motion is known (C, 2): the outline of the lips, the jaw, and what stays."""
        outline = self._outline(self.lips.portrait)
        jaw = list(JAW_FOLLOWS)
        above = self.lips.to_frame(points)[:, 1] < -STILL
        still = [i for i in np.flatnonzero(above) if i not in JAW_FOLLOWS]
        nose = points[NOSE]
        neck = nose + (points[list(JAW)] - nose) * NECK
        steps = np.linspace(0, SIZE, 9)
        border = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        hull = cv2.convexHull(points.astype(np.float32))[:, 0]
        border = np.array([p for p in border if not _inside(hull, p, margin=-50)])
        return np.concatenate([outline, points[jaw], points[still[::2]], neck, border])

    def _outline(self, curves: Floats) -> Floats:
        upper, _, _, lower = curves
        return self.lips.to_picture(np.concatenate([upper[::2], lower[2:-2:2]]))

    def _displacements(self, shape: LipShape) -> Floats:
        """(C, 2) pixels by which the control points move."""
        lips = self.lips
        outline = self._outline(lips.curves(shape)) - self._outline(lips.portrait)
        down = lips.axes[1] * lips.jaw(shape)
        jaw = np.array([down * share for share in JAW_FOLLOWS.values()])
        moving = np.concatenate([outline, jaw])
        return np.pad(moving, ((0, len(self._controls) - len(moving)), (0, 0)))

    def _warp(self, moved: Floats) -> Floats:
        """The texture with its vertices at ``moved`` (V, 2): (SIZE, SIZE, 3) float64."""
        corners = moved[self._triangles]  # (T, 3, 2)
        ones = np.ones((len(corners), 1, 3))
        homogeneous = np.concatenate([corners.transpose(0, 2, 1), ones], axis=1)  # (T, 3, 3)
        flat = np.abs(np.linalg.det(homogeneous)) < 1e-6
        homogeneous[flat] = np.eye(3)
        maps = (self._corners @ np.linalg.inv(homogeneous)).astype(np.float32)  # (T, 2, 3)
        owner = np.zeros((SIZE, SIZE), np.int32)
        fixed = np.round((corners - 0.5) * (1 << FRACTION)).astype(np.int32)
        for index in np.flatnonzero(~flat):
            cv2.fillConvexPoly(owner, fixed[index], int(index), shift=FRACTION)
        middle = np.arange(SIZE, dtype=np.float32) + 0.5
        x, y = np.meshgrid(middle, middle)
        own = maps[owner]  # (SIZE, SIZE, 2, 3)
        where = (own[..., 0] * x[..., None] + own[..., 1] * y[..., None] + own[..., 2]) * DETAIL
        return cv2.remap(
            self._texture,
            where[..., 0] - 0.5,
            where[..., 1] - 0.5,
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT,
        ).astype(np.float64)

    def _fill_mouth(self, picture: Floats, shape: LipShape, pose: Pose) -> None:
        reach = self.lips.width
        low, high = self.lips.origin - reach, self.lips.origin + reach
        box = (*np.floor(low).astype(int), *np.ceil(high).astype(int))
        region, positions = _region(picture, box, pose)
        color, cover = mouth.paint(self.lips, shape, self._texture, positions)
        region += (color - region) * cover[..., None]

    def _close_eyes(self, picture: Floats, pose: Pose) -> None:
        for eye in self._eyes:
            region, positions = _region(picture, eye.box, pose)
            color, cover = eye.paint(pose.lids, self._texture, positions)
            region += (color - region) * cover[..., None]


def _region(picture: Floats, box: tuple[int, ...], pose: Pose) -> tuple[Floats, Floats]:
    """The part of the picture in a box, and where its pixels are on the head at rest."""
    x0, y0, x1, y1 = box
    x, y = np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5)
    return picture[y0:y1, x0:x1], _turn_back(np.stack([x, y], axis=-1), pose)


def _inside(polygon: NDArray, point: Floats, margin: float = 0.0) -> bool:
    """Whether the point is more than ``margin`` pixels inside the polygon (P, 2)."""
    place = (float(point[0]), float(point[1]))
    return cv2.pointPolygonTest(polygon.astype(np.float32), place, True) > margin


def _thin_plate(controls: Floats, targets: Floats) -> Floats:
    """(T, C): displacements of the controls to those of the targets."""
    from scipy.interpolate import RBFInterpolator

    spline = RBFInterpolator(controls, np.eye(len(controls)), kernel="thin_plate_spline")
    return spline(targets)


def _rotation(pose: Pose) -> Floats:
    cos, sin = np.cos(pose.turn), np.sin(pose.turn)
    return np.array([[cos, -sin], [sin, cos]]) * pose.scale


def _turn(points: Floats, pose: Pose) -> Floats:
    return (points - PIVOT) @ _rotation(pose).T + PIVOT + pose.shift


def _turn_back(points: Floats, pose: Pose) -> Floats:
    return (points - PIVOT - pose.shift) @ np.linalg.inv(_rotation(pose)).T + PIVOT
