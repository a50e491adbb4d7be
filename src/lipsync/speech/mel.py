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
from lipsync.media.clock import exact_fps

COLUMNS = 4  # a frame
BANDS = 80
WINDOW = 400  # samples: 25 ms, about two pitch periods of a low voice
FFT = 512  # samples; zero-padded so that the lowest bands hold two bins each
LOWEST, HIGHEST = 55.0, 7600.0  # Hz: above hum and rumble, below the edge of 16 kHz codecs
FLOOR = 1e-7  # mel power (|X|^2 of the Hann window, librosa's area-normalised bands)
DECADES = 8.0  # of power from FLOOR to 1; loud speech peaks at mel power 1 ... 10
BLOCK = 1024  # columns transformed at a time: 400 x 1024 floats are 1.6 MB


class MelEncoder:
    """Implements `lipsync.speech.encoder.SpeechEncoder`."""

    dimension = COLUMNS * BANDS
    per_decibel = 0.1 / DECADES

    def __init__(self, fps: float | Fraction) -> None:
        from librosa.filters import mel  # takes a second or two to import

        self._step = SAMPLE_RATE / (COLUMNS * exact_fps(fps))  # samples between columns, exact
        self._window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)  # periodic, peak at 200
        self._bands = mel(
            sr=SAMPLE_RATE, n_fft=FFT, n_mels=BANDS, fmin=LOWEST, fmax=HIGHEST, dtype=np.float32
        ).T  # (FFT / 2 + 1, BANDS)

    @property
    def silence(self) -> np.ndarray:
        return np.zeros(self.dimension, np.float32)

    def encode(self, samples: np.ndarray, frames: int) -> np.ndarray:
        """(n,) float32 -1..1 at 16 kHz -> (frames, 320) float32, about 0..1."""
        columns = np.empty((frames * COLUMNS, BANDS), np.float32)
        for start in range(0, len(columns), BLOCK):
            block = columns[start : start + BLOCK]
            windows = self._gather(samples, np.arange(start, start + len(block)))
            power = np.abs(np.fft.rfft(windows * self._window, FFT)) ** 2  # (B, FFT / 2 + 1)
            block[:] = np.log10(np.maximum(power @ self._bands, FLOOR) / FLOOR) / DECADES
        return columns.reshape(frames, self.dimension)  # (4 N, 80) -> (N, 4 x 80)

    def _gather(self, samples: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """The windows around the columns' times, (B, WINDOW) float32, silence beyond the ends."""
        # Nearest sample to (j + 0.5) * step in integers: floor(((2 j + 1) p + q) / 2 q).
        p, q = self._step.numerator, self._step.denominator
        centres = ((2 * columns.astype(np.int64) + 1) * p + q) // (2 * q)
        first = int(centres[0]) - WINDOW // 2
        last = int(centres[-1]) + WINDOW // 2
        sound = np.zeros(last - first, np.float32)
        begin, end = max(first, 0), min(last, len(samples))
        if begin < end:
            sound[begin - first : end - first] = samples[begin:end]
        starts = centres - WINDOW // 2 - first  # (B,)
        return np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[starts]
