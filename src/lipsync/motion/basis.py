"""One basis of expressions for all people: what a base of motion predicts.

Every person's shape model has components of its own, but all displace the same mesh, in head
coordinates and in eye distances. So the displacements of many people have principal components
that stand for everybody's. Coefficients are counted from a person's mean expression and in units of
that person's amplitude: how widely somebody opens the mouth is a habit that no speech tells.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lipsync.faces.landmarks import LIPS, POINTS
from lipsync.geometry.model import ShapeModel
from lipsync.geometry.topology import LIP_WEIGHT
from lipsync.motion.opening import gap_weights

MOST_FRAMES = 300  # of a person, evenly spread; who has so many counts fully
LEAST_AMPLITUDE = 1e-4  # of a face that rests


@dataclass(frozen=True)
class Basis:
    """B components of expressions.

    Attributes:
        components: (B, 468, 3) float32, displacement for a coefficient of 1; orthonormal where lips
            count ``LIP_WEIGHT`` times
    """

    components: np.ndarray

    @property
    def gap_weights(self) -> np.ndarray:
        """(B,) float64: what a coefficient adds to the gap between the inner lips."""
        return gap_weights(self.components)

    def coefficients(self, model: ShapeModel) -> np.ndarray:
        """(E, B) float64 matrix that takes a person's expressions to those of the basis."""
        return _flat(model.components[:, :POINTS]) @ _flat(self.components).T

    def expressions(self, model: ShapeModel) -> np.ndarray:
        """(B, E) float64 matrix that takes them back, by least squares."""
        own = _flat(model.components[:, :POINTS])
        return _flat(self.components) @ np.linalg.pinv(own)

    def shape(self, model: ShapeModel, amplitude: float) -> ShapeModel:
        """The person's shape model in the components of the basis, for unit coefficients."""
        components = np.zeros((len(self.components), *model.mean.shape), np.float32)
        components[:, :POINTS] = amplitude * self.components
        return ShapeModel(
            model.mean, components, model.pose_components, model.pose_centre, model.triangles
        )


def amplitude(coefficients: np.ndarray) -> float:
    """Root mean square of coefficients (T, B) around their mean."""
    away = coefficients - coefficients.mean(0)
    return max(float(np.sqrt(np.square(away).sum(1).mean())), LEAST_AMPLITUDE)


def fit_basis(people: Sequence[tuple[ShapeModel, np.ndarray]], count: int) -> Basis:
    """Principal components of the displacements of several people, who count alike.

    people: shape models and expressions (T, E) of the frames that may be learned from
    """
    rows = []
    for model, expressions in people:
        few = np.linspace(0, len(expressions) - 1, min(MOST_FRAMES, len(expressions)))
        moved = expressions[few.round().astype(int)] @ _flat(model.components[:, :POINTS])
        moved = moved - moved.mean(0)
        scale = max(np.sqrt(np.square(moved).sum(1).mean()), LEAST_AMPLITUDE)
        rows.append(moved / scale / np.sqrt(MOST_FRAMES))
    _, _, directions = np.linalg.svd(np.concatenate(rows), full_matrices=False)
    directions = directions[:count]
    largest = np.abs(directions).argmax(axis=1)  # the same rows give the same signs
    directions = directions * np.sign(directions[np.arange(len(directions)), largest])[:, None]
    return Basis((directions / _metric()).reshape(-1, POINTS, 3).astype(np.float32))


def _flat(components: np.ndarray) -> np.ndarray:
    """(K, 468, 3) -> (K, 1404) float64, lips weighted."""
    return components.reshape(len(components), -1).astype(np.float64) * _metric()


def _metric() -> np.ndarray:
    """(1404,) what a coordinate counts."""
    metric = np.ones(POINTS)
    metric[list(LIPS)] = LIP_WEIGHT
    return np.repeat(metric, 3)
