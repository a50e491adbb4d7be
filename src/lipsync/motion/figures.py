"""Figures of predicted expressions against real ones."""

import numpy as np

from lipsync.geometry.model import ShapeModel


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's r of two rows of numbers; 0 where one of them never varies."""
    if len(first) < 2 or first.std() < 1e-12 or second.std() < 1e-12:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def held_out_figures(
    shape: ShapeModel, predicted: np.ndarray, real: np.ndarray, closed_below: float
) -> dict[str, float]:
    """How well expressions (B, E) are predicted.

    Args:
        closed_below: opening below which lips count as closed
    Returns:
        opening_r, width_r: Pearson's r; opening_spread: of the predicted over that of the real;
        closure: share of the truly closed frames that are predicted closed
    """
    opening, true = shape.opening(predicted), shape.opening(real)
    closed = true < closed_below
    return {
        "opening_r": correlation(opening, true),
        "width_r": correlation(shape.width(predicted), shape.width(real)),
        "opening_spread": float(opening.std() / max(true.std(), 1e-9)),
        "closure": float((opening[closed] < closed_below).mean()) if closed.any() else 1.0,
    }
