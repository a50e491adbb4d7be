"""Writing constant-rate video."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorTrc

from lipsync.files import atomic_path
from lipsync.media.clock import exact_fps, round_half_up
from lipsync.media.colours import BT709, MATRIX_TAGS, Colours

ENCODER_THREADS = 4  # fixed: x264's output depends on it, and the same bytes are wanted everywhere
KEYFRAME_SECONDS = 1  # at most this much is decoded to reach any picture
SOUND_BIT_RATE = 128_000  # of AAC, bit/s
SOUND_FRAME = 1024  # samples of an AAC frame
# ISO 16684-3 (XMP, part 3): the UUID of the box that holds XMP in ISO media files
XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


class VideoWriter:
    """Write a constant-rate mp4; use it in a ``with``.

    The file appears under its name when the block ends well, and not at all when it fails.

    path: ends in .mp4. width, height: even, in pixels. fps: pictures per second.
    preset, crf, x264_params ("key=value:..."): of x264. colours: of the file.
    sound: mono float32 samples -1..1, whole or in blocks, and their rate in Hz, from t = 0; blocks
    are asked for as the pictures come.
    metadata: tags that mp4 knows (title, artist, comment, description, copyright, ...).
    xmp: an XMP packet, which is put where XMP's part 3 wants it in an mp4.
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
        sound: tuple[np.ndarray | Iterable[np.ndarray], int] | None = None,
        metadata: Mapping[str, str] | None = None,
        xmp: str = "",
    ) -> None:
        if width % 2 or height % 2:
            raise ValueError(f"{path}: {width}x{height}: yuv420p wants an even width and height")
        self.frames = 0  # pictures written so far
        self._path = path
        self._size = (height, width)
        self._fps = exact_fps(fps)
        self._colours = colours
        # Macroblock trees and several threads at once do not go together: in 2 of 100 runs under
        # load single frames came out another size.
        params = ":".join(part for part in (x264_params, "mbtree=0") if part)
        self._options = {"preset": preset, "crf": str(crf), "x264-params": params}
        self._keyint = max(1, round(keyframe_seconds * self._fps))
        samples, self._rate = sound if sound is not None else ([], 0)
        self._blocks = iter([samples] if isinstance(samples, np.ndarray) else samples)
        self._held = np.zeros(0, np.float32)  # sound that is not encoded yet
        self._sound_done = 0  # samples
        self._metadata = dict(metadata or {})
        self._xmp = xmp

    def __enter__(self) -> "VideoWriter":
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_path(self._path))
            stack.push(partial(_append_xmp, temporary, self._xmp))
            self._container = stack.enter_context(
                av.open(temporary.absolute(), "w", format="mp4", options={"movflags": "+faststart"})
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
        self._write_sound(until=None)
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
        context.thread_type = "FRAME"  # PyAV's default, slices, costs bits and time
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

    def write_planes(self, planes: np.ndarray) -> None:
        """Append a picture in the layout of ``media.planes``, (3 height / 2, width) uint8."""
        height, width = self._size
        if planes.shape != (height * 3 // 2, width) or planes.dtype != np.uint8:
            raise ValueError(
                f"expected uint8 {(height * 3 // 2, width)}, got {planes.dtype} {planes.shape}"
            )
        self.write_frame(av.VideoFrame.from_ndarray(planes, format="yuv420p"))

    def write_frame(self, frame: av.VideoFrame) -> None:
        """Append a picture that is yuv420p in the file's colours already."""
        frame.pts = self.frames
        frame.time_base = 1 / self._fps
        frame.pict_type = 0  # of the source it may come from; the encoder decides its own
        self._container.mux(self._video.encode(frame))
        self.frames += 1
        self._write_sound(until=round_half_up(self.frames * self._rate / self._fps))

    def _write_sound(self, until: int | None) -> None:
        """Encode sound up to sample ``until``, so that the file interleaves as it plays; or all."""
        while self._audio is not None and (until is None or self._sound_done < until):
            plane = self._next_sound()[None]  # (1, n)
            if not plane.size:
                return
            frame = av.AudioFrame.from_ndarray(plane, format="fltp", layout="mono")
            frame.sample_rate = self._rate
            frame.pts = self._sound_done
            frame.time_base = Fraction(1, self._rate)
            self._container.mux(self._audio.encode(frame))
            self._sound_done += plane.size

    def _next_sound(self) -> np.ndarray:
        """The next 1024 samples (n,) float32 -1..1; fewer at the end, none after it."""
        parts = [self._held]
        while (
            sum(map(len, parts)) < SOUND_FRAME and (block := next(self._blocks, None)) is not None
        ):
            parts.append(block)
        held = np.concatenate(parts)
        self._held = held[SOUND_FRAME:]
        return np.clip(held[:SOUND_FRAME], -1, 1).astype(np.float32)


def _append_xmp(path: Path, packet: str, kind: type[BaseException] | None, *_: object) -> None:
    """Put the packet into a box of its own behind all others, when all went well."""
    if packet and kind is None:
        content = XMP_BOX + packet.encode()
        with path.open("ab") as file:
            file.write((len(content) + 8).to_bytes(4, "big") + b"uuid" + content)
