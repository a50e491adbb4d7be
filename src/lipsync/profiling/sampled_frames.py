"""What is kept of a video while it is decoded once: every picture small, a few of them whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import cv2
import numpy as np

from lipsync.media.container import open_input, video_stream
from lipsync.media.params import MAX_HOLE
from lipsync.media.resample import Upright, on_ticks, shown_pictures

SMALL = 96  # pixels of a small picture's longer side; a face of a tenth of it still has 50 pixels
KEPT = 64  # whole pictures at most
MEMORY = 256 << 20  # bytes that whole pictures take at most


class SampledFrames:
    """Looks at pictures as they come. Keeps evenly spaced ones: when too many, every other goes."""

    def __init__(self) -> None:
        self._small: list[np.ndarray] = []
        self._kept: dict[int, av.VideoFrame] = {}
        self._step = 1

    def see(self, frame: av.VideoFrame) -> None:
        """The next picture, yuv420p; it is not to be changed afterwards."""
        number = len(self._small)
        luma = frame.planes[0]
        whole = np.frombuffer(memoryview(luma), np.uint8).reshape(luma.height, luma.line_size)
        scale = min(1.0, SMALL / max(frame.width, frame.height))
        size = (max(1, round(frame.width * scale)), max(1, round(frame.height * scale)))
        small = cv2.resize(whole[:, : luma.width], size, interpolation=cv2.INTER_AREA)
        self._small.append(small)
        most = max(8, min(KEPT, MEMORY // (frame.width * frame.height * 3 // 2)))
        if number % self._step == 0:
            self._kept[number] = frame
        if len(self._kept) > most:
            self._step *= 2
            self._kept = {n: f for n, f in self._kept.items() if n % self._step == 0}

    @property
    def small(self) -> np.ndarray:
        """(N, h, w) uint8 luma, the longer side SMALL pixels or that of the video."""
        return np.stack(self._small)

    @property
    def kept(self) -> dict[int, av.VideoFrame]:
        """By frame number."""
        return self._kept


@dataclass(frozen=True)
class Upstream:
    """A video from outside at a constant rate; ``origin`` is where its first picture lies, s."""

    origin: Fraction
    width: int
    height: int
    frames: Iterator[av.VideoFrame]


@contextmanager
def open_upstream(path: Path, fps: float, max_hole: float = MAX_HOLE) -> Iterator[Upstream]:
    """Open a video of any kind as stage extract_frames would write it, without writing it.

    max_hole: seconds, `frames.max_hole`

    Raises LipsyncError if the video is missing or unreadable.
    """
    with open_input(path) as container:
        shown = shown_pictures(container, video_stream(container, path), max_hole)
        begin, end, first = next(shown)
        convert = Upright(first, str(path))
        ticks = on_ticks(chain([(begin, end, first)], shown), fps)
        yield Upstream(begin, convert.width, convert.height, map(convert, ticks))
