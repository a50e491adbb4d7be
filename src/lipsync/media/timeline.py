"""Timestamps that run on: joined parts follow one another, long holes are closed.

A file is read through once without decoding (`timelines`), all tracks together, for only all of
them say what happened:

- Timestamps that make no sense are replaced, and where timestamps jump back (files joined end to
  end, a camera that started anew) another recording begins: `stamps`. All tracks of a recording are
  moved by the same time, so that it goes on where the one before ended.
- A hole is a time in which no track has anything. One that is longer than `frames.max_hole` is
  closed in all tracks. One that another track fills stays: closing it would part picture and sound.

Each is said in one line. A file without such things, which is nearly every one, is left alone.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
import av.container
from av.error import FFmpegError
from av.stream import Disposition

from lipsync.media.cutoff import say_cut
from lipsync.media.params import MAX_HOLE
from lipsync.media.saying import warn
from lipsync.media.stamps import Track, mend

log = logging.getLogger(__name__)

NEVER_SHOWN = Disposition.attached_pic | Disposition.timed_thumbnails  # tracks beside the film
TICK = 1e-3  # s, less than which two times are the same
SURPLUS = 0.1  # s by which a recording's audio may outlast its picture and be cut for it


@dataclass
class Timeline:
    """What is to be added to the timestamps of one track, packet by packet.

    Attributes:
        moves: (first packet, seconds that are added) of each recording, in order
        holes: (seconds at which it ends, after the recording's move; its length), in order
        replaced: packets by number whose timestamp is replaced by so many seconds
        lags_replaced: packets by number that are shown so many seconds after they are decoded
        seconds: length of the whole file, as corrected
    """

    moves: Sequence[tuple[int, float]]
    holes: Sequence[tuple[float, float]]
    replaced: dict[int, float]
    lags_replaced: dict[int, float]
    seconds: float
    _count: int = 0

    def fresh(self) -> "Timeline":
        """The same for another pass over the file."""
        return Timeline(self.moves, self.holes, self.replaced, self.lags_replaced, self.seconds)

    @property
    def changes(self) -> bool:
        """Whether any timestamp is corrected."""
        return len(self.moves) > 1 or bool(self.holes or self.replaced or self.lags_replaced)

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
        move += self.replaced.get(number, time) - time
        closed = sum(length for at, length in self.holes if time + move >= at - TICK)
        ticks = round((move - closed) / float(packet.time_base))
        packet.pts = None if packet.pts is None else packet.pts + ticks
        packet.dts = None if packet.dts is None else packet.dts + ticks
        if number in self.lags_replaced and packet.dts is not None:
            packet.pts = packet.dts + round(self.lags_replaced[number] / float(packet.time_base))


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
    every = {number: Track() for number in numbers}
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
    firsts = mend(found, max_hole)
    moves = _joined(found, firsts)
    spans = [
        list(zip(_moved(track.starts, first, moves), _moved(track.ends, first, moves), strict=True))
        for track, first in zip(found, firsts, strict=True)
    ]
    holes, together = _holes(spans, max_hole)
    _say(path, found, len(moves), holes, together)
    whole = _length([span for one in spans for span in one])
    say_cut(path, container_format, promised, whole)
    seconds = whole - sum(length for _, length in holes)
    lines = {
        number: Timeline(
            tuple(zip(first, moves, strict=True)),
            holes,
            track.replaced,
            track.lags_replaced,
            seconds,
        )
        for (number, track), first in zip(tracks.items(), firsts, strict=True)
    }
    return {number: lines.get(number, Timeline((), (), {}, {}, seconds)) for number in numbers}


def _length(spans: Sequence[tuple[float, float]]) -> float:
    """Seconds from the first packet to the end of the last one, holes included."""
    return max(end for _, end in spans) - min(start for start, _ in spans) if spans else 0.0


def _time(packet: av.Packet) -> float | None:
    """Seconds by which packets are in order."""
    ticks = packet.dts if packet.dts is not None else packet.pts
    if ticks is None or packet.time_base is None:
        return None
    return float(ticks * packet.time_base)


def _note(track: Track, packet: av.Packet) -> None:
    start = _time(packet)
    if start is None or packet.time_base is None:
        return
    lag = 0 if packet.pts is None or packet.dts is None else packet.pts - packet.dts
    length = float((packet.duration or 0) * packet.time_base)
    track.note(start, length, packet.pos, float(lag * packet.time_base))


def _joined(tracks: Sequence[Track], firsts: Sequence[Sequence[int]]) -> list[float]:
    """Seconds to add to each recording of the file; the first track leads."""
    moves: list[float] = []
    ends: dict[int, float] = {}  # of each track, as moved
    count = max((len(first) for first in firsts), default=0)
    for part in range(count):
        spans = {
            n: range(first[part], [*first, len(track.starts)][part + 1])
            for n, (track, first) in enumerate(zip(tracks, firsts, strict=True))
        }
        have = [n for n, span in spans.items() if span]
        move = 0.0
        if part and have and ends:
            reach = [end - (SURPLUS if n != min(ends) else 0) for n, end in ends.items()]
            move = max(reach) - tracks[have[0]].starts[spans[have[0]][0]]
        for n in have:
            usual = tracks[n].usual
            last = (max(tracks[n].ends[i], tracks[n].starts[i] + usual) for i in spans[n])
            ends[n] = max(last) + move
        moves.append(move)
    return moves


def _moved(times: Sequence[float], firsts: Sequence[int], moves: Sequence[float]) -> list[float]:
    """Times with the move of the recording that each belongs to."""
    bounds = [*firsts, len(times)]
    spans = zip(bounds, bounds[1:], moves, strict=False)
    return [time + move for a, b, move in spans for time in times[a:b]]


def _holes(
    tracks: Sequence[Sequence[tuple[float, float]]], max_hole: float
) -> tuple[list[tuple[float, float]], bool]:
    """Where no track has anything for longer than ``max_hole``: (where it ends, its length).

    Tracks on either side of a hole that share no moment at all (clocks with other origins) begin
    together; True then.

    tracks: seconds from and to of each packet
    """
    bounds = [(min(start for start, _ in one), max(end for _, end in one)) for one in tracks]
    holes: list[tuple[float, float]] = []
    reached: float | None = None
    together = False
    for start, end in sorted(span for one in tracks for span in one):
        if reached is not None and start - reached > max_hole:
            apart = not holes and all(last <= reached or first >= start for first, last in bounds)
            apart = apart and len(tracks) > 1
            together = together or apart
            holes.append((start, start - (min(bounds)[0] if apart else reached)))
        reached = end if reached is None else max(reached, end)
    return holes, together


def _say(
    path: str,
    tracks: Sequence[Track],
    recordings: int,
    holes: Sequence[tuple[float, float]],
    together: bool,
) -> None:
    if recordings > 1:
        warn(f"{path}: the file is {recordings} recordings joined; they are put one behind another")
    if count := sum(len(track.replaced) + len(track.lags_replaced) for track in tracks):
        what = "1 timestamp makes" if count == 1 else f"{count} timestamps make"
        warn(f"{path}: {what} no sense; the expected times are taken instead")
    if together:
        warn(
            f"{path}: its tracks share no moment by their timestamps; they are taken to begin "
            "together"
        )
    for at, length in holes[1:] if together else holes:
        warn(
            f"{path}: a hole of {length:.0f} s before {at:.1f} s, longer than frames.max_hole; it "
            "is closed"
        )
