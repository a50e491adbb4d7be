"""Pictures in and out of video files.

Arrays are RGB uint8 (H, W, 3), files are H.264 yuv420p, bt709 limited range unless asked
otherwise: converted, not only tagged, so that players and `read_frames` show the colours that were
written.

`VideoWriter` makes constant-rate files with a key frame at least each second, `read_frames` reads
them from start to end, and `FrameReader` reads any picture by its index, forwards or backwards,
one group of pictures (key frame to key frame) at a time. Sources from outside go through
`lipsync.media.resample` first.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import dropwhile
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.media.clock import exact_fps, round_half_up
from lipsync.media.container import open_input, video_stream

ENCODER_THREADS = 4  # fixed: x264's output depends on it, and the same bytes are wanted everywhere
KEYFRAME_SECONDS = 1  # at most this much is decoded to reach any picture
SOUND_BIT_RATE = 128_000  # of AAC, bit/s
SOUND_FRAME = 1024  # samples of an AAC frame


class Colours(NamedTuple):
    """How YUV means RGB."""

    matrix: Colorspace  # ITU709 or ITU601
    range: ColorRange


BT709 = Colours(Colorspace.ITU709, ColorRange.MPEG)  # limited range
MATRIX_TAGS = {Colorspace.ITU709: 1, Colorspace.ITU601: 6}  # the numbers of ITU-T H.273


@dataclass(frozen=True)
class VideoInfo:
    """What a file says of itself: size in pixels as shown (upright), mean frame rate, seconds."""

    width: int
    height: int
    fps: Fraction
    seconds: float
    frames: int  # 0 where the container does not say
    has_sound: bool


def probe(path: str | Path) -> VideoInfo:
    """Read the header and the first picture of a video.

    Raises LipsyncError if the file is missing, unreadable or has no video track.
    """
    with open_input(path) as container:
        stream = video_stream(container, path)
        try:
            first = next(container.decode(stream))
        except (FFmpegError, StopIteration):
            raise LipsyncError(f"{path}: no picture can be decoded; record it again") from None
        turned = first.rotation % 180 != 0
        width, height = (first.height, first.width) if turned else (first.width, first.height)
        return VideoInfo(
            width=width,
            height=height,
            fps=stream.average_rate or stream.guessed_rate or Fraction(0),
            seconds=_seconds(container, stream),
            frames=stream.frames,
            has_sound=bool(container.streams.audio),
        )


def _seconds(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base


def to_rgb(frame: av.VideoFrame) -> np.ndarray:
    """A decoded picture as (H, W, 3) uint8 RGB, by its own colour tags."""
    return frame.to_ndarray(format="rgb24")


def read_frames(path: str | Path) -> Iterator[np.ndarray]:
    """All pictures of a constant-rate file in order, each (H, W, 3) uint8 RGB."""
    with open_input(path) as container:
        for frame in container.decode(video_stream(container, path)):
            yield to_rgb(frame)


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
        if not 0 <= index < self._length:
            raise IndexError(f"{self._path}: picture {index} of {self._length}")
        number = bisect_right(self._starts, index) - 1
        return to_rgb(self._group(number)[index - self._starts[number]])

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
        group = [frame for _, frame in zip(range(count), self._decoder, strict=False)]
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
        self._groups.clear()
        self._stack.close()

    def __enter__(self) -> "FrameReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class VideoWriter:
    """Write a constant-rate mp4; use it in a ``with``.

    The file appears under its name when the block ends well, and not at all when it fails.

    path: ends in .mp4. width, height: even, in pixels. fps: pictures per second.
    preset, crf, x264_params ("key=value:..."): of x264. colours: of the file.
    sound: mono float32 samples -1..1 and their rate in Hz, from t = 0.
    metadata: tags that mp4 knows (title, artist, comment, description, copyright, ...).
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        fps: float | Fraction,
        *,
        preset: str = "slow",
        crf: float = 18,
        x264_params: str = "",
        colours: Colours = BT709,
        keyframe_seconds: float = KEYFRAME_SECONDS,
        sound: tuple[np.ndarray, int] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        if width % 2 or height % 2:
            raise ValueError(f"{path}: {width}x{height}: yuv420p wants an even width and height")
        self.frames = 0  # pictures written so far
        self._path = path
        self._size = (height, width)
        self._fps = exact_fps(fps)
        self._colours = colours
        self._options = {"preset": preset, "crf": str(crf), "x264-params": x264_params}
        self._keyint = max(1, round(keyframe_seconds * self._fps))
        self._samples: np.ndarray
        self._samples, self._rate = sound if sound is not None else (np.zeros(0, np.float32), 0)
        self._sound_done = 0  # samples
        self._metadata = dict(metadata or {})

    def __enter__(self) -> "VideoWriter":
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_path(self._path))
            self._container = stack.enter_context(
                av.open(temporary, "w", format="mp4", options={"movflags": "+faststart"})
            )
            self._container.metadata.update(self._metadata)
            self._video = self._add_video()
            self._audio: av.AudioStream | None = None
            if self._rate:
                self._audio = self._container.add_stream("aac", rate=self._rate, layout="mono")
                self._audio.bit_rate = SOUND_BIT_RATE
            stack.push(self._finish)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> bool | None:
        return self._stack.__exit__(*error)

    def _finish(self, kind: type[BaseException] | None, *_: object) -> None:
        """Empty the encoders; called first on the way out, before the file is closed."""
        if kind is not None:
            return
        if not self.frames:
            raise ValueError(f"{self._path}: a video of no pictures")
        self._write_sound(until=len(self._samples))
        self._container.mux(self._video.encode(None))
        if self._audio is not None:
            self._container.mux(self._audio.encode(None))

    def _add_video(self) -> av.VideoStream:
        stream = self._container.add_stream("libx264", rate=self._fps, options=self._options)
        stream.height, stream.width = self._size
        context = stream.codec_context
        context.pix_fmt = "yuv420p"
        context.time_base = 1 / self._fps
        context.gop_size = self._keyint
        context.thread_count = ENCODER_THREADS
        context.colorspace = MATRIX_TAGS[self._colours.matrix]
        context.color_range = self._colours.range
        context.color_primaries = ColorPrimaries.BT709
        context.color_trc = ColorTrc.BT709
        return stream

    def write(self, picture: np.ndarray) -> None:
        """Append a picture, (height, width, 3) uint8 RGB."""
        if picture.shape != (*self._size, 3) or picture.dtype != np.uint8:
            raise ValueError(
                f"expected uint8 {(*self._size, 3)}, got {picture.dtype} {picture.shape}"
            )
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        matrix, limits = self._colours
        self.write_frame(
            frame.reformat(format="yuv420p", dst_colorspace=matrix, dst_color_range=limits)
        )

    def write_frame(self, frame: av.VideoFrame) -> None:
        """Append a picture that is yuv420p in the file's colours already."""
        frame.pts = self.frames
        frame.time_base = 1 / self._fps
        frame.pict_type = 0  # of the source it may come from; the encoder decides its own
        self._container.mux(self._video.encode(frame))
        self.frames += 1
        self._write_sound(until=round_half_up(self.frames * self._rate / self._fps))

    def _write_sound(self, until: int) -> None:
        """Encode sound up to sample ``until``, so that the file interleaves as it plays."""
        while self._audio is not None and self._sound_done < min(until, len(self._samples)):
            start = self._sound_done
            block = self._samples[start : start + SOUND_FRAME]  # (n,)
            plane = np.clip(block, -1, 1).astype(np.float32)[None]  # (1, n)
            frame = av.AudioFrame.from_ndarray(plane, format="fltp", layout="mono")
            frame.sample_rate = self._rate
            frame.pts = start
            frame.time_base = Fraction(1, self._rate)
            self._container.mux(self._audio.encode(frame))
            self._sound_done += len(block)
