"""Predicted against filmed expressions, in head coordinates: no picture is looked at.

Openings and widths are those of the shape model, over the eye distance. The head's pose is out of
them, so a nod is no opening.
"""

from dataclasses import dataclass

import numpy as np

from lipsync.evaluation.mouths import correlation, mean_ratio, spread
from lipsync.geometry.model import ShapeModel
from lipsync.motion.targets import CLOSED


@dataclass(frozen=True)
class Expressions:
    """Mouths of V held-out frames with a face.

    Attributes:
        opening, real_opening: (V,) predicted and filmed gap between the inner lips
        width, real_width: (V,) distance of the corners of the mouth
        closed_below: opening below which a mouth is closed
    """

    opening: np.ndarray
    real_opening: np.ndarray
    width: np.ndarray
    real_width: np.ndarray
    closed_below: float

    def closures(self) -> tuple[np.ndarray, np.ndarray]:
        """(V,) float 0 or 1: frames closed in truth that are predicted closed; closed in truth."""
        closed = self.real_opening < self.closed_below
        predicted = self.opening < self.closed_below
        return (closed & predicted).astype(float), closed.astype(float)

    def figures(self) -> dict[str, float]:
        """Opening and width; closure is the share of the truly closed frames that are closed."""
        return {
            "opening_r": correlation(self.opening, self.real_opening),
            "width_r": correlation(self.width, self.real_width),
            "spread": spread(self.opening, self.real_opening),
            "mean_ratio": mean_ratio(self.opening, self.real_opening),
            "closure": mean_ratio(*self.closures()),
        }


def compare_expressions(
    model: ShapeModel, predicted: np.ndarray, filmed: np.ndarray, training: np.ndarray
) -> Expressions:
    """Expressions predicted and filmed (V, E); those of the training part (T, E).

    A mouth is closed where it is less open than in the 20 % of the training frames that are the
    least open, as ``motion`` learns it.
    """
    return Expressions(
        opening=model.opening(predicted),
        real_opening=model.opening(filmed),
        width=model.width(predicted),
        real_width=model.width(filmed),
        closed_below=float(np.quantile(model.opening(training), CLOSED)),
    )
