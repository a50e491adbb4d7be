"""The audio-visual encoder of SyncTalk (Peng et al., 2024): 0.2 s of mel spectrogram -> 512.

The network and its input are those of Wav2Lip's audio encoder (Prajwal et al., 2020): a window of
16 columns, 12.5 ms apart, of 80 mel bands in decibels, through convolutions with residuals and
batch normalisation. SyncTalk trained it on lip-synchronous video, so that it hears what lips show.
Here the window of frame i lies around (i + 0.5) / fps and is gathered around its exact time.
"""

import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lipsync.errors import LipsyncError, first_line
from lipsync.media.audio import SAMPLE_RATE
from lipsync.speech.params import SpeechParams
from lipsync.speech.segments import SegmentEncoder, nearest_samples
from lipsync.speech.weights import sha256, weights_file

# Wav2Lip's settings of the spectrogram (its hparams.py and audio.py)
FFT = 800  # samples of a periodic Hann window, 50 ms
HOP = 200  # samples between columns, 12.5 ms
COLUMNS = 16  # of a window
BANDS = 80
LOWEST, HIGHEST = 55.0, 7600.0  # Hz
PREEMPHASIS = 0.97  # y[n] = x[n] - 0.97 x[n - 1]
AMPLITUDE_FLOOR = 1e-5  # of the mel amplitudes: -100 dB
REFERENCE = 20.0  # dB that are taken off
MINIMUM = -100.0  # dB, becomes -4; 0 dB becomes 4
LARGEST = 4.0

REACH = HOP * (COLUMNS - 1) // 2  # samples from the middle of a window to its outer columns
BATCH = 32  # frames that the network sees at once, always so many: see `columns.ColumnEncoder`

# (channels in, out, kernel, stride, padding); equal channels and a kernel of 3 add the input
LAYERS: tuple[tuple[int, int, int, int | tuple[int, int], int], ...] = (
    (1, 32, 3, 1, 1),
    (32, 32, 3, 1, 1),
    (32, 32, 3, 1, 1),
    (32, 64, 3, (3, 1), 1),
    (64, 64, 3, 1, 1),
    (64, 64, 3, 1, 1),
    (64, 128, 3, 3, 1),
    (128, 128, 3, 1, 1),
    (128, 128, 3, 1, 1),
    (128, 256, 3, (3, 2), 1),
    (256, 256, 3, 1, 1),
    (256, 512, 3, 1, 0),
    (512, 512, 1, 1, 0),
)


class Layer(nn.Module):
    """Convolution, batch normalisation, ReLU; with the input added where shapes allow it."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int | tuple[int, int], padding: int
    ) -> None:
        super().__init__()
        # The names of the published weights: <layer>.conv_block.<0 or 1>.weight
        self.conv_block = nn.Sequential(
            nn.Conv2d(inputs, outputs, kernel, stride, padding), nn.BatchNorm2d(outputs)
        )
        self.residual = inputs == outputs and kernel > 1

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        out = self.conv_block(features)
        return F.relu(out + features if self.residual else out)


class AveNetwork(nn.Sequential):
    """(B, 1, 80, 16) mel windows -4..4 -> (B, 512, 1, 1)."""

    def __init__(self) -> None:
        super().__init__(*(Layer(*layer) for layer in LAYERS))


class AveEncoder(SegmentEncoder):
    """Implements `lipsync.speech.encoder.SpeechEncoder`."""

    dimension = LAYERS[-1][1]
    segment = BATCH
    per_decibel = 0.0  # the network was trained on speech of any level
    instants = 1

    def __init__(self, fps: float | Fraction, params: SpeechParams) -> None:
        from librosa.filters import mel

        super().__init__(fps)
        path = weights_file(params)
        self.weights_sha256 = sha256([path])
        self._network = AveNetwork()
        try:
            self._network.load_state_dict(_read(str(path)))
        except (RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as error:
            problem = first_line(error).rstrip(":")
            raise LipsyncError(
                f"{path}: not the weights of SyncTalk's audio-visual encoder ({problem}); "
                "download it again, see docs/speech.md"
            ) from error
        self._network.requires_grad_(False).eval()
        self._step = SAMPLE_RATE / self.fps  # samples between frames, exact
        self._window = np.hanning(FFT + 1)[:-1].astype(np.float32)
        self._bands = mel(
            sr=SAMPLE_RATE, n_fft=FFT, n_mels=BANDS, fmin=LOWEST, fmax=HIGHEST, dtype=np.float32
        ).T  # (FFT / 2 + 1, BANDS)
        begin, end = self.span(0, BATCH)
        self.silence = self.rows(np.zeros(end - begin, np.float32), 0, BATCH)[BATCH // 2].copy()

    def span(self, first: int, count: int) -> tuple[int, int]:
        middles = nearest_samples(np.array([first, first + BATCH - 1]), self._step)
        reach = REACH + FFT // 2
        return int(middles[0]) - reach - 1, int(middles[1]) + reach  # one more for pre-emphasis

    def rows(self, sound: np.ndarray, first: int, count: int) -> np.ndarray:
        windows = torch.from_numpy(self.mel_windows(sound, first))[:, None]  # (B, 1, 80, 16)
        return self._network(windows)[:, :, 0, 0].numpy()[:count]

    def mel_windows(self, sound: np.ndarray, first: int) -> np.ndarray:
        """Wav2Lip's mel spectrogram around each frame of the segment, (B, 80, 16) float32 -4..4."""
        sharp = sound[1:] - PREEMPHASIS * sound[:-1]
        middles = nearest_samples(np.arange(first, first + BATCH), self._step)
        starts = (middles - middles[0])[:, None] + np.arange(COLUMNS) * HOP  # (B, 16)
        pieces = np.lib.stride_tricks.sliding_window_view(sharp, FFT)[starts]  # (B, 16, FFT)
        amplitude = np.abs(np.fft.rfft(pieces * self._window)) @ self._bands  # (B, 16, 80)
        decibels = 20 * np.log10(np.maximum(amplitude, AMPLITUDE_FLOOR)) - REFERENCE
        scaled = 2 * LARGEST * (decibels - MINIMUM) / -MINIMUM - LARGEST
        windows = scaled.clip(-LARGEST, LARGEST).astype(np.float32)
        return np.ascontiguousarray(windows.transpose(0, 2, 1))


def _read(path: str) -> dict[str, torch.Tensor]:
    """The encoder's tensors by their names in the file, of a .pth or a safetensors file.

    Also takes files that hold more, as Wav2Lip's own: ``state_dict`` within, names that begin with
    ``module.`` and ``audio_encoder.``.
    """
    if path.endswith(".safetensors"):
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            tensors: Any = load_file(path)
        except SafetensorError as error:
            raise ValueError(str(error)) from None
    else:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(tensors, dict):
        raise ValueError(f"it holds a {type(tensors).__name__}")
    if isinstance(tensors.get("state_dict"), dict):
        tensors = tensors["state_dict"]
    names = {name: name.removeprefix("module.") for name in tensors}
    if any(name.startswith("audio_encoder.") for name in names.values()):
        names = {k: v for k, v in names.items() if v.startswith("audio_encoder.")}
    return {name.removeprefix("audio_encoder."): tensors[key] for key, name in names.items()}
