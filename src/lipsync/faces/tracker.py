"""The main person's face in a video, 468 points a frame.

Each face is followed by the mesh alone, from its points in the frame before; the detector runs when
none is followed and every ``LOOK_EVERY`` frames, to find faces that came in. A face that was lost
and is found again nearby, at a similar size, continues its track. A track ends at a cut
(``shots``), for nothing tells where the face is then.

Tracks that are never seen together and look alike (``likeness``, or a face-recognition network) are
one person: after a cut, a zoom, another angle, or when somebody comes back elsewhere. Of all people
the main one is the one with the greatest size summed over the frames. Points are not smoothed over
time: what the mesh says of a frame, the mean of a few readings, is what is kept. Whoever smooths
them does so within shots: these end where the picture is cut, or where another track of the person
begins.
"""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from lipsync.faces.detector import FaceDetector
from lipsync.faces.landmarks import POINTS, eye_distance
from lipsync.faces.likeness import Portrait, surface_colours
from lipsync.faces.mesh import FaceMesh, Region
from lipsync.faces.params import LandmarksParams
from lipsync.faces.recognition import SAME_PERSON, FaceRecognition, align, unit
from lipsync.faces.shots import Mark, mark_shots, shot_numbers

LOOK_EVERY = 10  # frames between two looks for further faces
SAME_PLACE = 0.5  # of the eye distance: two faces closer than this are one
NEARBY = 4.0  # of the eye distance: a lost face is found again within this
QUICK = 1.0  # eye distances that a face moves in a frame at most; farther away it is another track
SIMILAR = 2.0  # factor in size up to which faces are comparable
EMBEDDED = 8  # faces of a track that a face-recognition network looks at, at most
BRIEF = 3  # sightings; a track of fewer says too little of a person to be joined to another


@dataclass(frozen=True)
class TrackedFace:
    """Points (468, 3) float32 pixels, face score 0..1, comparable faces in sight (1 or more)."""

    points: np.ndarray
    score: float
    faces: int


@dataclass(frozen=True)
class Landmarks:
    """The main person's face in N frames.

    Attributes:
        points: (N, 468, 3) float32 pixels, x, y and the depth of ``FaceMesh.points``, NaN where
            invalid
        valid: (N,) bool
        score: (N,) float32 0..1, 0 where points were interpolated or are invalid
        faces: (N,) int32 comparable faces in sight
        cuts: (C,) int64 ascending, frames at which a shot begins, 0 not among them
        colours: (N, 468, 3) uint8 of the picture at the points; 0 where score is 0
    """

    points: np.ndarray
    valid: np.ndarray
    score: np.ndarray
    faces: np.ndarray
    cuts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    colours: np.ndarray | None = None

    @property
    def others(self) -> np.ndarray:
        """(N,) bool: the main person is not seen, somebody else is."""
        return (self.score == 0) & (self.faces > 0)


@dataclass(eq=False)
class _Track:
    """One face over time, within a shot."""

    shot: int = 0
    picture: tuple[int, int] = (0, 0)  # its width and height, pixels
    sightings: dict[int, TrackedFace] = field(default_factory=dict)  # by frame; faces not counted
    colours: dict[int, np.ndarray] = field(default_factory=dict)  # of the same frames
    aligned: list[np.ndarray] = field(default_factory=list)  # faces, evenly spread over them
    step: int = 1  # sightings from one of them to the next
    weight: float = 0.0  # sum of sizes, pixels
    size: float = 0.0  # eye distance when last seen, pixels
    centre: np.ndarray = field(default_factory=lambda: np.zeros(2))  # when last seen, pixels
    last: int = -1  # frame when last seen
    _embedding: np.ndarray | None = None

    def see(self, frame: int, points: np.ndarray, score: float, colours: np.ndarray) -> None:
        self.sightings[frame] = TrackedFace(points, score, faces=1)
        self.colours[frame] = colours
        self.size = float(eye_distance(points[None])[0])
        self.centre = points[:, :2].mean(axis=0)
        self.weight += self.size
        self.last = frame

    def distance(self, points: np.ndarray) -> float:
        """From where the face was last seen, in eye distances."""
        return float(np.linalg.norm(points[:, :2].mean(axis=0) - self.centre)) / self.size

    @property
    def first(self) -> int:
        """Frame of the first sighting."""
        return next(iter(self.sightings))

    def keep(self, face: Callable[[], np.ndarray]) -> None:
        """The aligned face of the last sighting, if it is one of those that are looked at."""
        if (len(self.sightings) - 1) % self.step == 0:
            self.aligned.append(face())
        if len(self.aligned) > EMBEDDED:
            self.aligned, self.step = self.aligned[::2], 2 * self.step

    def embedding(self, network: FaceRecognition) -> np.ndarray:
        """(D,) of length 1, the mean over the faces that were kept."""
        if self._embedding is None:
            self._embedding = unit(np.mean([network.embed(face) for face in self.aligned], axis=0))
        return self._embedding

    @cached_property
    def portrait(self) -> Portrait:
        """Of the finished track."""
        points = np.stack([seen.points for seen in self.sightings.values()])
        return Portrait.of_track(points, np.stack(list(self.colours.values())), *self.picture)


class FaceTracker:
    """Follows the faces of one video from picture to picture; make a new one for each video.

    recognition: tells whether two tracks are one person, if given
    """

    def __init__(
        self, models: Path, params: LandmarksParams, recognition: FaceRecognition | None = None
    ) -> None:
        self._recognition = recognition
        self._detector = FaceDetector(models)
        self._mesh = FaceMesh(models)
        self._params = params
        self._tracks: list[_Track] = []
        self._frame, self._shot, self._shots = -1, 0, 0  # shots that began after the first
        self._shot_before, self._cuts = 0, list[int]()

    def process(self, rgb: np.ndarray) -> TrackedFace | None:
        """The largest steady face so far in the next picture (H, W, 3) uint8, without cuts.

        None where it is not seen.
        """
        live = self._follow(rgb)
        main = max(self._tracks, key=lambda track: track.weight, default=None)
        if main is None or main not in live:
            return None
        seen = main.sightings[self._frame]
        return TrackedFace(seen.points, seen.score, _comparable(main, [t.size for t in live]))

    def track(self, frames: Iterable[np.ndarray]) -> Landmarks:
        """Landmarks of the main person in ``frames``, each (H, W, 3) uint8.

        Gaps of at most ``landmarks.max_gap`` frames between two sightings of a shot are filled by
        straight lines; longer ones, and what is before the first or after the last sighting, are
        invalid.
        """
        sizes = []
        for rgb, mark in mark_shots(frames):
            self._turn(mark)
            sizes.append([track.size for track in self._follow(rgb)])
        return self._landmarks(sizes)

    def _landmarks(self, sizes: list[list[float]]) -> Landmarks:
        """Of the main person; sizes: of the faces seen in each frame."""
        count = len(sizes)
        points = np.full((count, POINTS, 3), np.nan, np.float32)
        colours = np.zeros((count, POINTS, 3), np.uint8)
        score, faces = np.zeros(count, np.float32), np.zeros(count, np.int32)
        main = main_person(self._tracks, self._recognition)
        seen_in = {frame: track for track in main for frame in track.sightings}
        for frame, track in seen_in.items():
            seen = track.sightings[frame]
            points[frame], score[frame] = seen.points, seen.score
            colours[frame] = track.colours[frame]
        last = main[0] if main else None
        joints = []
        for frame in range(count):
            if seen_in.get(frame, last) is not last:
                joints.append(frame)
            last = seen_in.get(frame, last)
            faces[frame] = _comparable(last, sizes[frame]) if last is not None else 0
        cuts = np.unique(np.array([*self._cuts, *joints], np.int64))
        filled = fill_gaps(points, self._params.max_gap, cuts)
        valid = np.isfinite(filled).all(axis=(1, 2))
        return Landmarks(filled, valid, score, faces, cuts, colours)

    def _turn(self, mark: Mark) -> None:
        """The next picture may be of another shot."""
        if mark == "new":
            self._cuts.append(self._frame + 1)
            self._shots += 1
            self._shot_before, self._shot = self._shot, self._shots
        elif mark == "back":
            self._cuts.pop()
            self._shot = self._shot_before

    def _follow(self, rgb: np.ndarray) -> list[_Track]:
        """Advance by one picture; the faces seen in it."""
        self._frame += 1
        live: list[_Track] = []
        there = [track for track in self._tracks if track.shot == self._shot]
        before = [track for track in there if track.last == self._frame - 1]
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
        track.picture = (rgb.shape[1], rgb.shape[0])
        track.see(self._frame, points, score, surface_colours(rgb, points))
        if self._recognition is not None:
            track.keep(lambda: align(rgb, points))
        live.append(track)

    def _lost_track(self, points: np.ndarray, live: list[_Track]) -> _Track:
        """The nearest lost face that ``points`` may be, else a new one."""
        size = float(eye_distance(points[None])[0])
        candidates = [
            track
            for track in self._tracks
            if track.shot == self._shot
            and track not in live
            and track.distance(points) < min(NEARBY, QUICK * (self._frame - track.last))
            and 1 / SIMILAR < size / track.size < SIMILAR
        ]
        if candidates:
            return min(candidates, key=lambda track: track.distance(points))
        self._tracks.append(_Track(self._shot))
        return self._tracks[-1]


def main_person(tracks: list[_Track], recognition: FaceRecognition | None = None) -> list[_Track]:
    """The tracks, in the order of time, of the person with the greatest size summed over frames.

    The tracks are gone through from the largest on. Each belongs to the person who looks most like
    it among those who do and are not seen beside it; where there is none, it is a new person.
    """
    people: list[list[_Track]] = []
    frames = [frame for track in tracks for frame in track.sightings]
    alone = len(frames) - len(set(frames)) < BRIEF

    def excess_of(one: _Track, other: _Track) -> float:
        """By how much two tracks are less alike than those of one person."""
        if recognition is None:
            return one.portrait.excess(other.portrait, alone)
        return SAME_PERSON - float(one.embedding(recognition) @ other.embedding(recognition))

    for track in sorted(tracks, key=lambda track: -track.weight):
        found, least = None, 0.0
        for person in people if len(track.sightings) >= BRIEF else ():
            if any(not track.sightings.keys().isdisjoint(other.sightings) for other in person):
                continue
            excess = np.average(
                [excess_of(track, other) for other in person],
                weights=[len(other.sightings) for other in person],
            )
            if excess <= least:
                found, least = person, float(excess)
        if found is None:
            people.append([track])
        else:
            found.append(track)
    main = max(people, key=lambda person: sum(track.weight for track in person), default=[])
    return sorted(main, key=lambda track: track.first)


def _comparable(main: _Track, sizes: list[float]) -> int:
    """How many of the faces in sight are large enough to be taken for the main one."""
    return sum(size * SIMILAR > main.size for size in sizes)


def fill_gaps(points: np.ndarray, max_gap: int, cuts: np.ndarray | None = None) -> np.ndarray:
    """Points (N, 468, 3), NaN where unknown, with inner gaps of at most ``max_gap`` frames filled.

    Filled frames lie on the straight line between their neighbours. No gap is filled in which, or
    right after which, one of ``cuts`` (C,) lies.
    """
    filled = points.copy()
    known = np.flatnonzero(np.isfinite(points).all(axis=(1, 2)))
    shots = shot_numbers(known, np.zeros(0, np.int64) if cuts is None else cuts)
    for (before, after), (one, other) in zip(
        itertools.pairwise(known), itertools.pairwise(shots), strict=True
    ):
        gap = after - before - 1
        if 0 < gap <= max_gap and one == other:
            share = (np.arange(1, gap + 1, dtype=np.float32) / (gap + 1))[:, None, None]
            filled[before + 1 : after] = points[before] * (1 - share) + points[after] * share
    return filled
