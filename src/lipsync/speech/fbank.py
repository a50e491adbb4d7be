"""Kaldi's log mel filter bank: what speech recognisers such as WeNet's were trained on.

The constants are those of Kaldi's compute-fbank-feats with 80 bins and without dither, as WeNet
calls it: https://kaldi-asr.org/doc/feat.html.
"""

import numpy as np

from lipsync.media.audio import SAMPLE_RATE

HOP = 160  # samples, 10 ms
WINDOW = 400  # samples, 25 ms; a column needs all of them (snip-edges)
BINS = 80
FFT = 512
SCALE = 32768.0  # Kaldi's samples are 16-bit integers
PREEMPHASIS = 0.97
POVEY = 0.85  # power of the Hann window
LOWEST, HIGHEST = 20.0, SAMPLE_RATE / 2  # Hz
FLOOR = np.finfo(np.float32).eps  # of the energies, before the logarithm


def fbank(sound: np.ndarray) -> np.ndarray:
    """(n,) float32 -1..1 at 16 kHz -> (T, 80) float32, natural logarithms.

    Column t stands on samples 160 t ... 160 t + 399; T is as many as fit into the sound.
    """
    windows = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP] * SCALE
    windows = windows - windows.mean(axis=1, keepdims=True)  # (T, WINDOW)
    before = np.concatenate([windows[:, :1], windows[:, :-1]], axis=1)
    spectrum = np.fft.rfft((windows - PREEMPHASIS * before) * _POVEY_WINDOW, FFT)
    energy = (np.abs(spectrum) ** 2).astype(np.float32) @ _BANK  # (T, BINS)
    return np.log(np.maximum(energy, FLOOR))


def _mel(hertz: np.ndarray | float) -> np.ndarray:
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)


def _bank() -> np.ndarray:
    """Triangles that are straight on the mel scale, (FFT / 2 + 1, BINS) float32."""
    edges = np.linspace(_mel(LOWEST), _mel(HIGHEST), BINS + 2)
    mels = _mel(np.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT)[:, None]
    left, middle, right = edges[:-2], edges[1:-1], edges[2:]
    rise, fall = (mels - left) / (middle - left), (right - mels) / (right - middle)
    bank = np.maximum(np.minimum(rise, fall), 0)
    bank[-1] = 0  # Kaldi leaves the Nyquist frequency out
    return bank.astype(np.float32)


_BANK = _bank()
_POVEY_WINDOW = (np.hanning(WINDOW) ** POVEY).astype(np.float32)
