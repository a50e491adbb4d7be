"""HuBERT: loading, its two columns per frame, and the constant gain."""

from pathlib import Path

import numpy as np
import pytest

from lipsync.speech.encoder import create_encoder
from lipsync.speech.params import SpeechParams
from tests.speech.checkpoints import write_hubert

transformers = pytest.importorskip("transformers", reason="needs the extra `hubert`")


def load(folder: Path, fps: float = 25):
    return create_encoder(SpeechParams(encoder="hubert", weights=str(folder)), fps)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hubert(tmp_path_factory.mktemp("hubert"))


def speech(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.05, round(seconds * 16_000)).astype(np.float32)


def test_rows_at_25_fps_are_the_networks_own_columns(folder: Path):
    """Nothing is interpolated: two hidden states a frame, 160 samples from the frame's middle."""
    encoder, sound = load(folder), speech(14)
    rows = encoder.encode(sound, 250).reshape(500, 16)
    network = transformers.HubertModel.from_pretrained(folder).eval()
    # The first wanted column stands on samples -40 ... 359: the middle of frame 0 is 320.
    begin, end = encoder.span(0, 250)
    assert begin == 160 - 200 - 64 * 320
    heard = np.concatenate([np.zeros(-begin, np.float32), sound])[: end - begin] / 0.05
    import torch

    with torch.no_grad():
        states = network(torch.from_numpy(heard.astype(np.float32))[None]).last_hidden_state[0]
    assert states.shape == (64 + 500 + 64, 16)
    assert np.allclose(rows, states[64:564].numpy(), atol=1e-4)


def test_other_rates_lie_between_the_columns(folder: Path):
    """100 columns a second are wanted of 50: every second one is the mean of its neighbours."""
    columns = load(folder, 50).encode(speech(4), 200).reshape(400, 16)
    assert np.allclose(columns[1:-1:2], (columns[:-2:2] + columns[2::2]) / 2, atol=1e-5)
    assert not np.allclose(columns[2:-1:2], (columns[1:-2:2] + columns[3::2]) / 2, atol=0.1)


def test_a_published_binary_is_the_same_network(folder: Path, tmp_path: Path):
    """pytorch_model.bin with a CTC head and weight norm by its older names, as hubert-large's."""
    binary = write_hubert(tmp_path, binary=True)
    assert not (binary / "model.safetensors").exists()
    sound = speech(1)
    assert np.array_equal(load(binary).encode(sound, 25), load(folder).encode(sound, 25))
    assert load(binary).weights_sha256 != load(folder).weights_sha256


@pytest.mark.parametrize("binary", [False, True])
def test_what_the_hubs_cache_holds_needs_no_network(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, binary: bool
):
    from huggingface_hub import constants

    repository, commit = tmp_path / "models--some--hubert", "0123456789" * 4
    write_hubert(repository / "snapshots" / commit, binary=binary)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    encoder = create_encoder(SpeechParams(encoder="hubert", weights="some/hubert"), 25)
    assert np.array_equal(encoder.encode(speech(1), 25), load(folder).encode(speech(1), 25))
    # Without the preprocessor's file too, which some checkpoints do not have
    (repository / "snapshots" / commit / "preprocessor_config.json").unlink()
    plain = create_encoder(SpeechParams(encoder="hubert", weights="some/hubert"), 25)
    assert np.array_equal(plain.encode(speech(1), 25), encoder.encode(speech(1), 25))


def test_the_preprocessor_decides_on_the_gain(folder: Path, tmp_path: Path):
    plain = write_hubert(tmp_path, normalise=False)
    sound = speech(1)
    raised = load(plain).encode(sound * np.float32(20), 25)
    assert np.allclose(load(folder).encode(sound, 25), raised, atol=1e-5)
    assert not np.allclose(load(plain).encode(sound, 25), raised, atol=1e-3)
