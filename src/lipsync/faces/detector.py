"""BlazeFace short-range: boxes and eyes of all faces in a picture.

The network looks at 128x128 pixels and finds faces of about a sixth of that or more. So the picture
is first shown whole, and where nothing is found, in overlapping tiles, twice and then four times
enlarged: a face of 5 % of the picture's longer side is still found.

Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs",
https://arxiv.org/abs/1907.05047
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lipsync.faces.models import DETECTOR, Network

INPUT = 128  # pixels of a side
GRIDS = ((16, 2), (8, 6))  # cells of a side, anchors in each cell: 896 anchors in all
ZOOMS = (1, 2, 4)  # the picture's longer side is INPUT x zoom
MIN_SCORE = 0.5
MAX_OVERLAP = 0.3  # intersection over union above which two boxes are the same face


@dataclass(frozen=True)
class Detection:
    """One face: box (4,) x0, y0, x1, y1 and eyes (2, 2), its right one first, in pixels."""

    box: np.ndarray
    eyes: np.ndarray
    score: float


def _anchors() -> np.ndarray:
    """Centres (896, 2) x, y of the anchors, 0..1 of the input's side."""
    layers = []
    for cells, repeats in GRIDS:
        steps = (np.arange(cells) + 0.5) / cells
        x, y = np.meshgrid(steps, steps)
        layers.append(np.stack([x, y], axis=-1).reshape(-1, 2).repeat(repeats, axis=0))
    return np.concatenate(layers).astype(np.float32)


class FaceDetector:
    """All faces of a picture, the most certain first."""

    def __init__(self, models: Path) -> None:
        self._network = Network(models / DETECTOR)
        self._anchors = _anchors()

    def detect(self, rgb: np.ndarray) -> list[Detection]:
        """Faces in ``rgb`` (H, W, 3) uint8 at the first zoom that shows any; [] where none does."""
        for zoom in ZOOMS:
            found = self._detect_at(rgb, zoom)
            if found:
                return found
        return []

    def _detect_at(self, rgb: np.ndarray, zoom: int) -> list[Detection]:
        height, width = rgb.shape[:2]
        scale = INPUT * zoom / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        shrinks = scale < 1
        small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        found = []
        for y in _tile_starts(size[1]):
            for x in _tile_starts(size[0]):
                tile = small[y : y + INPUT, x : x + INPUT]
                found += self._detect_in_tile(tile, np.array([x, y], np.float32), scale)
        return _without_doubles(found)

    def _detect_in_tile(
        self, tile: np.ndarray, origin: np.ndarray, scale: float
    ) -> list[Detection]:
        picture = np.zeros((1, INPUT, INPUT, 3), np.float32)  # black is -1..1's middle
        picture[0, : tile.shape[0], : tile.shape[1]] = tile.astype(np.float32) / 127.5 - 1
        out = self._network(picture)
        logits = out["classificators"][0, :, 0]  # (896,)
        scores = 1 / (1 + np.exp(-np.maximum(logits, -80)))
        keep = np.flatnonzero(scores >= MIN_SCORE)
        raw = out["regressors"][0, keep].reshape(-1, 8, 2)  # centre, size, six key points
        centres = self._anchors[keep]
        found = []
        for (middle, size, *points), anchor, score in zip(raw, centres, scores[keep], strict=True):
            middle = middle / INPUT + anchor
            corners = np.stack([middle - size / INPUT / 2, middle + size / INPUT / 2])
            eyes = np.stack(points[:2]) / INPUT + anchor
            found.append(
                Detection(
                    box=((corners * INPUT + origin) / scale).reshape(4),
                    eyes=(eyes * INPUT + origin) / scale,
                    score=float(score),
                )
            )
        return found


def _tile_starts(length: int) -> list[int]:
    """Where tiles of INPUT pixels begin so that they cover ``length`` and overlap by half or so."""
    if length <= INPUT:
        return [0]
    count = -(-(length - INPUT) // (INPUT // 2)) + 1
    return [round(start) for start in np.linspace(0, length - INPUT, count)]


def _without_doubles(found: list[Detection]) -> list[Detection]:
    kept: list[Detection] = []
    for face in sorted(found, key=lambda face: -face.score):
        if all(overlap(face.box, other.box) < MAX_OVERLAP for other in kept):
            kept.append(face)
    return kept


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes (4,) x0, y0, x1, y1."""
    inner = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    if np.any(inner <= 0):
        return 0.0
    shared = float(np.prod(inner))
    return shared / (float(np.prod(a[2:] - a[:2])) + float(np.prod(b[2:] - b[:2])) - shared)
