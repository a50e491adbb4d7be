"""Log-mel spectrogram, four columns a frame.

Row i of (4 x 80,) holds four columns 1 / (4 fps) apart (10 ms at 25 fps), placed symmetrically
around the middle of frame i: column j = 4 i + k of the whole lies at (j + 0.5) / (4 fps). Each is a
25 ms Hann window gathered around its exact time, not on a hop of whole samples, so every frame rate
works and an hour does not drift.

The scale is fixed: 0 is digital silence (and whatever lies under the floor, 75 dB below loud
speech), about 1 is loud speech.
"""

from fractions import Fraction

import numpy as np

from lipsync.media.audio import SAMPLE_RATE
from lipsync.speech.segments import SegmentEncoder, nearest_samples

COLUMNS = 4  # a frame
BANDS = 80
WINDOW = 400  # samples: 25 ms, about two pitch periods of a low voice
FFT = 512  # samples; zero-padded so that the lowest bands hold two bins each
LOWEST, HIGHEST = 55.0, 7600.0  # Hz: above hum and rumble, below the edge of 16 kHz codecs
FLOOR = 1e-7  # mel power (|X|^2 of the Hann window, librosa's area-normalised bands)
DECADES = 8.0  # of power from FLOOR to 1; loud speech peaks at mel power 1 ... 10
SEGMENT = 1  # frames transformed at a time: live sound gives the same bits as a whole file


class MelEncoder(SegmentEncoder):
    """Implements `lipsync.speech.encoder.SpeechEncoder`."""

    dimension = COLUMNS * BANDS
    segment = SEGMENT
    per_decibel = 0.1 / DECADES
    instants = COLUMNS
    weights_sha256 = ""

    def __init__(self, fps: float | Fraction) -> None:
        from librosa.filters import mel  # takes a second or two to import

        super().__init__(fps)
        self._step = SAMPLE_RATE / (COLUMNS * self.fps)  # samples between columns, exact
        self._window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)  # periodic, peak at 200
        self._bands = mel(
            sr=SAMPLE_RATE, n_fft=FFT, n_mels=BANDS, fmin=LOWEST, fmax=HIGHEST, dtype=np.float32
        ).T  # (FFT / 2 + 1, BANDS)

    @property
    def silence(self) -> np.ndarray:
        return np.zeros(self.dimension, np.float32)

    def span(self, first: int, count: int) -> tuple[int, int]:
        starts = self._starts(first, count)
        return int(starts[0]), int(starts[-1]) + WINDOW

    def rows(self, sound: np.ndarray, first: int, count: int) -> np.ndarray:
        windows = self._windows(sound, first, count)
        power = np.abs(np.fft.rfft(windows * self._window, FFT)) ** 2  # (4 B, FFT / 2 + 1)
        columns = np.log10(np.maximum(power @ self._bands, FLOOR) / FLOOR) / DECADES
        return columns.reshape(count, self.dimension)  # (4 B, 80) -> (B, 4 x 80)

    def _windows(self, sound: np.ndarray, first: int, count: int) -> np.ndarray:
        """The windows around the columns' times, (4 B, WINDOW) float32."""
        starts = self._starts(first, count)
        return np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[starts - starts[0]]

    def _starts(self, first: int, count: int) -> np.ndarray:
        """The first sample of each column's window, (4 B,) int64."""
        columns = np.arange(first * COLUMNS, (first + count) * COLUMNS)
        return nearest_samples(columns, self._step) - WINDOW // 2
