"""What lies under each rendered picture, settled before the first one is made.

A plan is a row of shots; a shot is a stretch of one film, lip-synced or as it was filmed. Their
pictures add up to the whole exactly, whatever their number. Where two shots meet, the old one goes
on for a few pictures under the new one while it fades in: a crossfade takes no time of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Layer(NamedTuple):
    """A frame of a film, by their numbers, and whether it speaks; ``shot`` counts in the plan."""

    film: int
    frame: int
    spoken: bool
    shot: int = 0


@dataclass(frozen=True)
class Shot:
    """``frames`` (k,) of a film, of which all after the first ``length`` only fade out."""

    film: int
    frames: np.ndarray
    length: int
    spoken: bool

    def __post_init__(self) -> None:
        if not 0 < self.length <= len(self.frames):
            raise ValueError(f"a shot of {self.length} pictures made of {len(self.frames)} frames")

    def layer(self, index: int, number: int) -> Layer:
        """The layer of one of its frames; number: of the shot in the plan."""
        return Layer(self.film, int(self.frames[index]), self.spoken, number)


class PlannedFrame(NamedTuple):
    """A picture: a layer, and over it, with weight 0..1, the next shot's where they are two."""

    under: Layer
    over: Layer | None = None
    weight: float = 0.0


class Plan:
    """Shots one after the other."""

    def __init__(self, shots: Sequence[Shot]) -> None:
        self.shots = list(shots)
        self.count = sum(shot.length for shot in self.shots)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[PlannedFrame]:
        before: Shot | None = None
        for number, shot in enumerate(self.shots):
            rest = len(before.frames) - before.length if before is not None else 0
            for index in range(shot.length):
                over = shot.layer(index, number)
                if before is not None and index < rest:
                    share = (index + 1) / (rest + 1)
                    yield PlannedFrame(before.layer(before.length + index, number - 1), over, share)
                else:
                    yield PlannedFrame(over)
            before = shot


def ping_pong(length: int, count: int, start: int = 0) -> np.ndarray:
    """Frame numbers (count,) int64: from ``start`` forwards to the end, back, and so on.

    Neighbours are neighbours in the film, also at the turns: 0 1 2 3 2 1 0 1 ... for four frames,
    so neither end is shown twice in a row. A film of one frame stands still.

    length: frames of the film, at least 1. start: 0 ... length - 1.
    """
    if not 0 <= start < length:
        raise ValueError(f"start {start} lies outside a film of {length} frames")
    period = max(1, 2 * (length - 1))
    steps = (start + np.arange(count, dtype=np.int64)) % period
    return np.minimum(steps, period - steps) if length > 1 else steps


def once(length: int, count: int, start: int = 0) -> np.ndarray:
    """Frame numbers (count,) int64: from ``start`` forwards to the end, where the film rests."""
    if not 0 <= start < length:
        raise ValueError(f"start {start} lies outside a film of {length} frames")
    return np.minimum(start + np.arange(count, dtype=np.int64), length - 1)


def play(shown: np.ndarray, count: int, start: int, *, loop_back: bool) -> np.ndarray:
    """Frame numbers (count,) of a film of which the frames ``shown`` (K,), ascending, are played.

    From the first of them that is not before frame ``start``, or the last of all, as ``ping_pong``
    or, without ``loop_back``, as ``once``.
    """
    begin = min(int(np.searchsorted(shown, start)), len(shown) - 1)
    return shown[(ping_pong if loop_back else once)(len(shown), count, begin)]


@dataclass(frozen=True)
class Clip:
    """``length`` frames of a film from ``start`` on."""

    film: int
    start: int
    length: int


def clips_of_film(
    film: int, voice: np.ndarray, valid: np.ndarray, least: int, shown: np.ndarray
) -> dict[bool, list]:
    """Stretches of a film in which its person speaks (True) and is silent (False).

    Args:
        voice, valid: (N,) bool of the film
        least: frames; shorter stretches are no clips. Where nobody speaks the face may be out of
            sight, where somebody does it may not.
        shown: (N,) bool, frames that may be in a clip at all
    """
    clips: dict[bool, list[Clip]] = {True: [], False: []}
    kind = np.where(voice, np.where(valid, 1, 2), 0)
    kind = np.where(shown, kind, 2)
    edges = np.flatnonzero(np.diff(kind, prepend=-1, append=-1))
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if end - start >= least and kind[start] != 2:
            clips[bool(kind[start])].append(Clip(film, start, end - start))
    return clips


class Chooser:
    """Picks for each passage the clip, and the place in it, that fits best.

    Among the clips that are long enough, the place whose head lies nearest to where the last
    picture left it (middle and side of the box); of the best few, by chance, so that a long text
    does not repeat itself. Where none is long enough, the longest goes to and fro.

    Args:
        clips: by whether somebody speaks in them
        boxes: (N, 4) of each film
        seed: of the chance
    """

    APART = 12  # frames between two places in a clip that are tried
    FEW = 3  # best places of which one is taken

    def __init__(
        self, clips: dict[bool, list[Clip]], boxes: Sequence[np.ndarray], seed: int
    ) -> None:
        self._clips, self._boxes = clips, boxes
        self._draw = np.random.default_rng(seed)
        self._last: tuple[int, int] | None = None  # film and frame of the last picture
        self._used: Clip | None = None

    def choose(self, spoken: bool, length: int, fade: int) -> Shot:
        """A shot of ``length`` pictures and ``fade`` more to go out with."""
        wanted = length + fade
        clips = self._clips[spoken]
        fitting = [clip for clip in clips if clip.length >= wanted]
        if not fitting:
            clip = max(clips, key=lambda clip: clip.length)
            frames = clip.start + ping_pong(clip.length, wanted)
        else:
            places = [
                (self._distance(clip.film, clip.start + at) + (clip is self._used), clip, at)
                for clip in fitting
                for at in range(0, clip.length - wanted + 1, self.APART)
            ]
            places.sort(key=lambda place: (place[0], place[1].length, place[1].start, place[2]))
            few = places[: self.FEW]
            _, clip, at = few[int(self._draw.integers(len(few)))]
            frames = clip.start + at + np.arange(wanted, dtype=np.int64)
        self._last, self._used = (clip.film, int(frames[length - 1])), clip
        return Shot(clip.film, frames, length, spoken)

    def _distance(self, film: int, frame: int) -> float:
        """From the last picture's box, in sides of it; 0 where one of the two is not known."""
        if self._last is None:
            return 0.0
        old, new = self._boxes[self._last[0]][self._last[1]], self._boxes[film][frame]
        side = old[2] - old[0]
        away = np.abs(np.concatenate([(new - old)[:2] + (new - old)[2:], [new[2] - new[0] - side]]))
        return float(np.nan_to_num(away.sum() / side))


def plan_core_clips(passages: Sequence[tuple[bool, int]], chooser: Chooser, fade: int) -> Plan:
    """Shots for passages (speech or not, pictures), each joined to the next by ``fade`` pictures.

    A fade is no longer than half of the shorter of the two that it joins.
    """
    shots = []
    for index, (spoken, length) in enumerate(passages):
        following = passages[index + 1][1] if index + 1 < len(passages) else 0
        shots.append(chooser.choose(spoken, length, min(fade, length // 2, following // 2)))
    return Plan(shots)
