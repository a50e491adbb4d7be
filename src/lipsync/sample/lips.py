"""The lips as four curves, from corner to corner, for any articulation.

Curves run over s from -1 (left in the picture) to 1: upper lip outside and inside, lower lip
inside and outside. Coordinates are in the frame of the mouth: pixels, origin in the middle between
the corners, x along the line of the corners, y down the face.

The portrait smiles with its teeth showing; the curves of a mouth at rest are made from it: lips
that meet, narrower and less curved. Upper teeth stay with the skull, so what the portrait shows
between its lips is right behind the lips of every articulation.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

S: Floats = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 25))  # dense towards the corners
CURVES = 4  # upper outside, upper inside, lower inside, lower outside

# Mesh points from the left corner to the right
UPPER_OUTSIDE = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
UPPER_INSIDE = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_INSIDE = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
LOWER_OUTSIDE = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)

# Shares of the resting width between the inner corners
REST_WIDTH = 0.85  # of the portrait's smile
REST_HEIGHT = 0.45  # where lips meet, between the smile's upper (0) and lower (1) inside edge
CORNER_RISE = 0.050  # corners above the middle of the resting mouth
TUBERCLE = 0.012  # dip of the upper lip in the middle
OPENING = 0.40  # gap at full opening
OPEN_NARROW = 0.08  # narrower when wide open
UPPER_SHARE = 0.20  # of the gap, made by the upper lip; the rest is the jaw's
CORNER_SHARE = 0.26  # of the gap by which the corners drop
SPREAD = 0.12  # wider when spread
NARROW = 0.40  # narrower when rounded
BITE_RISE = 0.05  # upper lip above the teeth when the lower lip is on them


@dataclass(frozen=True)
class LipShape:
    """The articulators at one instant: see articulation.Articulation."""

    open: float = 0.0
    wide: float = 0.0
    round: float = 0.0
    shut: float = 0.0
    bite: float = 0.0

    @property
    def gap(self) -> float:
        return self.open * (1 - self.shut) * (1 - 0.85 * self.bite)


class Lips:
    """Curves of the portrait's lips and of every other shape that they take."""

    def __init__(self, points: Floats) -> None:
        """From mesh points (468, 2)."""
        right, left = points[78], points[308]  # as the person has them
        along = (left - right) / np.linalg.norm(left - right)
        self.origin: Floats = (right + left) / 2
        self.axes: Floats = np.array([along, [-along[1], along[0]]])  # rows: x, y of the frame
        self.portrait: Floats = np.stack(
            [
                _curve(self.to_frame(points[list(ring)]))
                for ring in (UPPER_OUTSIDE, UPPER_INSIDE, LOWER_INSIDE, LOWER_OUTSIDE)
            ]
        )
        _, upper, lower, _ = self.portrait
        self.width = REST_WIDTH * float(upper[-1, 0] - upper[0, 0])
        middle = len(S) // 2
        self.rest_y = (1 - REST_HEIGHT) * upper[middle, 1] + REST_HEIGHT * lower[middle, 1]
        self._upper_thickness = _thickness(self.portrait[0], upper)
        self._lower_thickness = _thickness(lower, self.portrait[3])
        self._corner = float(
            np.mean(np.abs(self.portrait[0, [0, -1], 0])) - np.mean(np.abs(upper[[0, -1], 0]))
        )

    def to_frame(self, points: Floats) -> Floats:
        """Picture (..., 2) to the frame of the mouth."""
        return (points - self.origin) @ self.axes.T

    def to_picture(self, points: Floats) -> Floats:
        """Frame of the mouth (..., 2) to the picture."""
        return points @ self.axes + self.origin

    def jaw(self, shape: LipShape) -> float:
        """Pixels by which the lower lip is below its rest."""
        return (1 - UPPER_SHARE) * OPENING * self.width * shape.gap

    def curves(self, shape: LipShape) -> Floats:
        """(4, len(S), 2) in the frame of the mouth."""
        unit = self.width
        gap = OPENING * unit * shape.gap
        stretch = 1 + SPREAD * max(shape.wide, 0.0) - NARROW * max(-shape.wide, 0.0)
        stretch *= 1 - OPEN_NARROW * shape.gap
        half = unit * stretch / 2
        arch = (1 - S**2) ** 0.6
        line = self.rest_y + CORNER_SHARE * gap * S**2
        line = line - CORNER_RISE * unit * (1 - 0.6 * shape.round) * S**2
        line = line + TUBERCLE * unit * (np.exp(-((S / 0.22) ** 2)) - 0.4)
        upper = line - (UPPER_SHARE * gap + BITE_RISE * unit * shape.bite) * arch
        lower = line + (1 - UPPER_SHARE) * gap * arch
        pressed = 1 - 0.10 * shape.shut
        fuller = 1 + 0.35 * shape.round - 0.10 * shape.gap
        upper_thickness = 1.35 * pressed * fuller * self._upper_thickness
        lower_thickness = pressed * fuller * (1 - 0.35 * shape.bite) * self._lower_thickness
        inside, outside = half * S, (half + self._corner * stretch) * S
        return np.stack(
            [
                np.column_stack([outside, upper - upper_thickness]),
                np.column_stack([inside, upper]),
                np.column_stack([inside, lower]),
                np.column_stack([outside, lower + lower_thickness]),
            ]
        )


def _curve(ring: Floats) -> Floats:
    """A smooth curve (len(S), 2) through the ring's points (11, 2), its x spread like S."""
    from scipy.interpolate import PchipInterpolator

    x = ring[0, 0] + (S + 1) / 2 * (ring[-1, 0] - ring[0, 0])
    return np.column_stack([x, PchipInterpolator(ring[:, 0], ring[:, 1])(x)])


def _thickness(above: Floats, below: Floats) -> Floats:
    """(len(S),) pixels from one curve down to the other; 0 at the corners."""
    return np.maximum(below[:, 1] - above[:, 1], 0.0) * (1 - np.abs(S) ** 8)
