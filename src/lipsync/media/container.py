"""Opening media files, with libav's own words in one line for the user."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import overload

import av
import av.container
from av.error import FFmpegError, InvalidDataError

from lipsync.errors import LipsyncError

log = logging.getLogger(__name__)


@contextmanager
def open_input(path: str | Path) -> Iterator[av.container.InputContainer]:
    """Open a video or audio file for reading.

    Raises LipsyncError if there is no such file or libav makes nothing of it.
    """
    path = Path(path)
    if not path.exists():
        raise LipsyncError(f"{path}: no such file; check the path")
    if not path.is_file():
        raise LipsyncError(f"{path}: not a file; give the path of a video or sound file")
    try:
        container = av.open(path.absolute())  # else "a:b.wav" is taken for a URL
    except FFmpegError as error:
        raise LipsyncError(
            f"{path}: not readable as video or sound ({error.strerror}); "
            "check that it plays, or convert it to mp4"
        ) from None
    with container:
        yield container


def video_stream(container: av.container.InputContainer, path: str | Path) -> av.VideoStream:
    """The main video track (cover pictures of music files do not count), decoded in parallel."""
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            stream.thread_type = "AUTO"
            return stream
    raise LipsyncError(f"{path}: has no video track; give a video that shows the speaking face")


def audio_stream(container: av.container.InputContainer, path: str | Path) -> av.AudioStream:
    """The main audio track."""
    stream = container.streams.best("audio")
    if not isinstance(stream, av.AudioStream):
        raise LipsyncError(
            f"{path}: has no audio track; record the video with sound, or give one that has it"
        )
    return stream


@overload
def decode(
    container: av.container.InputContainer, stream: av.VideoStream
) -> Iterator[av.VideoFrame]: ...
@overload
def decode(
    container: av.container.InputContainer, stream: av.AudioStream
) -> Iterator[av.AudioFrame]: ...
def decode(
    container: av.container.InputContainer, stream: av.VideoStream | av.AudioStream
) -> Iterator[av.VideoFrame | av.AudioFrame]:
    """Decode a track and step over damaged pieces, with one warning at the end."""
    damaged = 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            break
        except InvalidDataError:  # the file ends within a packet
            damaged += 1
            break
        try:
            frames = stream.decode(packet)
        except InvalidDataError:
            damaged += 1
            continue
        yield from frames
    if damaged:
        log.warning(
            "%s: %d damaged pieces of its %s left out", container.name, damaged, stream.type
        )
