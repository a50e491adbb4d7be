"""Opening media files, with libav's own words in one line for the user."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import av.container
from av.error import FFmpegError

from lipsync.errors import LipsyncError


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
        container = av.open(path)
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
