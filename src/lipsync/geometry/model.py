"""A person's shape model, and where the head is in each frame of a video.

    vertices in pixels = scale * (mean + pose features @ pose components + expression @ components)
                         @ rotation.T + translation

The mesh network bends a face a little with the way it is turned: a chin looks longer when the head
nods. ``pose_components`` hold that part, so that it is not mistaken for speech.
"""

from dataclasses import dataclass

import numpy as np

POSE_FEATURES = 3  # pitch, yaw and roll
DEGREES = 10.0  # of an angle whose feature is 1


@dataclass(frozen=True)
class ShapeModel:
    """One person's face without pose, V = 504 vertices with the ring (``topology``).

    Attributes:
        mean: (V, 3) float32 head coordinates
        components: (E, V, 3) float32 displacement for an expression coefficient of 1
        pose_components: (3, V, 3) float32 displacement for a pose feature of 1
        pose_centre: (3,) float32 usual pitch, yaw and roll, degrees
        triangles: (T, 3) int32
    """

    mean: np.ndarray
    components: np.ndarray
    pose_components: np.ndarray
    pose_centre: np.ndarray
    triangles: np.ndarray

    @property
    def n_components(self) -> int:
        """E"""
        return len(self.components)

    def pose_features(self, rotation: np.ndarray) -> np.ndarray:
        """(N, 3) float64 of rotations (N, 3, 3): angles from the usual ones, 1 for 10 degrees."""
        return (angles(rotation) - self.pose_centre) / DEGREES

    def vertices(self, expression: np.ndarray) -> np.ndarray:
        """Head coordinates (N, V, 3) of expressions (N, E) in the usual pose."""
        return self.mean + np.einsum("ne,evk->nvk", expression, self.components)

    def opening(self, expression: np.ndarray) -> np.ndarray:
        """(N,) gap between the inner lips of expressions (N, E), in eye distances."""
        lips = self._points((13, 14), expression)
        return np.linalg.norm(lips[:, 0] - lips[:, 1], axis=-1)

    def width(self, expression: np.ndarray) -> np.ndarray:
        """(N,) distance between the corners of the mouth, in eye distances."""
        corners = self._points((61, 291), expression)
        return np.linalg.norm(corners[:, 0] - corners[:, 1], axis=-1)

    def _points(self, numbers: tuple[int, ...], expression: np.ndarray) -> np.ndarray:
        chosen = list(numbers)
        moved = np.einsum("ne,epk->npk", expression, self.components[:, chosen])
        return self.mean[chosen] + moved


@dataclass(frozen=True)
class Track:
    """Pose and expression in N frames; what is not valid is NaN.

    Attributes:
        scale: (N,) float32 pixels of an eye distance
        rotation: (N, 3, 3) float32
        translation: (N, 3) float32 pixels
        expression: (N, E) float32
        valid: (N,) bool
    """

    scale: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    expression: np.ndarray
    valid: np.ndarray

    def __len__(self) -> int:
        return len(self.valid)

    @property
    def angles(self) -> np.ndarray:
        """(N, 3) pitch, yaw and roll in degrees, as of ``angles``."""
        return angles(self.rotation)

    def mesh(
        self, model: ShapeModel, frame: int, expression: np.ndarray | None = None
    ) -> np.ndarray:
        """Vertices (V, 3) float32: x and y in pixels of the picture, and the depth.

        expression: (E,) in place of the frame's own
        """
        expression = self.expression[frame] if expression is None else expression
        rotation = self.rotation[frame]
        posed = model.pose_features(rotation[None])[0]
        shape = model.mean + np.tensordot(posed, model.pose_components, 1)
        shape = shape + np.tensordot(expression, model.components, 1)
        found = self.scale[frame] * (shape @ rotation.T) + self.translation[frame]
        return found.astype(np.float32)


def angles(rotation: np.ndarray) -> np.ndarray:
    """Pitch, yaw and roll (N, 3) in degrees of rotations (N, 3, 3).

    Of a shape model's head: 0 where the average head looks into the camera. Pitch is positive where
    the nose points down, yaw where it points to the picture's left, roll where the head leans to
    the picture's right.
    """
    pitch = np.arctan2(rotation[:, 2, 1], rotation[:, 2, 2])
    yaw = np.arcsin(np.clip(-rotation[:, 2, 0], -1, 1))
    roll = np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0])
    return np.degrees(np.stack([pitch, yaw, roll], axis=1))
