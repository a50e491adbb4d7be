"""Predicted against filmed expressions, in head coordinates: no picture is looked at.

Openings and widths are those of the shape model, over the eye distance. The head's pose is out of
them, so a nod is no opening.
"""

from dataclasses import dataclass

import numpy as np

from lipsync.evaluation.mouths import correlation, mean_ratio, spread
from lipsync.geometry.model import ShapeModel
from lipsync.motion.targets import CLOSED

LEAST_FRAMES = 5  # closed in truth, or open, that a share can be told of


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

    @property
    def closed(self) -> tuple[np.ndarray, np.ndarray]:
        """(V,) bool: whether a frame's mouth is closed as predicted, and as filmed."""
        return self.opening < self.closed_below, self.real_opening < self.closed_below

    def closures(self) -> tuple[np.ndarray, np.ndarray]:
        """(V,) 1 where a mouth is predicted closed, of those closed in truth; 1 for these.

        NaN throughout where fewer than 5 frames are closed in truth: too few to tell.
        """
        predicted, filmed = self.closed
        return _counted(predicted, filmed)

    def wrong_closures(self) -> tuple[np.ndarray, np.ndarray]:
        """(V,) the same, of those that are open in truth."""
        predicted, filmed = self.closed
        return _counted(predicted, ~filmed)

    def figures(self) -> dict[str, float]:
        """Opening and width, and how often the mouth is closed where it should be, or should not.

        closure is the share of the truly closed frames that are closed, wrong_closure that of the
        truly open ones: a mouth that stays closed has both 1.
        """
        return {
            "opening_r": correlation(self.opening, self.real_opening),
            "width_r": correlation(self.width, self.real_width),
            "spread": spread(self.opening, self.real_opening),
            "mean_ratio": mean_ratio(self.opening, self.real_opening),
            "closure": mean_ratio(*self.closures()),
            "wrong_closure": mean_ratio(*self.wrong_closures()),
        }


def _counted(predicted: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if among.sum() < LEAST_FRAMES:
        nothing = np.full(len(among), np.nan)
        return nothing, nothing
    return (among & predicted).astype(float), among.astype(float)


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
