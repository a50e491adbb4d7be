"""Networks that give columns at a rate of their own, brought to so many columns per frame.

The network sees one segment at a time: its sound, and some more before and after it. The stretch is
placed so that a column falls on the time of the segment's first frame; where the network's rate is
a multiple of the frame rate all others fall on theirs too, and nothing is interpolated.
"""

from fractions import Fraction

import numpy as np

from lipsync.media.audio import SAMPLE_RATE
from lipsync.speech.segments import SegmentEncoder, nearest_samples

SECONDS = 10.0  # of a segment, without what surrounds it


class ColumnEncoder(SegmentEncoder):
    """Row i holds the columns at (2 i K + 2 k + 1) / (2 K fps) seconds, k = 0 ... K - 1.

    Args:
        per_frame: K
        channels: H of a column; a row has K x H
        hop: samples between the network's columns
        centre: samples from the start of the sound to the middle of what its first column stands on
        before, after: columns that the network sees around a segment; ``after`` at least 1
        seconds: of a segment, for whose end a live stream waits
    """

    per_decibel = 0.0  # networks were trained on speech of any level

    def __init__(
        self,
        fps: float | Fraction,
        *,
        per_frame: int,
        channels: int,
        hop: int,
        centre: int,
        before: int,
        after: int,
        seconds: float = SECONDS,
    ) -> None:
        super().__init__(fps)
        self.segment = max(1, round(seconds * self.fps))
        self.dimension = per_frame * channels
        self._channels = channels
        self._centre, self._hop, self._before = centre, hop, before
        self.instants = per_frame
        self._step = SAMPLE_RATE / (per_frame * self.fps)  # samples between wanted columns
        # Where these lie among the network's columns, (K x segment,) float64
        self._places = before + np.arange(per_frame * self.segment) * float(self._step / hop)
        self._columns = int(self._places[-1]) + 1 + after
        self.silence = self._silence()

    def columns(self, sound: np.ndarray) -> np.ndarray:
        """What the network makes of (n,) float32 -1..1: (T, H) float32, T at least as asked for."""
        raise NotImplementedError

    def samples(self, columns: int) -> int:
        """Samples that the network needs for so many columns."""
        raise NotImplementedError

    def span(self, first: int, count: int) -> tuple[int, int]:
        # Always the whole segment: networks give other last bits for other lengths.
        middle = int(nearest_samples(np.array([first * self.instants]), self._step)[0])
        begin = middle - self._centre - self._before * self._hop
        return begin, begin + self.samples(self._columns)

    def rows(self, sound: np.ndarray, first: int, count: int) -> np.ndarray:
        given = self.columns(sound)  # (T, H)
        places = self._places[: count * self.instants]
        left = places.astype(int)
        share = (places - left)[:, None].astype(np.float32)
        wanted = given[left] * (1 - share) + given[left + 1] * share  # (K B, H)
        return wanted.reshape(count, self.dimension)

    def _silence(self) -> np.ndarray:
        """The row in the middle of a segment without a sound, (D,) float32."""
        rows = self.rows(np.zeros(self.samples(self._columns), np.float32), 0, self.segment)
        return rows[len(rows) // 2].copy()
