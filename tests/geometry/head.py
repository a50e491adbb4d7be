"""A head of made-up proportions that opens and widens its mouth while it turns."""

import numpy as np

from lipsync.faces.canonical import HEAD, INDICES
from lipsync.faces.landmarks import (
    LEFT_EYE_OUTER,
    LIPS_INNER,
    LIPS_OUTER,
    POINTS,
    RIGHT_EYE_OUTER,
)
from lipsync.geometry.topology import NOSE_BASE, OUTLINE

EYES = float(HEAD[INDICES.index(LEFT_EYE_OUTER), 0] - HEAD[INDICES.index(RIGHT_EYE_OUTER), 0])
MOUTH = np.array([0.0, 0.45, -0.6])  # eye distances; y down, z away from the camera
LOWER = (95, 88, 178, 87, 14, 317, 402, 318, 324)  # inner edge of the lower lip


def shape() -> np.ndarray:
    """(468, 3) in eye distances, looking into the camera: x to the right, y down, z away."""
    draw = np.random.default_rng(3)
    points = draw.uniform((-0.75, -0.8, 0), (0.75, 0.9, 0), (POINTS, 3))
    angle = np.linspace(0, 2 * np.pi, len(OUTLINE), endpoint=False)
    points[list(OUTLINE), 0], points[list(OUTLINE), 1] = 0.85 * np.sin(angle), -np.cos(angle)
    points[:, 2] = 0.3 * np.square(points[:, :2]).sum(1) - 0.5 + draw.normal(0, 0.02, POINTS)
    for ring, wide, high in ((LIPS_OUTER, 0.3, 0.12), (LIPS_INNER, 0.22, 0.03)):
        angle = np.linspace(np.pi, -np.pi, len(ring), endpoint=False)  # lower edge first
        flat = np.stack([wide * np.cos(angle), high * np.sin(angle), 0 * angle], axis=1)
        points[list(ring)] = MOUTH + flat
    points[NOSE_BASE] = (0, 0.2, -0.75)
    points[list(INDICES)] = HEAD * (1, -1, -1) / EYES
    return points


def speak(coefficients: np.ndarray) -> np.ndarray:
    """Shapes (N, 468, 3) whose mouths open and widen by coefficients (N, 2), eye distances."""
    still = shape()
    below = still[:, 1] > 0.25
    lower = below & (still[:, 1] > MOUTH[1])
    near = np.exp(-np.square((still - MOUTH) / 0.4)[:, :2].sum(1))
    opened, widened = np.zeros((2, POINTS, 3))
    opened[lower, 1] = near[lower]
    widened[below, 0] = (still[:, 0] * near)[below]
    return still + np.einsum("ne,evk->nvk", coefficients, np.stack([opened, widened]))


def turn(pitch: np.ndarray, yaw: np.ndarray, roll: np.ndarray) -> np.ndarray:
    """Rotations (N, 3, 3) of angles (N,) in degrees, with the signs of ``model.angles``."""
    p, y, r = np.radians([pitch, yaw, roll])
    one, nil = np.ones_like(p), np.zeros_like(p)
    x_axis = [[one, nil, nil], [nil, np.cos(p), -np.sin(p)], [nil, np.sin(p), np.cos(p)]]
    y_axis = [[np.cos(y), nil, np.sin(y)], [nil, one, nil], [-np.sin(y), nil, np.cos(y)]]
    z_axis = [[np.cos(r), -np.sin(r), nil], [np.sin(r), np.cos(r), nil], [nil, nil, one]]
    about = [np.moveaxis(np.array(axis), -1, 0) for axis in (z_axis, y_axis, x_axis)]
    return about[0] @ about[1] @ about[2]


def film(
    shapes: np.ndarray, rotation: np.ndarray, scale: np.ndarray, middle: np.ndarray
) -> np.ndarray:
    """Points (N, 468, 3) float32 pixels: shapes turned (N, 3, 3), scaled (N,), moved (N, 3)."""
    turned = np.einsum("nvk,njk->nvj", shapes, rotation)
    return (scale[:, None, None] * turned + middle[:, None]).astype(np.float32)


def recording(frames: int, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 468, 3) of a head that speaks and turns, and its pitch, yaw and roll (N, 3).

    The angles swing slowly by so many degrees, the lips fast, and neither follows the other.
    """
    time = np.arange(frames) / 25
    opening = 0.06 * (1 + np.sin(2 * np.pi * 2.7 * time + 1)) * (1 + 0.5 * np.sin(2.1 * time))
    width = 0.15 * np.sin(2 * np.pi * 1.9 * time)
    swings = [np.sin(2 * np.pi * hertz * time) for hertz in (0.31, 0.23, 0.17)]
    turned = degrees * np.stack(swings, axis=1) * (1, 1, 0.3)
    scale = 120 + 15 * np.sin(0.7 * time)
    middle = np.stack([400 + 80 * np.sin(0.5 * time), 300 + 20 * time, 0 * time], axis=1)
    points = film(speak(np.stack([opening, width], axis=1)), turn(*turned.T), scale, middle)
    return points, turned
