"""Whether a video can be used at all: what `lipsync add` refuses before anything is written."""

from fractions import Fraction
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.media.container import decode, open_input, video_stream
from lipsync.media.params import FramesParams
from lipsync.media.resample import MIN_SECONDS, check_source
from lipsync.media.timeline import timelines

SLACK = 0.05  # seconds; half a picture at the lowest `frames.fps`, which extraction may round up


def check_video(video: Path, frames: FramesParams) -> None:
    """Whether stage extract_frames can read a video: both tracks, and long enough.

    A picture and a piece of audio are decoded, and the pictures of the first seconds.

    Raises LipsyncError with what is wrong.
    """
    check_source(video, frames.audio_track)
    seconds = _picture_seconds(video, MIN_SECONDS, frames.max_hole)
    if seconds < MIN_SECONDS - SLACK:
        raise LipsyncError(
            f"{video}: {seconds:.1f} s is too short; give at least {MIN_SECONDS} s, "
            "better 2 to 4 minutes"
        )


def _picture_seconds(video: Path, most: float, max_hole: float) -> float:
    """How long the pictures last, in seconds; read until they have lasted ``most``."""
    with open_input(video) as container:
        stream = video_stream(container, video)
        timeline = timelines(container, max_hole)[stream.index]
        period = 1 / (stream.guessed_rate or Fraction(25))
        begin, end = None, Fraction(0)
        for frame in decode(container, stream, timeline):
            start = end
            if frame.pts is not None and frame.time_base is not None:
                start = frame.pts * frame.time_base
            begin = start if begin is None else begin
            end = max(end, start + period)
            if end - begin >= most:
                break
    return 0.0 if begin is None else float(end - begin)
