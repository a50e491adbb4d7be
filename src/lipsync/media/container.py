"""Opening media files, choosing a track that can be decoded, and decoding what is whole of it.

libav's own words reach the user in one line. No error of a decoder leaves this module as what it
is: some are OSErrors by type (`PermissionError` of a damaged AAC packet), and would be taken for
errors of the disk.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, overload

import av
import av.container
from av.error import FFmpegError
from av.stream import Disposition

from lipsync.errors import LipsyncError, first_line
from lipsync.media.cutoff import LATE_END
from lipsync.media.saying import warn
from lipsync.media.timeline import NEVER_SHOWN, Timeline

MOST_FAILURES = 20  # errors on end of a demuxer, after which nothing more is expected of the file
LONG_HOLE = Fraction(1)  # s without anything in a track, from which on a word is due
PROBE_PACKETS = 60  # of a track, that are tried until one can be decoded


@contextmanager
def open_input(path: str | Path, **options: Any) -> Iterator[av.container.InputContainer]:
    """Open a video or audio file for reading; tags of any encoding are none of our business.

    options: further ones of `av.open`.

    Raises LipsyncError if there is no such file or libav makes nothing of it.
    """
    path = Path(path)
    if not path.exists():
        raise LipsyncError(f"{path}: no such file; check the path")
    if not path.is_file():
        raise LipsyncError(f"{path}: not a file; give the path of a video or audio file")
    try:  # absolute: else "a:b.wav" is taken for a URL
        container = av.open(path.absolute(), metadata_errors="replace", **options)
    except (FFmpegError, OSError, ValueError) as error:
        raise LipsyncError(
            f"{path}: not readable as video or audio ({words(error)}); "
            "check that it plays, or convert it to mp4"
        ) from None
    with container:
        yield container


@contextmanager
def converting(name: str) -> Iterator[None]:
    """Say what libav's conversion of a file's pictures raises, as LipsyncError."""
    try:
        yield
    except FFmpegError as error:
        raise LipsyncError(
            f"{name}: its pictures cannot be converted ({words(error)}); convert it to mp4 with "
            "H.264"
        ) from None


def words(error: Exception) -> str:
    """What libav says of an error, in one line."""
    return getattr(error, "strerror", None) or first_line(error)


def is_decodable(stream: av.stream.Stream) -> bool:
    """Whether libav knows a decoder for a track; PyAV gives the others no codec context."""
    return getattr(stream, "codec_context", None) is not None


def video_stream(container: av.container.InputContainer, path: str | Path) -> av.VideoStream:
    """The main video track, decoded in parallel.

    The one that the file marks as its default, else the first, of those of which a first picture
    can be decoded; cover
    pictures of music files do not count, nor does a track of one picture beside another track.

    Raises LipsyncError if there is none.
    """
    shown = [s for s in container.streams.video if not s.disposition & NEVER_SHOWN]
    if not shown:
        raise LipsyncError(f"{path}: has no video track; give a video that shows the speaking face")
    known = [stream for stream in shown if is_decodable(stream)]
    if not known:
        raise LipsyncError(
            f"{path}: its video is in a codec that is not known here; convert it to mp4 with H.264"
        )
    moving = [stream for stream in known if stream.frames != 1] or known
    moving.sort(key=lambda stream: not stream.disposition & Disposition.default)
    chosen = moving[0]
    if len(moving) > 1:
        options = tuple(sorted(container.container_options.items()))
        numbers = tuple(stream.index for stream in moving)
        index = _first_that_decodes(_state(container), numbers, options)
        chosen = next(stream for stream in moving if stream.index == index)
        if chosen is not moving[0]:
            warn(
                f"{path}: nothing of its video track {moving[0].index} can be decoded; track "
                f"{chosen.index} is used"
            )
    chosen.thread_type = "AUTO"
    return chosen


def _state(container: av.container.InputContainer) -> tuple[str, int, int]:
    """What a file is remembered by."""
    state = Path(container.name).stat()
    return container.name, state.st_size, state.st_mtime_ns


@lru_cache(maxsize=64)
def _first_that_decodes(
    key: tuple[str, int, int], tracks: tuple[int, ...], options: tuple[tuple[str, str], ...]
) -> int:
    """Index of the first of the tracks of which anything comes out; the first one if none."""
    for track in tracks:
        with open_input(key[0], container_options=dict(options)) as container:
            if decodes(container, container.streams[track]):
                return track
    return tracks[0]


def audio_streams(container: av.container.InputContainer, path: str | Path) -> list[av.AudioStream]:
    """The audio tracks that can be decoded, libav's choice first.

    Raises LipsyncError if there is none.
    """
    tracks = list(container.streams.audio)
    if not tracks:
        raise LipsyncError(
            f"{path}: has no audio track; record the video with sound, or give one that has it"
        )
    known = [stream for stream in tracks if is_decodable(stream)]
    if not known:
        raise LipsyncError(
            f"{path}: its audio is in a codec that is not known here; convert it to mp4 with AAC"
        )
    best = container.streams.best("audio")
    return sorted(known, key=lambda stream: stream != best)


def decodes(container: av.container.InputContainer, stream: av.stream.Stream) -> bool:
    """Whether something comes out of the first packets of a track; encrypted ones give nothing.

    The container is left wherever that was.
    """
    try:
        for number, packet in enumerate(container.demux(stream)):
            if _decoded(stream, packet, Damage()):
                return True
            if number > PROBE_PACKETS:
                break
    except (FFmpegError, OSError, ValueError):
        pass  # what cannot be read is said by whoever reads all of it
    return False


class Damage:
    """What of a track could not be decoded: how often, and from when to when in seconds."""

    def __init__(self) -> None:
        self.count = 0
        self.first: Fraction | None = None
        self.last: Fraction | None = None
        self.now: Fraction | None = None  # seconds of the packet at hand

    def note(self) -> None:
        self.count += 1
        if self.first is None:
            self.first = self.now
        self.last = self.now

    def __str__(self) -> str:
        if self.first is None or self.last is None:
            return "damaged at its beginning"
        if self.last - self.first < 1:
            return f"damaged at {float(self.first):.1f} s"
        return (
            f"damaged in {self.count} places, {float(self.first):.1f} to {float(self.last):.1f} s"
        )


class Holes:
    """Where a track has nothing for longer than LONG_HOLE."""

    def __init__(self, stream: av.stream.Stream) -> None:
        self._of_pictures = stream.type == "video"
        self._reached: Fraction | None = None
        self._found: list[tuple[Fraction, Fraction]] = []  # seconds from, length

    def pass_by(self, start: Fraction, length: Fraction) -> None:
        """The next packet. A picture's own length is none: it stands still until the next."""
        if self._reached is not None and start - self._reached > LONG_HOLE:
            self._found.append((self._reached, start - self._reached))
        reach = start if self._of_pictures else start + length
        self._reached = reach if self._reached is None else max(self._reached, reach)

    def __str__(self) -> str:
        """A half sentence; empty if there are none."""
        if not self._found:
            return ""
        at, length = max(self._found, key=lambda hole: hole[1])
        told = f"no {'picture' if self._of_pictures else 'audio'} for {float(length):.1f} s from "
        told += f"{float(at):.1f} s on"
        more = len(self._found) - 1
        told += f", and {more} shorter hole{'s' if more > 1 else ''}" if more else ""
        return f"{told}; {'the picture stands still' if self._of_pictures else 'silence'} there"


@overload
def decode(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    timeline: Timeline | None = None,
    quiet: bool = False,
) -> Iterator[av.VideoFrame]: ...
@overload
def decode(
    container: av.container.InputContainer,
    stream: av.AudioStream,
    timeline: Timeline | None = None,
    quiet: bool = False,
) -> Iterator[av.AudioFrame]: ...
def decode(
    container: av.container.InputContainer,
    stream: av.VideoStream | av.AudioStream,
    timeline: Timeline | None = None,
    quiet: bool = False,
) -> Iterator[av.VideoFrame | av.AudioFrame]:
    """Decode a track, its timestamps put right by ``timeline``.

    Whatever error code libav gives, damaged pieces are stepped over, what is whole comes out, and
    one warning names the time. Others say where a track has a hole, and where it ends before its
    header says so.
    quiet: no warnings, for a pass that only looks.
    """
    damage, holes, end, frames = Damage(), Holes(stream), None, 0
    for packet in _packets(container, stream, damage):
        if timeline is not None:
            timeline.correct(packet)
        if packet.pts is not None and packet.time_base is not None:
            damage.now = packet.pts * packet.time_base
            length = (packet.duration or 0) * packet.time_base
            holes.pass_by(damage.now, length)
            reach = damage.now + length
            end = reach if end is None else max(end, reach)
        for frame in _decoded(stream, packet, damage):
            if frame.is_corrupt:
                damage.note()
            frames += 1
            yield frame
    if quiet:
        return
    if not frames:
        return  # whoever wanted them says so
    kind = "picture" if stream.type == "video" else "audio"
    if damage.count:
        warn(f"{container.name}: its {kind} is {damage}; the rest is used")
    if told := str(holes):
        warn(f"{container.name}: {told}")
    promised = declared_end(container, stream)
    if end is not None and promised is not None and end < promised - Fraction(LATE_END):
        warn(
            f"{container.name}: cut off: its {kind} ends at {float(end):.1f} s, and the file says "
            f"{float(promised):.1f} s; what is there is used"
        )


def declared_end(
    container: av.container.InputContainer, stream: av.stream.Stream
) -> Fraction | None:
    """Seconds at which a track ends by its own header; None where that would be a guess."""
    if not {"mov", "mp4"} & set(container.format.name.split(",")):
        return None
    if not stream.duration or stream.time_base is None:
        return None
    return ((stream.start_time or 0) + stream.duration) * stream.time_base


def _packets(
    container: av.container.InputContainer, stream: av.stream.Stream, damage: Damage
) -> Iterator[av.Packet]:
    """The packets of a track, the one that empties the decoder last, however the file ends."""
    failures = 0
    while failures < MOST_FAILURES:
        try:
            for packet in container.demux(stream):
                failures = 0
                yield packet
            return
        except (FFmpegError, OSError, ValueError):  # go on behind the damaged place
            if failures == 0:
                damage.note()
            failures += 1
    flush = av.Packet()
    flush.stream = stream
    yield flush


def _decoded(stream: Any, packet: av.Packet, damage: Damage) -> Iterable[Any]:
    """Frames of a packet; none of one that cannot be decoded."""
    try:
        return list(stream.decode(packet))
    except (FFmpegError, OSError, ValueError):
        damage.note()
        return ()
