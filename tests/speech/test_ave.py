"""The audio-visual encoder: the true names and shapes, and Wav2Lip's spectrogram."""

from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.signal import lfilter

from lipsync.media.clock import frame_time
from lipsync.speech.ave import BATCH, AveEncoder, AveNetwork
from lipsync.speech.encoder import create_encoder
from lipsync.speech.params import SpeechParams
from lipsync.speech.segments import excerpt
from tests.speech.checkpoints import AVE_NAMES, ave_weights
from tests.speech.conftest import MakeEncoder

# Of Wav2Lip's audio encoder, as audio_visual_encoder.pth holds them
SHAPES = [
    *[(32, 1, 3, 3), (32, 32, 3, 3), (32, 32, 3, 3)],
    *[(64, 32, 3, 3), (64, 64, 3, 3), (64, 64, 3, 3)],
    *[(128, 64, 3, 3), (128, 128, 3, 3), (128, 128, 3, 3)],
    *[(256, 128, 3, 3), (256, 256, 3, 3)],
    *[(512, 256, 3, 3), (512, 512, 1, 1)],
]
STRIDES = {3: (3, 1), 6: (3, 3), 9: (3, 2)}  # of layers that shrink; all others have 1
RESIDUAL = (1, 2, 4, 5, 7, 8, 10)


@pytest.fixture(scope="module")
def encoder(make_encoder: MakeEncoder) -> AveEncoder:
    encoder = make_encoder("ave")
    assert isinstance(encoder, AveEncoder)
    return encoder


def test_names_and_shapes_are_those_of_the_published_file():
    state = AveNetwork().state_dict()
    assert list(state) == AVE_NAMES
    shapes = [tuple(state[f"{layer}.conv_block.0.weight"].shape) for layer in range(13)]
    assert shapes == SHAPES


def test_layers_are_put_together_as_in_wav2lip():
    """Layer by layer with plain functions, from the state alone."""
    state = ave_weights()
    network = AveNetwork().eval()
    network.load_state_dict(state)
    windows = torch.randn(3, 1, 80, 16, generator=torch.Generator().manual_seed(1))
    x = windows
    for layer in range(13):
        part = {name: state[f"{layer}.conv_block.{name}"] for name in ("0.weight", "0.bias")}
        padding = 0 if layer > 10 else 1
        out = torch.nn.functional.conv2d(
            x, part["0.weight"], part["0.bias"], STRIDES.get(layer, 1), padding
        )
        norm = [state[f"{layer}.conv_block.1.{name}"] for name in
                ("running_mean", "running_var", "weight", "bias")]  # fmt: skip
        out = torch.nn.functional.batch_norm(out, *norm)
        x = torch.relu(out + x if layer in RESIDUAL else out)
    with torch.no_grad():
        assert torch.allclose(network(windows), x, atol=1e-5)
    assert x.shape == (3, 512, 1, 1)


def test_the_spectrogram_is_wav2lips(encoder: AveEncoder):
    """Where a window falls on Wav2Lip's grid of 200 samples, by librosa's own transform."""
    draw = np.random.default_rng(0)
    sound = (draw.normal(0, 0.1, 32_000) * np.linspace(0, 1, 32_000)).astype(np.float32)
    sound[24_000:] = 0
    frame = 20
    start = 640 * frame + 320 - 1500  # of the middle of the first of 16 columns
    shift, first = start % 200, start // 200
    sharp = lfilter([1, -0.97], [1], sound)[shift:]
    magnitude = np.abs(librosa.stft(sharp, n_fft=800, hop_length=200, win_length=800))
    mel = librosa.filters.mel(sr=16_000, n_fft=800, n_mels=80, fmin=55, fmax=7600) @ magnitude
    decibels = 20 * np.log10(np.maximum(1e-5, mel)) - 20
    wanted = np.clip(8 * (decibels + 100) / 100 - 4, -4, 4)[:, first : first + 16]
    windows = encoder.mel_windows(excerpt(sound, *encoder.span(0, BATCH)), 0)
    assert windows.shape == (BATCH, 80, 16)
    assert np.abs(windows[frame] - wanted).max() < 1e-3
    assert windows.min() >= -4
    assert windows.max() > 0


@pytest.mark.parametrize("frame", [0, 9, BATCH - 1])
def test_the_window_lies_around_its_frame(encoder: AveEncoder, frame: int):
    sound = np.zeros(64_000, np.float32)
    sound[round(frame_time(frame, 25) * 16_000)] = 1
    windows = encoder.mel_windows(excerpt(sound, *encoder.span(0, BATCH)), 0)
    loudness = windows.mean(axis=1)  # (B, 16)
    assert np.allclose(loudness[frame], loudness[frame][::-1], atol=0.02)
    assert np.flatnonzero(loudness[frame] > -4).tolist() == [6, 7, 8, 9]
    reached = np.flatnonzero((loudness > -4 + 1e-6).any(axis=1))
    assert reached.tolist() == [f for f in range(frame - 2, frame + 3) if 0 <= f < BATCH]


def test_silence_is_the_floor(encoder: AveEncoder):
    windows = encoder.mel_windows(np.zeros(encoder.span(0, 1)[1] + 2000, np.float32), 0)
    assert (windows == -4).all()


def test_other_files_with_the_same_encoder(encoder: AveEncoder, tmp_path: Path):
    """safetensors, and a Wav2Lip-like file: nested, with prefixes and other networks beside."""
    state = ave_weights()
    save_file(state, tmp_path / "ave.safetensors")
    nested = {f"module.audio_encoder.{name}": value for name, value in state.items()}
    nested["module.face_decoder.0.weight"] = torch.zeros(3)
    torch.save({"state_dict": nested, "global_step": 1}, tmp_path / "wav2lip.pth")
    sound = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
    for name in ("ave.safetensors", "wav2lip.pth"):
        other = create_encoder(SpeechParams(encoder="ave", weights=str(tmp_path / name)), 25)
        assert np.array_equal(other.encode(sound, 12), encoder.encode(sound, 12))
