"""Kaldi's filter bank, and WeNet's encoder with its caches."""

import math
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from lipsync.speech.encoder import create_encoder
from lipsync.speech.fbank import fbank
from lipsync.speech.params import SpeechParams
from lipsync.speech.wenet import ChunkNetwork
from tests.speech.checkpoints import write_wenet

OUTPUTS = ["output", "r_att_cache", "r_cnn_cache"]


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)


def kaldi_frame(sound: np.ndarray) -> list[float]:
    """80 bins of one frame of 400 samples, number by number as Kaldi's documentation says it."""
    x = [float(value) * 32768 for value in sound]
    mean = sum(x) / 400
    x = [value - mean for value in x]
    x = [x[0] - 0.97 * x[0]] + [x[i] - 0.97 * x[i - 1] for i in range(1, 400)]
    x = [v * (0.5 - 0.5 * math.cos(2 * math.pi * i / 399)) ** 0.85 for i, v in enumerate(x)]
    turns = np.exp(-2j * np.pi * np.outer(np.arange(256), np.arange(400)) / 512)
    power = np.abs(turns @ np.array(x)) ** 2  # 256 bins of 31.25 Hz, without Nyquist

    def mel(hertz: float) -> float:
        return 1127 * math.log(1 + hertz / 700)

    low, step = mel(20), (mel(8000) - mel(20)) / 81
    bins = []
    for number in range(80):
        left, middle, right = (low + (number + k) * step for k in range(3))
        energy = 0.0
        for k in range(256):
            m = mel(31.25 * k)
            if left < m < right:
                edge = left if m <= middle else right
                energy += (m - edge) / (middle - edge) * power[k]
        bins.append(math.log(max(energy, 1.1920929e-7)))
    return bins


def test_the_filter_bank_is_kaldis():
    sound = noise(1400)
    bank = fbank(sound)
    assert (bank.shape, bank.dtype) == ((7, 80), np.float32)  # (1400 - 400) // 160 + 1
    for column in (0, 3, 6):
        wanted = kaldi_frame(sound[160 * column : 160 * column + 400])
        assert np.abs(bank[column] - wanted).max() < 1e-3


def test_silence_and_an_offset_are_the_floor():
    for level in (0, 0.25):
        bank = fbank(np.full(1000, level, np.float32))
        assert np.allclose(bank, math.log(1.1920929e-7), atol=1e-4)


def by_hand(path: Path, columns: np.ndarray, own_export: bool) -> np.ndarray:
    """Two chunks straight through the runtime, caches and positions handed on."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    kept, given = 64 if own_export else 16, []
    feed: dict[str, np.ndarray] = {
        "att_cache": np.zeros((3, 2, kept, 8), np.float32),
        "cnn_cache": np.zeros((3, 1, 6, 14), np.float32),
    }
    for number in range(2):
        chunk = columns[64 * number : 64 * number + 67]
        if own_export:
            mask = np.zeros((1, 1, kept + 16), bool)
            mask[..., -16 * (number + 1) :] = True
            feed |= {"chunk": chunk[None], "offset": np.array(64 + 16 * number), "att_mask": mask}
        else:
            feed |= {"chunk": chunk[None, None], "offset": np.array([100 + 16 * number])}
        output, feed["att_cache"], feed["cnn_cache"] = session.run(OUTPUTS, feed)
        given.append(output[0])
    return np.concatenate(given)


@pytest.mark.parametrize("own_export", [False, True])
def test_chunks_hand_their_caches_on(tmp_path: Path, own_export: bool):
    path = write_wenet(tmp_path / "w.onnx", own_export=own_export)
    network = ChunkNetwork(path)
    sizes = (network.window, network.outputs, network.channels, network.subsampling)
    assert sizes == (67, 16, 6, 4)
    assert [network.needs(n) for n in (1, 16, 17, 32)] == [67, 67, 131, 131]
    columns = fbank(noise((131 - 1) * 160 + 400))
    given = network(columns)
    assert np.allclose(given, by_hand(path, columns, own_export), atol=1e-5)
    # The second chunk remembers the first.
    assert not np.allclose(given[16:], network(columns[64:])[:16], atol=1e-3)
    assert np.array_equal(network(columns), given)  # and the next call nothing of this one


@pytest.mark.parametrize("own_export", [False, True])
def test_rows_are_outputs_at_their_times(tmp_path: Path, own_export: bool):
    """25 outputs a second at 25 fps: row i is output i + 32, after two chunks that fill caches."""
    path = write_wenet(tmp_path / "w.onnx", own_export=own_export)
    encoder = create_encoder(SpeechParams(encoder="wenet", weights=str(path)), 25)
    sound = noise(16_000 * 13)
    # Output t stands on fbank columns 4 t ... 4 t + 6, whose middle is 640 t + 480 + 200.
    begin = 320 - 680 - 32 * 640
    outputs = ChunkNetwork(path)(fbank(np.concatenate([np.zeros(-begin, np.float32), sound])))
    assert np.allclose(encoder.encode(sound, 250), outputs[32 : 32 + 250], atol=1e-4)


def test_a_segment_forgets_the_one_before(tmp_path: Path):
    path = write_wenet(tmp_path / "w.onnx")
    encoder = create_encoder(SpeechParams(encoder="wenet", weights=str(path)), 25)
    sound = noise(16_000 * 22)
    other = sound.copy()
    other[: 16_000 * 8] = 0
    rows, changed = encoder.encode(sound, 500), encoder.encode(other, 500)
    assert np.array_equal(rows[250:], changed[250:])
    assert not np.array_equal(rows[249], changed[249])
