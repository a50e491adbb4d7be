"""Frames in which something covers the mouth: a hand, a microphone, a cup.

The face of a frame is sampled at the mesh's vertices around mouth and chin, in the light of the
skin above the lower lids. What these colours can be is learned from the video itself: their mean
and a few principal components, without the frames that are farthest from the median; of a shot that
looks otherwise than the rest (another light, another angle), from its own median. A frame in which
many vertices are far from what the components can say is covered: its face is shown as it was
filmed, and it is no exemplar.
"""

import cv2
import numpy as np

from lipsync.faces.landmarks import POINTS
from lipsync.geometry.model import ShapeModel
from lipsync.geometry.topology import blend_weights

COMPONENTS = 8
WORST = 0.25  # share of the frames, farthest from the median, that is not learned from
LEVELS = 25.0  # 8-bit levels by which a covered vertex differs at least
SHARE = 0.1  # of the vertices that have to differ
OWN = 25  # frames of a shot from which on it may have a median of its own
MOST = 2000  # frames that components are learned from, evenly spread
WIDENED = 0.08  # seconds by which a covered passage is widened at either end
BLUR = 1 / 40  # of the crop's side: sigma of the Gaussian before sampling


def mouth_vertices(model: ShapeModel) -> np.ndarray:
    """(P,) numbers of the vertices around mouth and chin at which colours are sampled."""
    return np.flatnonzero(blend_weights(model.mean)[:POINTS, 1] > 0.5)


def sample_colours(crop: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Colours (P, 3) float32 of a crop (S, S, 3) uint8 at places (P, 3), shares of its side."""
    size = len(crop)
    smooth = cv2.GaussianBlur(crop, (0, 0), BLUR * size)
    x, y = np.clip((places[:, :2] * size).astype(int), 0, size - 1).T
    return smooth[y, x].astype(np.float32)


def find_covered(colours: np.ndarray, light: np.ndarray, shots: np.ndarray) -> np.ndarray:
    """(T,) bool: in which of T frames with a face something covers the mouth.

    Args:
        colours: (T, P, 3) as of ``sample_colours``
        light: (T, 3) as of ``measure_light``
        shots: (T,) ascending numbers of the shots that the frames lie in
    """
    if len(colours) <= 2 * COMPONENTS:
        return np.zeros(len(colours), bool)
    light = light[:, None]  # (T, 1, 3)
    colours = colours * np.median(light, axis=0) / np.maximum(light, 1)
    flat = colours.reshape(len(colours), -1)
    few = np.linspace(0, len(flat) - 1, min(MOST, len(flat))).round().astype(int)
    # Components are led by what is largest: frames far from the median are left out of them.
    usual = np.concatenate(
        [
            few[group][_near_median(colours[few[group]])]
            for group in _looks(colours[few], shots[few])
        ]
    )
    off = _rest(flat, flat[np.sort(usual)]).reshape(colours.shape)
    return _largest(np.abs(off).max(2)) > LEVELS


def _looks(colours: np.ndarray, shots: np.ndarray) -> list[np.ndarray]:
    """Places (n,) of frames that look alike: of each shot unlike the whole, and of all others.

    colours: (L, P, 3); shots: (L,)
    """
    middle, rest, groups = np.median(colours, axis=0), np.ones(len(shots), bool), []
    for shot in np.unique(shots):
        own = shots == shot
        if OWN <= own.sum() < len(shots):
            away = np.abs(np.median(colours[own], axis=0) - middle).max(1)
            if _largest(away[None])[0] > LEVELS:
                groups.append(np.flatnonzero(own))
                rest &= ~own
    return [*groups, np.flatnonzero(rest)] if rest.any() else groups


def _near_median(colours: np.ndarray) -> np.ndarray:
    """(L,) bool: the frames (L, P, 3) that are not the farthest from their median."""
    score = _largest(np.abs(colours - np.median(colours, axis=0)).max(2))
    return score <= np.quantile(score, 1 - WORST)


def whole_passages(covered: np.ndarray, fps: float) -> np.ndarray:
    """Covered frames (N,) bool with short gaps between them closed and both ends widened.

    A hand at the edge of what is found would else let the film and the new face alternate; and it
    blurs the frames before it is found.
    """
    found = covered.copy()
    for reach in range(1, max(1, round(WIDENED * fps)) + 1):
        found[reach:] |= covered[:-reach]
        found[:-reach] |= covered[reach:]
    return found


def _largest(off: np.ndarray) -> np.ndarray:
    """Of deviations (T, P) those that a share of ``SHARE`` of the vertices exceeds: (T,)."""
    return np.quantile(off, 1 - SHARE, axis=1)


def _rest(flat: np.ndarray, learned: np.ndarray) -> np.ndarray:
    """What a mean and the principal components of ``learned`` (L, D) leave of ``flat`` (T, D)."""
    mean = learned.mean(0)
    centred = learned - mean
    _, vectors = np.linalg.eigh(centred @ centred.T)
    basis = vectors[:, -COMPONENTS:].T @ centred
    basis /= np.linalg.norm(basis, axis=1, keepdims=True).clip(1e-6)
    away = flat - mean
    return away - away @ basis.T @ basis
