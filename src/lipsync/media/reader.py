"""Reading constant-rate video, in order or by index."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import dropwhile
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from lipsync.errors import LipsyncError
from lipsync.media.clock import exact_fps, round_half_up
from lipsync.media.colours import to_rgb
from lipsync.media.container import decode, is_decodable, open_input, video_stream, words
from lipsync.media.display import displayed_size
from lipsync.media.planes import to_planes
from lipsync.media.timeline import timelines


@dataclass(frozen=True)
class VideoInfo:
    """What a file says of itself: size in pixels as shown (upright), mean frame rate, seconds."""

    width: int
    height: int
    fps: Fraction
    seconds: float
    frames: int  # 0 where the container does not say
    has_sound: bool  # that can be decoded
    unknown_sound: bool = False  # audio tracks are there, all in codecs that are not known here


def probe(path: str | Path) -> VideoInfo:
    """Read the header and the first picture of a video; all of it where no header says how long.

    Raises LipsyncError if the file is missing, unreadable or has no video track to decode.
    """
    with open_input(path) as container:
        stream = video_stream(container, path)
        heard = list(map(is_decodable, container.streams.audio))
        decoded = decode(container, stream, quiet=True)
        first = next(decoded, None)
        if first is None:
            raise LipsyncError(f"{path}: no picture can be decoded; record it again, or convert it")
        turned = first.rotation % 180 != 0
        width, height = displayed_size(first, stream)
        if turned:
            width, height = height, width
        return VideoInfo(
            width=width,
            height=height,
            fps=stream.average_rate or stream.guessed_rate or Fraction(0),
            seconds=_seconds(container, stream),
            frames=stream.frames,
            has_sound=any(heard),
            unknown_sound=bool(heard) and not any(heard),
        )


def _seconds(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return float(container.duration / av.time_base)
    return timelines(container)[stream.index].seconds  # a browser's recording, say


def read_frames(path: str | Path) -> Iterator[np.ndarray]:
    """All pictures of a constant-rate file in order, each (H, W, 3) uint8 RGB."""
    yield from map(to_rgb, _decoded(path))


def read_planes(path: str | Path) -> Iterator[np.ndarray]:
    """The same in the layout of ``media.planes``, (3 H / 2, W) uint8; sides are even."""
    yield from map(to_planes, _decoded(path))


def _decoded(path: str | Path) -> Iterator[av.VideoFrame]:
    """Of a file that we made, so damage is an error: it has to be made again."""
    with open_input(path) as container:
        try:
            yield from container.decode(video_stream(container, path))
        except FFmpegError as error:
            raise LipsyncError(f"{path}: damaged ({words(error)}); make it again") from None


class FrameReader:
    """Any picture of a constant-rate file by its index: ``reader[i]`` is (H, W, 3) uint8 RGB.

    The pictures between two key frames are decoded together and the last two such groups are kept
    (as yuv420p: 1.5 bytes a pixel), so forward, backward and ping-pong reading decode each picture
    about once and memory is bounded by two seconds of video.
    """

    GROUPS_KEPT = 2

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._stack = ExitStack()
        self._container = self._stack.enter_context(open_input(path))
        self._stream = video_stream(self._container, path)
        index = list(self._stream.index_entries)
        self._length = len(index)
        # Groups are closed, so a key frame's place in decoding order is its place in time.
        self._starts = [i for i, entry in enumerate(index) if entry.is_keyframe]
        if not self._starts or self._starts[0] != 0:
            self._stack.close()
            raise LipsyncError(f"{path}: not a file with an index of pictures; make it again")
        self._groups: OrderedDict[int, list[av.VideoFrame]] = OrderedDict()
        self._decoder: Iterator[av.VideoFrame] = iter(())
        self._next_group = -1  # the group that the decoder would give without seeking

        self.fps = exact_fps(self._stream.average_rate or Fraction(0))
        self.width, self.height = self._stream.width, self._stream.height

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> np.ndarray:
        return to_rgb(self.frame(index))

    def frame(self, index: int) -> av.VideoFrame:
        """The decoded picture itself; it is shared and not to be changed."""
        if not 0 <= index < self._length:
            raise IndexError(f"{self._path}: picture {index} of {self._length}")
        number = bisect_right(self._starts, index) - 1
        return self._group(number)[index - self._starts[number]]

    def _group(self, number: int) -> list[av.VideoFrame]:
        if number in self._groups:
            self._groups.move_to_end(number)
            return self._groups[number]
        while len(self._groups) >= self.GROUPS_KEPT:
            self._groups.popitem(last=False)
        start = self._starts[number]
        end = self._starts[number + 1] if number + 1 < len(self._starts) else self._length
        if number != self._next_group:
            self._decoder = self._decode_from(start)
        count = end - start
        try:
            group = [frame for _, frame in zip(range(count), self._decoder, strict=False)]
        except FFmpegError:
            group = []
        if len(group) != count or not group[0].key_frame:
            raise LipsyncError(f"{self._path}: damaged near picture {end}; make it again")
        self._next_group = number + 1
        self._groups[number] = group
        return group

    def _decode_from(self, index: int) -> Iterator[av.VideoFrame]:
        """Decode from picture ``index`` on, which is a key frame."""
        unit = self._stream.time_base or Fraction(1)  # seconds
        time = (self._stream.start_time or 0) + round_half_up(index / self.fps / unit)
        self._container.seek(time, stream=self._stream)
        frames = self._container.decode(self._stream)
        return dropwhile(lambda frame: (frame.pts or 0) < time, frames)

    def close(self) -> None:
        self._decoder = iter(())
        self._groups.clear()
        self._stack.close()

    def __enter__(self) -> "FrameReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
