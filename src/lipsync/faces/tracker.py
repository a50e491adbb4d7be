"""The main face of a video, 468 points a frame.

Each face is followed by the mesh alone, from its points in the frame before; the detector runs when
none is followed and every ``LOOK_EVERY`` frames, to find faces that came in. A face that was lost
and is found again nearby, at a similar size, is the same one. Of all faces the main one is the one
with the greatest size summed over its frames: the largest steady one. Points are not smoothed over
time: what the mesh says of a frame, the mean of a few readings, is what is kept.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lipsync.faces.detector import FaceDetector
from lipsync.faces.landmarks import POINTS, eye_distance
from lipsync.faces.mesh import FaceMesh, Region
from lipsync.faces.params import LandmarksParams

LOOK_EVERY = 10  # frames between two looks for further faces
SAME_PLACE = 0.5  # of the eye distance: two faces closer than this are one
NEARBY = 4.0  # of the eye distance: a lost face is found again within this
SIMILAR = 2.0  # factor in size up to which faces are comparable


@dataclass(frozen=True)
class TrackedFace:
    """Points (468, 3) float32 pixels, face score 0..1, comparable faces in sight (1 or more)."""

    points: np.ndarray
    score: float
    faces: int


@dataclass(frozen=True)
class Landmarks:
    """The main face of N frames.

    points (N, 468, 3) float32 pixels, x, y and the depth of ``FaceMesh.points``, NaN where invalid;
    valid (N,) bool; score (N,) float32 0..1, 0 where points were interpolated or are invalid;
    faces (N,) int32 comparable faces in sight.
    """

    points: np.ndarray
    valid: np.ndarray
    score: np.ndarray
    faces: np.ndarray


@dataclass(eq=False)
class _Track:
    """One face over time."""

    sightings: dict[int, TrackedFace] = field(default_factory=dict)  # by frame; faces not counted
    weight: float = 0.0  # sum of sizes, pixels
    size: float = 0.0  # eye distance when last seen, pixels
    centre: np.ndarray = field(default_factory=lambda: np.zeros(2))  # when last seen, pixels
    last: int = -1  # frame when last seen

    def see(self, frame: int, points: np.ndarray, score: float) -> None:
        self.sightings[frame] = TrackedFace(points, score, faces=1)
        self.size = float(eye_distance(points[None])[0])
        self.centre = points[:, :2].mean(axis=0)
        self.weight += self.size
        self.last = frame

    def distance(self, points: np.ndarray) -> float:
        """From where the face was last seen, in eye distances."""
        return float(np.linalg.norm(points[:, :2].mean(axis=0) - self.centre)) / self.size


class FaceTracker:
    """Follows the faces of one video from picture to picture; make a new one for each video."""

    def __init__(self, models: Path, params: LandmarksParams) -> None:
        self._detector = FaceDetector(models)
        self._mesh = FaceMesh(models)
        self._params = params
        self._tracks: list[_Track] = []
        self._frame = -1

    def process(self, rgb: np.ndarray) -> TrackedFace | None:
        """The main face so far in the next picture (H, W, 3) uint8; None where it is not seen."""
        live = self._follow(rgb)
        main = self._main()
        if main is None or main not in live:
            return None
        seen = main.sightings[self._frame]
        return TrackedFace(seen.points, seen.score, _comparable(main, [t.size for t in live]))

    def track(self, frames: Iterable[np.ndarray]) -> Landmarks:
        """Landmarks of the main face of ``frames``, each (H, W, 3) uint8.

        Gaps of at most ``landmarks.max_gap`` frames between two sightings are filled by straight
        lines; longer ones, and what is before the first or after the last sighting, are invalid.
        """
        sizes = [[track.size for track in self._follow(rgb)] for rgb in frames]
        points = np.full((len(sizes), POINTS, 3), np.nan, np.float32)
        score = np.zeros(len(sizes), np.float32)
        faces = np.zeros(len(sizes), np.int32)
        main = self._main()
        if main is not None:
            for frame, seen in main.sightings.items():
                points[frame], score[frame] = seen.points, seen.score
            faces[:] = [_comparable(main, seen) for seen in sizes]
        filled = fill_gaps(points, self._params.max_gap)
        return Landmarks(filled, np.isfinite(filled).all(axis=(1, 2)), score, faces)

    def _main(self) -> _Track | None:
        return max(self._tracks, key=lambda track: track.weight, default=None)

    def _follow(self, rgb: np.ndarray) -> list[_Track]:
        """Advance by one picture; the faces seen in it."""
        self._frame += 1
        live: list[_Track] = []
        before = [track for track in self._tracks if track.last == self._frame - 1]
        for track in sorted(before, key=lambda track: -track.weight):
            last = track.sightings[track.last].points
            self._measure(rgb, Region.of_points(last), track, live)
        if not live or self._frame % LOOK_EVERY == 0:
            for face in self._detector.detect(rgb):
                points, score = self._mesh.points(rgb, Region.of_detection(face))
                if score >= self._params.min_score:
                    self._measure(rgb, Region.of_points(points), None, live)
        return live

    def _measure(
        self, rgb: np.ndarray, region: Region, track: _Track | None, live: list[_Track]
    ) -> None:
        """Fit the mesh in ``region``; a face that is there and not in ``live`` yet joins it."""
        points, score = self._mesh.steady_points(rgb, region)
        if score < self._params.min_score:
            return
        if any(other.distance(points) < SAME_PLACE for other in live):
            return
        track = track or self._lost_track(points, live)
        track.see(self._frame, points, score)
        live.append(track)

    def _lost_track(self, points: np.ndarray, live: list[_Track]) -> _Track:
        """The nearest lost face that ``points`` may be, else a new one."""
        size = float(eye_distance(points[None])[0])
        candidates = [
            track
            for track in self._tracks
            if track not in live
            and track.distance(points) < NEARBY
            and 1 / SIMILAR < size / track.size < SIMILAR
        ]
        if candidates:
            return min(candidates, key=lambda track: track.distance(points))
        self._tracks.append(_Track())
        return self._tracks[-1]


def _comparable(main: _Track, sizes: list[float]) -> int:
    """How many of the faces in sight are large enough to be taken for the main one."""
    return sum(size * SIMILAR > main.size for size in sizes)


def fill_gaps(points: np.ndarray, max_gap: int) -> np.ndarray:
    """Points (N, 468, 3), NaN where unknown, with inner gaps of at most ``max_gap`` frames filled.

    Filled frames lie on the straight line between their neighbours.
    """
    filled = points.copy()
    known = np.flatnonzero(np.isfinite(points).all(axis=(1, 2)))
    for before, after in itertools.pairwise(known):
        gap = after - before - 1
        if 0 < gap <= max_gap:
            share = (np.arange(1, gap + 1, dtype=np.float32) / (gap + 1))[:, None, None]
            filled[before + 1 : after] = points[before] * (1 - share) + points[after] * share
    return filled
