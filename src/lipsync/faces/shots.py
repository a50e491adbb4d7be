"""Shots: where a picture is cut, seen while the pictures come.

The change from a picture to the next is the mean difference of their colours, made small and
smoothed. A moving person changes some pictures in a row; at a cut one change stands alone. So a
change is a cut where it exceeds ``RATIO`` times the second largest of those around it: the largest
may be another cut. Measured on 25 clips of real people: within takes
the ratio is 2.8 at most, at 79 joints of one speaker who sits still 5.0 at least.

A short while that is unlike both sides, which are alike (a camera's flash, some black or broken
pictures), interrupts a shot: the shot goes on after it.

A fade or dissolve changes slowly and is no cut; what it does to the face, ``tracker`` notices.
"""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Literal

import cv2
import numpy as np

SIDE = 64  # pixels of a small picture's longer side
BLUR = 1.0  # of its pixels: sigma of the Gaussian
REACH = 6  # changes on either side that one is compared with
RATIO = 4.0
NOISE = 0.3  # 8-bit levels that a still picture changes by
LEAST = 2.0  # 8-bit levels that a cut changes the picture by
INTERRUPTION = 12  # pictures that one lasts at most

LEAST_SHOWN = 0.5  # share of a shot's frames with the face from which on it shows the person

Mark = Literal["same", "new", "back"]
"""What shot a picture is of: that of the picture before; a new one; or that before the new one"""


def mark_shots(pictures: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, Mark]]:
    """Each picture (H, W, 3) uint8 RGB, and what shot it is of.

    The first one is the "same". Keeps ``REACH`` pictures in memory, twice as many at the start.
    """
    waiting: deque[np.ndarray] = deque()
    marker = _Marker()
    for picture in pictures:
        waiting.append(picture)
        marker.see(picture)
        while len(waiting) > REACH and marker.seen > 2 * REACH:
            yield waiting.popleft(), marker.next()
    while waiting:
        yield waiting.popleft(), marker.next()


class _Marker:
    """Small pictures, of which those that are needed no more are dropped."""

    def __init__(self) -> None:
        self._small: dict[int, np.ndarray] = {}
        self.seen = self._asked = 0
        self._left: tuple[int, np.ndarray, float] | None = None  # the last cut, what was before it

    def see(self, picture: np.ndarray) -> None:
        scale = min(1.0, SIDE / max(picture.shape[:2]))
        size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        self._small[self.seen] = cv2.GaussianBlur(small, (0, 0), BLUR).astype(np.int16)
        self.seen += 1

    def next(self) -> Mark:
        """Of the next picture."""
        frame = self._asked
        self._asked += 1
        self._small.pop(frame - 2 * REACH - 2, None)
        change = self._change(frame)
        if change < LEAST or change <= RATIO * (self._around(frame) + NOISE):
            return "same"
        if self._left is not None:
            cut, before, then = self._left
            back = np.abs(self._small[frame] - before).mean()
            if frame - cut <= INTERRUPTION and back * RATIO < min(change, then):
                self._left = None
                return "back"
        self._left = (frame, self._small[frame - 1], change)
        return "new"

    def _change(self, frame: int) -> float:
        """To a picture from the one before; 0 where one of them is not there."""
        if frame - 1 not in self._small or frame not in self._small:
            return 0.0
        return float(np.abs(self._small[frame] - self._small[frame - 1]).mean())

    def _around(self, frame: int) -> float:
        """The second largest of the changes around that to a picture: as many on either side.

        Near the ends of the video more of the other side.
        """
        others = [other for other in self._small if other != frame and other - 1 in self._small]
        near = sorted(others, key=lambda other: abs(other - frame))[: 2 * REACH]
        return sorted([0.0, 0.0, *(self._change(other) for other in near)])[-2]


def shot_numbers(frames: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Which shot each of the frames (K,) lies in: (K,) int64, 0 for the first.

    cuts: (C,) ascending frame numbers at which a shot begins, without 0
    """
    return np.searchsorted(cuts, frames, side="right")


def shot_ranges(cuts: np.ndarray, frames: int) -> list[tuple[int, int]]:
    """First frame of each shot of a video of ``frames``, and the frame after its last."""
    edges = [0, *np.asarray(cuts, int).tolist(), frames]
    return list(itertools.pairwise(edges))


def shots_with_face(seen: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """(N,) bool: frames of shots that show the face (N,) half of the time: no cards, nobody else.

    All frames, where no shot does.
    """
    found = np.zeros(len(seen), bool)
    for start, end in shot_ranges(cuts, len(seen)):
        found[start:end] = seen[start:end].mean() >= LEAST_SHOWN
    return found if found.any() else ~found
