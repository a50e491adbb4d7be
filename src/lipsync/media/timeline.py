"""Timestamps that run on: joined parts follow one another, long holes are closed.

A file is read through once without decoding (`timelines`), all tracks together, for only all of
them say what happened:

- Timestamps that jump back begin another part (files joined end to end, a camera that started
  anew). The n-th part of every track is moved by the same time, so that the picture goes on where
  it ended; a single packet with a wild timestamp is no part and gets the expected one.
- A hole is a time in which no track has anything. One that is longer than `frames.max_hole` is
  closed in all tracks. One that another track fills stays: closing it would part picture and sound.

Both are said in one line. A file without such things, which is nearly every one, is left alone.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import av
import av.container
from av.error import FFmpegError
from av.stream import Disposition

from lipsync.media.params import MAX_HOLE
from lipsync.media.saying import warn

log = logging.getLogger(__name__)

NEVER_SHOWN = Disposition.attached_pic | Disposition.timed_thumbnails  # tracks beside the film
LATE_END = 0.25  # s by which a file may end before its header says so, without a word
STREAMED = 0xFFFFFF00  # bytes: a header that says more was written before the size was known
BACK = 0.5  # s that timestamps may go back without being another part: reordering
TICK = 1e-3  # s, less than which two times are the same
SURPLUS = 0.1  # s by which a part's audio may outlast its picture and be cut for it
DEFAULT_LENGTH = 0.04  # s of a packet that says none


@dataclass
class _Track:
    """What one track said: times in seconds, raw, by packet."""

    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)  # first packet of each part
    wild: dict[int, float] = field(default_factory=dict)  # packet -> expected time


@dataclass
class Timeline:
    """What is to be added to the timestamps of one track, packet by packet.

    Attributes:
        moves: (first packet, seconds that are added) of each part, in order
        holes: (seconds at which it ends, after the part's move; its length), in order
        wild: packets by number whose timestamp is replaced by so many seconds
        seconds: length of the whole file, as corrected
    """

    moves: Sequence[tuple[int, float]]
    holes: Sequence[tuple[float, float]]
    wild: dict[int, float]
    seconds: float
    _count: int = 0

    def fresh(self) -> "Timeline":
        """The same for another pass over the file."""
        return Timeline(self.moves, self.holes, self.wild, self.seconds)

    @property
    def changes(self) -> bool:
        """Whether any timestamp is corrected."""
        return len(self.moves) > 1 or bool(self.holes or self.wild)

    def correct(self, packet: av.Packet) -> None:
        """Put right the next packet of the track, in the order in which it is read."""
        time = _time(packet)
        if time is None or packet.time_base is None:
            return
        number = self._count
        self._count += 1
        if not self.changes:
            return
        move = next((by for first, by in reversed(self.moves) if number >= first), 0.0)
        move += self.wild.get(number, time) - time
        closed = sum(length for at, length in self.holes if time + move >= at - TICK)
        ticks = round((move - closed) / float(packet.time_base))
        packet.pts = None if packet.pts is None else packet.pts + ticks
        packet.dts = None if packet.dts is None else packet.dts + ticks


def timelines(
    container: av.container.InputContainer, max_hole: float = MAX_HOLE
) -> dict[int, Timeline]:
    """Timelines of a file's tracks of pictures and audio, by stream index.

    The file behind ``container`` is read through once, by itself. max_hole: seconds.
    """
    state = Path(container.name).stat()
    key = container.name, state.st_size, state.st_mtime_ns
    tracks = tuple(
        stream.index
        for stream in (*container.streams.video, *container.streams.audio)
        if not stream.disposition & NEVER_SHOWN
    )
    options = tuple(sorted(container.container_options.items()))
    found = _scan(key, tracks, options, max_hole)
    return {number: line.fresh() for number, line in found.items()}


@lru_cache(maxsize=64)
def _scan(
    key: tuple[str, int, int],
    numbers: tuple[int, ...],
    options: tuple[tuple[str, str], ...],
    max_hole: float,
) -> dict[int, Timeline]:
    path = key[0]
    every = {number: _Track() for number in numbers}
    with av.open(path, metadata_errors="replace", container_options=dict(options)) as container:
        promised = (container.duration or 0) / av.time_base
        container_format = container.format.name
        try:
            for packet in container.demux([container.streams[number] for number in numbers]):
                _note(every[packet.stream_index], packet)
        except (FFmpegError, OSError, ValueError):
            log.debug("%s: ends within a packet", path)  # whoever decodes it warns
    tracks = {number: track for number, track in every.items() if track.starts}
    found = list(tracks.values())
    for track in found:
        _split(track, max_hole)
    moves = _joined(found)
    holes = _holes(found, moves, max_hole)
    _say(path, found, moves, holes)
    _say_cut(path, container_format, promised, _length(found, moves))
    seconds = _length(found, moves) - sum(length for _, length in holes)
    lines = {
        number: Timeline(tuple(zip(track.parts, move, strict=True)), holes, track.wild, seconds)
        for (number, track), move in zip(tracks.items(), moves, strict=True)
    }
    return {number: lines.get(number, Timeline((), (), {}, seconds)) for number in numbers}


def _length(tracks: Sequence[_Track], moves: Sequence[Sequence[float]]) -> float:
    """Seconds from the first packet to the end of the last one, holes included."""
    pairs = list(zip(tracks, moves, strict=True))
    ends = [end for track, move in pairs for end in _moved(track, move, track.ends)]
    starts = [start for track, move in pairs for start in _moved(track, move, track.starts)]
    return max(ends) - min(starts) if ends else 0.0


def _time(packet: av.Packet) -> float | None:
    """Seconds by which packets are in order."""
    ticks = packet.dts if packet.dts is not None else packet.pts
    if ticks is None or packet.time_base is None:
        return None
    return float(ticks * packet.time_base)


def _note(track: _Track, packet: av.Packet) -> None:
    start = _time(packet)
    if start is None or packet.time_base is None:
        return
    track.starts.append(start)
    track.ends.append(start + float((packet.duration or 0) * packet.time_base))


def _split(track: _Track, max_hole: float) -> None:
    """Find where timestamps go back, and single packets whose timestamp is wild."""
    track.parts.append(0)
    usual = _usual_length(track)
    expected = None
    for number, start in enumerate(track.starts):
        if expected is not None and not -BACK <= start - expected <= max_hole:
            after = track.starts[number + 1] if number + 1 < len(track.starts) else None
            if after is not None and abs(after - expected - usual) <= BACK:
                track.wild[number] = expected
                track.starts[number], track.ends[number] = expected, expected + usual
            elif start < expected:
                track.parts.append(number)
        expected = max(track.ends[number], track.starts[number] + usual)


def _usual_length(track: _Track) -> float:
    """Seconds from one packet to the next, as most of them have it."""
    steps = sorted(b - a for a, b in pairwise(track.starts) if b > a)
    return steps[len(steps) // 2] if steps else DEFAULT_LENGTH


def _joined(tracks: Sequence[_Track]) -> list[list[float]]:
    """Seconds to add to each part of each track; the first track leads."""
    moves: list[list[float]] = [[] for _ in tracks]
    for part in range(max((len(track.parts) for track in tracks), default=0)):
        have = [n for n, track in enumerate(tracks) if part < len(track.parts)]
        move = 0.0
        if part:
            ends = {n: _ends(tracks[n])[part - 1] + moves[n][part - 1] for n in have}
            reach = [end - (SURPLUS if n != have[0] else 0) for n, end in ends.items()]
            move = max(reach) - tracks[have[0]].starts[tracks[have[0]].parts[part]]
        for n in have:
            moves[n].append(move)
    return moves


def _ends(track: _Track) -> list[float]:
    """Raw seconds at which each part ends."""
    bounds = [*track.parts, len(track.starts)]
    usual = _usual_length(track)
    return [
        max(max(track.ends[i], track.starts[i] + usual) for i in range(a, b)) if b > a else usual
        for a, b in pairwise(bounds)
    ]


def _moved(track: _Track, moves: Sequence[float], times: Sequence[float]) -> list[float]:
    """Times with the move of the part that each belongs to."""
    bounds = [*track.parts, len(times)]
    spans = zip(bounds, bounds[1:], moves, strict=False)
    return [time + move for a, b, move in spans for time in times[a:b]]


def _holes(
    tracks: Sequence[_Track], moves: Sequence[Sequence[float]], max_hole: float
) -> list[tuple[float, float]]:
    """Where no track has anything for longer than ``max_hole``: (where it ends, its length).

    Tracks on either side of a hole that share no moment at all (clocks with other origins) begin
    together.
    """
    spans: list[tuple[float, float]] = []
    bounds = []
    for track, move in zip(tracks, moves, strict=True):
        starts, ends = _moved(track, move, track.starts), _moved(track, move, track.ends)
        spans += zip(starts, ends, strict=True)
        bounds.append((min(starts), max(ends)))
    holes: list[tuple[float, float]] = []
    reached: float | None = None
    for start, end in sorted(spans):
        if reached is not None and start - reached > max_hole:
            apart = all(last <= reached or first >= start for first, last in bounds)
            holes.append((start, start - (min(bounds)[0] if apart and not holes else reached)))
        reached = end if reached is None else max(reached, end)
    return holes


def _say(
    path: str,
    tracks: Sequence[_Track],
    moves: Sequence[Sequence[float]],
    holes: Sequence[tuple[float, float]],
) -> None:
    name = path
    parts = max((len(move) for move in moves), default=1)
    if parts > 1:
        warn(f"{name}: its clock starts anew: {parts} parts, one put behind the other")
    if wild := sum(len(track.wild) for track in tracks):
        warn(f"{name}: {wild} wild timestamps; they are replaced by the expected ones")
    for at, length in holes:
        warn(
            f"{name}: a hole of {length:.0f} s before {at:.1f} s, longer than frames.max_hole; it "
            "is closed"
        )


def _say_cut(path: str, name: str, promised: float, seconds: float) -> None:
    """Where a file is shorter than it says (Matroska in seconds, AVI and WAV in bytes), or longer.

    Of other containers `container.declared_end` knows it by track.
    """
    if "matroska" in name and seconds and seconds < promised - LATE_END:
        warn(
            f"{path}: cut off: it ends after {seconds:.1f} s, and its header says "
            f"{promised:.1f} s; what is there is used"
        )
    if "mp4" in name and _indexes(path) > 1:
        warn(
            f"{path}: several mp4 files joined byte by byte: only the first is read; join them anew"
        )
    if name in ("avi", "wav"):
        with Path(path).open("rb") as file:
            head = file.read(8)
        size, there = int.from_bytes(head[4:], "little") + 8, Path(path).stat().st_size
        if head[:4] == b"RIFF" and there + 1 < size < STREAMED:
            warn(
                f"{path}: cut off: it has {there / 1e6:.1f} MB, and its header says "
                f"{size / 1e6:.1f} MB; what is there is used"
            )


def _indexes(path: str) -> int:
    """How many `moov` boxes stand at the top of an mp4 (ISO/IEC 14496-12, 4.2); libav reads one."""
    found, place, end = 0, 0, Path(path).stat().st_size
    with Path(path).open("rb") as file:
        while place + 8 <= end:
            file.seek(place)
            head = file.read(16)
            size = int.from_bytes(head[:4], "big")
            if size == 1:
                size = int.from_bytes(head[8:16], "big")
            found += head[4:8] == b"moov"
            if size < 8:  # to the end of the file, or damaged
                break
            place += size
    return found
