"""Which exemplars a frame is made of, decided frame by frame and looking back only.

A texture stays with its exemplar as long as that fits about as well as the best one does: every
change shows as a flicker. When it changes, the old face fades out over a few frames; the mouth
changes at once. So live rendering and rendering a file choose alike.
"""

from dataclasses import dataclass

import numpy as np

from lipsync.geometry.model import ShapeModel
from lipsync.retrieval.exemplars import FACE_KEY, MOUTH_KEY, Exemplars, key
from lipsync.retrieval.target import Target

Weighted = tuple[tuple[int, float], ...]  # (number of an exemplar, weight); weights add up to 1

BLEND = 6  # exemplars in the blend
MOUTH_STAY, FACE_STAY = 0.5, 2.0  # squared distance by which another one must be nearer
STAY_SHARE = 0.5  # and this share of the nearest one's distance
MOUTH_FADE, FACE_FADE = 1, 4  # frames of a fade; a mouth that fades is one that opens late


@dataclass(frozen=True)
class Choice:
    """Exemplars of one frame, with weights."""

    face: Weighted
    mouth: Weighted
    blend: Weighted


class Selector:
    """Chooses for one frame after the other of a shot; make a new one for each shot."""

    def __init__(self, exemplars: Exemplars, model: ShapeModel) -> None:
        of_exemplars = (model, exemplars.expression, exemplars.angles, exemplars.light)
        self._mouth_keys = key(MOUTH_KEY, *of_exemplars)
        self._face_keys = key(FACE_KEY, *of_exemplars)
        self._model = model
        self._mouth = _Stay(MOUTH_STAY, MOUTH_FADE)
        self._face = _Stay(FACE_STAY, FACE_FADE)

    def choose(self, target: Target, barred: np.ndarray | None = None) -> Choice:
        """Exemplars of the next frame; of those ``barred`` (M,) bool none."""
        face, mouth = self.distances(target)
        if barred is not None:
            face, mouth = (np.where(barred, np.inf, each) for each in (face, mouth))
        return Choice(self._face.step(face), self._mouth.step(mouth), nearest(face, BLEND))

    def distances(self, target: Target) -> tuple[np.ndarray, np.ndarray]:
        """Squared distances (M,) of all exemplars, by the face's key and by the mouth's."""
        wanted = (self._model, target.expression[None], target.angles[None], target.light[None])
        return (
            np.square(self._face_keys - key(FACE_KEY, *wanted)).sum(1),
            np.square(self._mouth_keys - key(MOUTH_KEY, *wanted)).sum(1),
        )


class _Stay:
    """Stays with an exemplar until another one is nearer for certain, then fades to it."""

    def __init__(self, stay: float, fade: int) -> None:
        self._stay, self._fade = stay, fade
        self._now = self._before = -1
        self._age = fade

    def step(self, distance: np.ndarray) -> Weighted:
        best = int(distance.argmin())
        if self._now < 0:
            self._now = best
        elif not np.isfinite(distance[self._now]):  # barred now
            self._now, self._age = best, self._fade
        elif self._age >= self._fade:
            gain = distance[self._now] - distance[best]
            if gain > self._stay + STAY_SHARE * distance[best]:
                self._before, self._now, self._age = self._now, best, 0
        self._age += 1
        share = min(1.0, self._age / self._fade)
        if share >= 1 or not np.isfinite(distance[self._before]):
            return ((self._now, 1.0),)
        return ((self._now, share), (self._before, 1 - share))


def nearest(distance: np.ndarray, count: int) -> Weighted:
    """The nearest exemplars, with weights that fall to 0 where one enters or leaves."""
    order = np.argsort(distance, kind="stable")[: count + 1]
    order = order[np.isfinite(distance[order])]  # those that are barred are infinitely far
    near = distance[order]
    weights = np.exp(near[0] - near)
    if len(order) > count:
        weights = np.maximum(weights[:-1] - weights[-1], 0) + 1e-6
    weights = weights / weights.sum()
    return tuple((int(k), float(w)) for k, w in zip(order, weights, strict=False) if w > 0)
