"""A source video, whatever its clock, onto ours: constant frame rate, upright, true colours.

Picture i of the result is the one that the source shows at (i + 0.5) / fps after its first picture
appeared; the sound is cut or padded to the same origin. Everything goes by presentation
timestamps, so variable frame rates, NTSC rates, edit lists and late or early tracks land right.

Pictures stay yuv420p all the way: what is 8-bit bt709 or bt601 goes to the encoder untouched and
keeps its colour tags (what is not tagged counts as bt601, as libav takes it); all else is converted
to bt709. Interlacing, pixel shape, alpha, HDR: `display`. Clocks that jump: `timeline`.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
from av.video.reformatter import ColorRange, Interpolation

from lipsync.errors import LipsyncError
from lipsync.media.audio import SAMPLE_RATE, audio_blocks, exactly, write_wav
from lipsync.media.clock import exact_fps, frame_count, sample_count
from lipsync.media.colours import BT709, colours_of
from lipsync.media.container import (
    LONG_HOLE,
    converting,
    decode,
    decodes,
    open_input,
    video_stream,
)
from lipsync.media.display import displayed
from lipsync.media.listening import Choice, choose_track
from lipsync.media.reader import probe
from lipsync.media.saying import warn
from lipsync.media.timeline import MAX_HOLE, timelines
from lipsync.media.writer import VideoWriter
from lipsync.progress import progress

MIN_SECONDS = 3  # less is a mistake; how much training needs, `training.split` says
NEVER_SHOWN = 0.02  # share of pictures with a repeated timestamp, above which a word is due
MAX_LAST_SECONDS = Fraction(1, 2)  # of the last picture; a longer duration is a broken header
# Measured at crf 8, 720p, 2 cores: superfast 10 ms and 65 KB a picture, ultrafast 6 ms and about
# double the size, veryfast 15 ms and 1 dB less.
PRESET = "superfast"
# The same quantiser everywhere: the error is bounded whatever the picture shows (crf's own choice
# saves on busy pictures), and real clips come out 10 % smaller at the same PSNR. Colour gets more,
# for an error in it weighs double in RGB.
X264_PARAMS = "aq-mode=0:psy=0:qcomp=1:ipratio=1.2:pbratio=1.1:chroma-qp-offset=-3"
# Without full chroma interpolation a change of matrix ends at 41 dB instead of 50.
EXACT_COLOURS = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)

Picture = TypeVar("Picture")
TimedFrame = tuple[Fraction, Fraction, Picture]  # seconds from, seconds to, what is shown


def extract(
    source: str | Path,
    frames: Path,
    audio: Path | None,
    *,
    fps: float,
    crf: float,
    least: float = MIN_SECONDS,
    track: Choice = "auto",
    max_hole: float = MAX_HOLE,
) -> int:
    """Write ``frames`` (mp4) and ``audio`` (16 kHz wav) from ``source``; returns the frame count.

    Without ``audio`` the source needs no sound.

    track: number of the source's audio track; auto: the one with a voice
    max_hole: seconds; longer holes in the source are closed (`timeline`)

    Raises LipsyncError if the source is missing, unreadable, shorter than ``least`` seconds, or has
    no video or no audio track; neither file is written then.
    """
    info = probe(source)
    with open_input(source) as container:
        if audio is not None:
            choose_track(container, source, track)  # refuse before the work
        shown = shown_pictures(container, video_stream(container, source), max_hole)
        begin, end, first = next(shown)
        convert = Upright(first, str(source))
        with VideoWriter(
            frames,
            convert.width,
            convert.height,
            fps,
            preset=PRESET,
            crf=crf,
            x264_params=X264_PARAMS,
            colours=convert.colours,
        ) as writer:
            ticks = on_ticks(chain([(begin, end, first)], shown), fps)
            expected = frame_count(info.seconds, fps)
            for picture in progress(ticks, total=expected, desc="extract frames"):
                writer.write_frame(convert(picture))
            seconds = writer.frames / exact_fps(fps)
            if seconds < least:
                raise LipsyncError(
                    f"{source}: {float(seconds):.1f} s is too short; "
                    f"give at least {least:g} s, better 2 to 4 minutes"
                )
            if audio is not None:
                samples = sample_count(writer.frames, fps, SAMPLE_RATE)
                blocks = audio_blocks(
                    source, SAMPLE_RATE, start=begin, track=track, max_hole=max_hole
                )
                write_wav(audio, _as_long_as_the_picture(blocks, samples, source))
    return writer.frames


def _as_long_as_the_picture(
    blocks: Iterable[np.ndarray], samples: int, source: str | Path
) -> Iterator[np.ndarray]:
    """`exactly`, with a word about what is added or left out."""
    found = 0

    def counted() -> Iterator[np.ndarray]:
        nonlocal found
        for block in blocks:
            found += len(block)
            yield block

    yield from exactly(counted(), samples)
    picture, surplus = samples / SAMPLE_RATE, (found - samples) / SAMPLE_RATE
    if surplus < -LONG_HOLE:
        warn(
            f"{source}: its audio ends at {picture + surplus:.1f} s and its picture at "
            f"{picture:.1f} s; silence from there on"
        )
    if surplus > LONG_HOLE:
        warn(f"{source}: its audio goes on for {surplus:.1f} s after its picture; it is left out")


def check_source(source: str | Path, track: Choice = "auto") -> None:
    """Whether `extract` can read a video: a picture and a piece of audio are decoded.

    Raises LipsyncError with what is wrong.
    """
    probe(source)
    with open_input(source) as container:
        picture = next(decode(container, video_stream(container, source), quiet=True))
        Upright(picture, str(source))(picture)
    with open_input(source) as container:
        stream, _ = choose_track(container, source, track)
        if not decodes(container, stream):
            raise LipsyncError(
                f"{source}: nothing of its audio can be decoded; convert it to mp4 with AAC"
            )


def on_ticks(shown: Iterable[TimedFrame[Picture]], fps: float | Fraction) -> Iterator[Picture]:
    """The picture that is shown at each (i + 0.5) / fps after the first one appeared.

    A picture is shown from its start until the next one's; the last one up to and with its end, so
    that there are `frame_count` of the whole duration.
    """
    period = 1 / exact_fps(fps)
    tick = period / 2
    origin = last = None
    for start, end, picture in shown:
        origin = start if origin is None else origin
        while last is not None and origin + tick < start:
            yield last[1]
            tick += period
        last = (end, picture)
    while last is not None and origin is not None and origin + tick <= last[0]:
        yield last[1]
        tick += period


def shown_pictures(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    max_hole: float = MAX_HOLE,
) -> Iterator[TimedFrame[av.VideoFrame]]:
    """Decoded pictures with the seconds at which each appears and (by its duration) goes.

    They are as `display` shows them, not yet upright. Holes longer than ``max_hole`` seconds are
    closed.
    """
    nominal = 1 / (stream.guessed_rate or Fraction(25))  # seconds, where the file says nothing
    before: Fraction | None = None
    seen = repeated = 0
    timeline = timelines(container, max_hole)[stream.index]
    decoded = decode(container, stream, timeline)
    for frame in displayed(decoded, stream, container.name):
        seen += 1
        unit = frame.time_base or Fraction(1)
        start = frame.pts * unit if frame.pts is not None else (before or Fraction(0)) + nominal
        if before is not None and start <= before:
            repeated += 1  # never shown, by any player
            continue
        duration = (frame.duration or 0) * unit
        if not 0 < duration <= MAX_LAST_SECONDS:
            duration = nominal
        before = start
        yield start, start + duration, frame
    if repeated > NEVER_SHOWN * seen:
        warn(
            f"{container.name}: {repeated} of {seen} pictures repeat a timestamp; they are left out"
        )


class Upright:
    """Turns decoded pictures into what the encoder takes: upright, even-sized yuv420p.

    The first picture settles size and colours. One of other colours is converted; one of another
    size (a stream that changes) is fitted in, its proportions kept, with black beside it. An odd
    last row or column is dropped.

    source: named in the LipsyncError that is raised where libav cannot convert a picture
    """

    def __init__(self, first: av.VideoFrame, source: str = "the video") -> None:
        self._source = source
        self._size = (first.width, first.height)
        self._lying = _lies(_display_matrix(first))
        width, height = self._size[::-1] if self._lying else self._size
        self.width, self.height = width // 2 * 2, height // 2 * 2
        self.colours = colours_of(first) or BT709

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        matrix = _display_matrix(frame)
        if (frame.width, frame.height) != self._size or _lies(matrix) != self._lying:
            return self._fitted(frame, matrix)
        if colours_of(frame) != self.colours:
            frame = self._converted(frame, *self._size)
        if matrix == IDENTITY and self._size == (self.width, self.height):
            return frame
        return _packed(
            plane[: self.height // part, : self.width // part]
            for part, plane in zip(PARTS, _turned(frame, matrix), strict=True)
        )

    def _converted(self, frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
        with converting(self._source):
            return frame.reformat(
                width,
                height,
                format="yuv420p",
                dst_colorspace=self.colours.matrix,
                dst_color_range=self.colours.range,
                interpolation=EXACT_COLOURS,
            )

    def _fitted(self, frame: av.VideoFrame, matrix: tuple[int, ...]) -> av.VideoFrame:
        """A picture of another size in the middle of a black one."""
        width, height = (self.height, self.width) if _lies(matrix) else (self.width, self.height)
        scale = min(Fraction(width, frame.width), Fraction(height, frame.height))
        # Corners lie on whole chroma samples.
        inner = (max(2, round(side * scale / 2) * 2) for side in (frame.width, frame.height))
        planes = _turned(self._converted(frame, *inner), matrix)
        black = 0 if self.colours.range == ColorRange.JPEG else 16
        high, wide = planes[0].shape
        top, left = (self.height - high) // 4 * 2, (self.width - wide) // 4 * 2
        made = []
        for part, plane, value in zip(PARTS, planes, (black, 128, 128), strict=True):
            whole = np.full((self.height // part, self.width // part), value, np.uint8)
            whole[top // part :, left // part :][: high // part, : wide // part] = plane
            made.append(whole)
        return _packed(made)


PARTS = (1, 2, 2)  # samples of luma, in each direction, for one of Y, U, V


def _turned(frame: av.VideoFrame, matrix: tuple[int, ...]) -> list[np.ndarray]:
    """Y, U, V of a yuv420p picture, upright."""
    return [_turn(_plane(plane), matrix) for plane in frame.planes]


def _packed(planes: Iterable[np.ndarray]) -> av.VideoFrame:
    """yuv420p of even sides from Y, U, V."""
    parts = list(planes)
    height, width = parts[0].shape
    packed = np.concatenate([part.reshape(-1) for part in parts])
    return av.VideoFrame.from_ndarray(packed.reshape(height * 3 // 2, width), format="yuv420p")


IDENTITY = (1, 0, 0, 1)


def _display_matrix(frame: av.VideoFrame) -> tuple[int, ...]:
    """Signs of a, b, c, d: pixel (x, y) is shown at (a x + c y, b x + d y); one of 8 turns."""
    if "DISPLAYMATRIX" not in frame.side_data:
        return IDENTITY
    matrix = bytes(frame.side_data["DISPLAYMATRIX"])  # type: ignore[typeddict-item]
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    if abs(a) < abs(b):
        return 0, int(np.sign(b)), int(np.sign(c)), 0
    return int(np.sign(a)), 0, 0, int(np.sign(d))


def _lies(matrix: tuple[int, ...]) -> bool:
    """Whether width and height change places."""
    return matrix[0] == 0


def _turn(plane: np.ndarray, matrix: tuple[int, ...]) -> np.ndarray:
    """(H, W) -> as shown, (H, W) or (W, H)."""
    a, b, c, d = matrix
    if a == 0:
        return plane.T[:: b or 1, :: c or 1]
    return plane[:: d or 1, :: a or 1]


def _plane(plane: av.video.plane.VideoPlane) -> np.ndarray:
    """A plane's pixels without the padding of its lines, (H, W) uint8."""
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return lines[:, : plane.width]
