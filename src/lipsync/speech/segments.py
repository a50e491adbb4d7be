"""Streaming: sound in blocks, rows out, in memory that does not grow with the length.

Rows are computed segment by segment on a grid that begins at frame 0. A segment is computed from a
stretch of sound that follows from its first frame alone, so its rows do not depend on how the sound
was cut into blocks, and whole sound gives the same bits as a stream.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np

from lipsync.media.audio import SAMPLE_RATE
from lipsync.media.clock import exact_fps, frame_count

PIECE = 1 << 16  # samples that are taken over at a time: 4 s, 256 KiB


class SegmentEncoder:
    """What encoders share. A subclass sets ``segment`` and ``dimension``, has `span` and `rows`."""

    segment: int  # frames
    dimension: int  # D
    fps: Fraction

    def __init__(self, fps: float | Fraction) -> None:
        self.fps = exact_fps(fps)

    def span(self, first: int, count: int) -> tuple[int, int]:
        """The samples [begin, end) that frames ``first`` ... ``first + count - 1`` are made of.

        ``first`` is a multiple of ``segment``, ``count`` at most ``segment``. ``begin`` rises with
        ``first`` and may be negative.
        """
        raise NotImplementedError

    def rows(self, sound: np.ndarray, first: int, count: int) -> np.ndarray:
        """The rows of these frames, (count, D) float32; ``sound`` holds just their `span`."""
        raise NotImplementedError

    def encode(self, samples: np.ndarray | Iterable[np.ndarray], frames: int) -> np.ndarray:
        """(n,) float32 -1..1 at 16 kHz, or blocks of it -> (frames, D) float32."""
        blocks = [samples] if isinstance(samples, np.ndarray) else samples
        rows = np.empty((frames, self.dimension), np.float32)
        first = 0
        for block in self.stream(blocks, frames):
            rows[first : first + len(block)] = block
            first += len(block)
        return rows

    def stream(
        self, blocks: Iterable[np.ndarray], frames: int | None = None
    ) -> Iterator[np.ndarray]:
        """Sound in blocks (n,) float32 -1..1 at 16 kHz -> rows in blocks (B, D) float32.

        Holds one segment's sound. ``frames`` is the number of rows in all; None gives as many as
        the sound lasts (`media.clock.frame_count`).
        """
        stream = RowStream(self, frames)
        for piece in _pieces(blocks):
            if len(rows := stream.push(piece)):
                yield rows
            if stream.first == frames:
                return
        if len(rows := stream.finish()):
            yield rows

    def open_stream(self) -> "RowStream":
        """Rows of sound that is still being spoken."""
        return RowStream(self)


class RowStream:
    """Sound in, rows out as soon as all that they are made of was heard; holds a segment's sound.

    ``frames`` is the number of rows in all; None gives as many as the sound lasts.
    """

    def __init__(self, encoder: SegmentEncoder, frames: int | None = None) -> None:
        self._encoder, self._frames = encoder, frames
        self.first = 0  # frame to be computed next
        self._origin = 0  # number of the first sample that is held
        self._held = np.zeros(0, np.float32)

    def push(self, samples: np.ndarray) -> np.ndarray:
        """The next samples (n,) float32 -1..1 at 16 kHz -> rows (B, D) float32; B may be 0."""
        encoder, frames, rows = self._encoder, self._frames, []
        self._held = np.concatenate([self._held, samples])
        heard = self._origin + len(self._held)
        while self.first != frames:
            count = encoder.segment
            if frames is not None:
                count = min(count, frames - self.first)
            if encoder.span(self.first, count)[1] > heard:
                break
            if frames is None and self.first + count > self._lasts():
                break
            rows.append(self._segment(count))
        start = max(self._origin, encoder.span(self.first, 1)[0])
        self._held = self._held[start - self._origin :]
        self._origin = min(start, heard)
        return self._joined(rows)

    def finish(self) -> np.ndarray:
        """The rows that are left, (B, D); silence follows the last sample."""
        frames, rows = self._lasts() if self._frames is None else self._frames, []
        while self.first < frames:
            rows.append(self._segment(min(self._encoder.segment, frames - self.first)))
        return self._joined(rows)

    def _lasts(self) -> int:
        seconds = Fraction(self._origin + len(self._held), SAMPLE_RATE)
        return frame_count(seconds, self._encoder.fps)

    def _segment(self, count: int) -> np.ndarray:
        first, encoder = self.first, self._encoder
        begin, end = encoder.span(first, count)
        sound = excerpt(self._held, begin - self._origin, end - self._origin)
        self.first += count
        return encoder.rows(sound, first, count)

    def _joined(self, rows: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.zeros((0, self._encoder.dimension), np.float32), *rows])


def excerpt(samples: np.ndarray, begin: int, end: int) -> np.ndarray:
    """``samples[begin:end]``, (end - begin,) float32, with silence beyond both ends."""
    sound = np.zeros(end - begin, np.float32)
    start, stop = max(begin, 0), min(end, len(samples))
    if start < stop:
        sound[start - begin : stop - begin] = samples[start:stop]
    return sound


def nearest_samples(indices: np.ndarray, step: Fraction) -> np.ndarray:
    """The samples nearest to (index + 0.5) x ``step``, halves upwards, int64; exact integers."""
    # floor(((2 j + 1) p + q) / 2 q) for a step of p / q samples
    p, q = step.numerator, step.denominator
    return ((2 * indices.astype(np.int64) + 1) * p + q) // (2 * q)


def _pieces(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    for block in blocks:
        for start in range(0, len(block), PIECE):
            yield block[start : start + PIECE]
