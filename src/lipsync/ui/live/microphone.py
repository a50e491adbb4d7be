"""What the browser's microphone sends (48 kHz, stereo, 16 bits), as the avatar hears it."""

import av
import numpy as np

from lipsync.media.audio import SAMPLE_RATE

LONGEST_GAP = 5.0  # seconds of lost packets that become silence; a session ends after as long


class Microphone:
    """Frames in, (n,) float32 -1..1 at 16 kHz out.

    Lost packets leave a hole in the timestamps, which becomes silence: what is said keeps its time.
    """

    def __init__(self) -> None:
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        self._next: int | None = None  # timestamp that the next frame has, if nothing is lost

    def take(self, frame: av.AudioFrame) -> np.ndarray:
        """The samples that are ready; libav's resampler holds back under 1 ms."""
        missing = 0.0
        if self._next is not None and frame.pts is not None and frame.pts > self._next:
            missing = (frame.pts - self._next) / frame.sample_rate
        if frame.pts is not None:
            self._next = frame.pts + frame.samples
        given = [each.to_ndarray()[0] for each in self._resampler.resample(frame)]
        silence = np.zeros(round(min(missing, LONGEST_GAP) * SAMPLE_RATE), np.float32)
        return np.concatenate([silence, *given])
