"""Missing, damaged and exchanged weights, and missing packages: one line that says what to do."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, load, save

from lipsync.errors import LipsyncError
from lipsync.speech.encoder import create_encoder
from lipsync.speech.params import SpeechParams
from lipsync.speech.weights import SOURCES, heard_weights
from tests.speech.checkpoints import write_ave, write_hubert, write_wenet

Weights = Callable[[str], Path]
PRETRAINED = ["ave", "hubert", "wenet"]


def refusal(kind: str, weights: Path | str | None = None, wanted: str | None = None) -> str:
    params = SpeechParams(encoder=kind, weights=None if weights is None else str(weights))
    with pytest.raises(LipsyncError) as caught:
        create_encoder(params, 25, wanted)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("kind", PRETRAINED)
def test_missing_weights_say_what_to_download_and_where_to_put_it(
    kind: str, weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    weights(kind)  # skips hubert where it is not installed
    monkeypatch.chdir(tmp_path)
    place = str(SOURCES[kind].default)
    for given in (None, tmp_path / "elsewhere"):
        message = refusal(kind, given)
        assert message.startswith(f"{given or place}: ")
        assert "download" in message
        assert "https://" in message
        assert f"put it at {place} or name its place in speech.weights" in message


@pytest.mark.parametrize("kind", PRETRAINED)
def test_the_default_place_is_looked_at(
    kind: str, weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = weights(kind)
    monkeypatch.chdir(tmp_path)
    place = SOURCES[kind].default
    place.parent.mkdir(parents=True)
    (shutil.copytree if path.is_dir() else shutil.copy)(path, place)
    there = create_encoder(SpeechParams(encoder=kind), 25)
    named = create_encoder(SpeechParams(encoder=kind, weights=str(path)), 25)
    sound = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    assert there.weights_sha256 == named.weights_sha256
    assert np.array_equal(there.encode(sound, 25), named.encode(sound, 25))


@pytest.mark.parametrize("kind", PRETRAINED)
def test_other_weights_than_the_models_are_refused(kind: str, weights: Weights):
    path = weights(kind)
    params = SpeechParams(encoder=kind, weights=str(path))
    sha = create_encoder(params, 25).weights_sha256
    assert len(sha) == 64
    assert create_encoder(params, 25, sha).weights_sha256 == sha
    message = refusal(kind, path, "0" * 64)
    assert message == (
        f"speech.encoder {kind}: its weights are {path} with SHA-256 {sha[:12]}..., the model was "
        "trained with 000000000000...; put those there, or train with these: "
        "`dvc repro -f extract_audio_features@<person>`, then `dvc repro`"
    )
    assert "the model was trained with none; " in refusal(kind, path, "")
    assert "its weights are none, the model was trained with " in refusal("mel", None, sha)


def test_every_byte_of_the_weights_counts(tmp_path: Path):
    state = torch.load(write_ave(tmp_path / "a.pth"), weights_only=True)
    state["12.conv_block.0.bias"][7] += 1e-3
    torch.save(state, tmp_path / "b.pth")
    first, second = (
        create_encoder(SpeechParams(encoder="ave", weights=str(tmp_path / name)), 25)
        for name in ("a.pth", "b.pth")
    )
    assert first.weights_sha256 != second.weights_sha256


def test_damaged_ave(tmp_path: Path):
    path = tmp_path / "ave.pth"
    path.write_bytes(b"nothing of the kind")
    assert "not the weights of SyncTalk's audio-visual encoder" in refusal("ave", path)
    state = torch.load(write_ave(path), weights_only=True)
    del state["4.conv_block.0.weight"]
    torch.save(state, path)
    assert "not the weights" in refusal("ave", path)
    torch.save([1, 2], path)
    assert "holds a list" in refusal("ave", path)
    (tmp_path / "ave.safetensors").write_bytes(b"12345678901234567890")
    assert "not the weights" in refusal("ave", tmp_path / "ave.safetensors")


def test_a_pickle_is_not_run(tmp_path: Path):
    class Trap:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "sprung",)

    torch.save({"0.conv_block.0.weight": Trap()}, tmp_path / "ave.pth")
    assert "(damaged, or holds more than tensors)" in refusal("ave", tmp_path / "ave.pth")
    assert not (tmp_path / "sprung").exists()


def test_damaged_wenet(tmp_path: Path):
    path = tmp_path / "w.onnx"
    path.write_bytes(b"nothing of the kind")
    assert "not a streaming encoder of WeNet" in refusal("wenet", path)
    path.write_bytes(write_wenet(tmp_path / "whole.onnx").read_bytes()[:2000])
    assert "not a streaming encoder of WeNet" in refusal("wenet", path)
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 2]) for n in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "other", [x], [y])
    opset = helper.make_opsetid("", 20)
    save(helper.make_model(graph, ir_version=10, opset_imports=[opset]), path)
    assert "(inputs x and not chunk, offset, att_cache, cnn_cache)" in refusal("wenet", path)


@pytest.mark.parametrize(("name", "axis"), [("att_cache", 0), ("cnn_cache", 3)])
def test_a_cache_of_wenet_whose_size_is_left_open(tmp_path: Path, name: str, axis: int):
    """Nothing says how large the empty cache is that the first chunk is given."""
    path = write_wenet(tmp_path / "w.onnx")
    model = load(path)
    (cache,) = (value for value in model.graph.input if value.name == name)
    size = cache.type.tensor_type.shape.dim[axis]
    size.ClearField("dim_value")
    size.dim_param = "layers"
    save(model, path)
    message = refusal("wenet", path)
    assert f"({name} is [" in message
    assert "'layers'" in message
    size.ClearField("dim_param")
    save(model, path)
    assert f"({name} is [" in refusal("wenet", path)


@pytest.mark.parametrize("kind", ["hubert", "wenet", "ave"])
def test_an_error_without_words_is_named(kind: str, weights: Weights, monkeypatch):
    """Libraries raise some: what is told then is the error's type."""
    path = weights(kind)

    def fail(*_: object, **__: object) -> None:
        raise ValueError

    if kind == "hubert":
        monkeypatch.setattr("lipsync.speech.hubert.HubertModel.from_pretrained", fail)
    elif kind == "wenet":
        monkeypatch.setattr("lipsync.speech.wenet.onnxruntime.InferenceSession", fail)
    else:
        monkeypatch.setattr("lipsync.speech.ave._read", fail)
    assert "(ValueError)" in refusal(kind, path)


def test_damaged_hubert(weights: Weights, tmp_path: Path):
    weights("hubert")
    folder = write_hubert(tmp_path / "h")
    (folder / "model.safetensors").rename(folder / "gone")
    assert "holds no config.json and model.safetensors or pytorch_model.bin" in refusal(
        "hubert", folder
    )
    (folder / "model.safetensors").write_bytes(b"12345678901234567890")
    assert "not the weights of a HuBERT" in refusal("hubert", folder)
    (folder / "gone").rename(folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    assert "lacks encoder.layers.2." in refusal("hubert", folder)
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "wav2vec2"}))
    assert "model_type is 'wav2vec2'" in refusal("hubert", folder)
    (folder / "config.json").write_text(json.dumps({**config, "hidden_size": "wide"}))
    assert "not the weights of a HuBERT" in refusal("hubert", folder)
    (folder / "config.json").write_text(json.dumps([config]))
    assert "config.json: no settings of a HuBERT (it holds a list)" in refusal("hubert", folder)


def test_a_cut_preprocessor_of_hubert(weights: Weights, tmp_path: Path):
    weights("hubert")
    path = write_hubert(tmp_path / "h") / "preprocessor_config.json"
    for content in (path.read_bytes()[:20], b"", b"\xff\xfe\xfd", b"[1, 2]"):
        path.write_bytes(content)
        message = refusal("hubert", path.parent)
        assert message.startswith(f"{path}: no settings of a HuBERT (")
        assert "download it again" in message


def test_a_hub_that_cannot_be_reached(
    weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    weights("hubert")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    message = refusal("hubert", "nobody/no-such-hubert")
    assert message.startswith("nobody/no-such-hubert: no such folder, and not to be had")
    assert "download" in message


def test_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "lipsync.speech.hubert", raising=False)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert refusal("hubert") == (
        "speech.encoder hubert: needs huggingface_hub, which is not installed; "
        'run `uv pip install -e ".[hubert]"`'
    )


def test_mel_needs_none_of_the_networks_packages():
    script = """
import sys
class Absent:
    names = {"torch", "transformers", "huggingface_hub", "onnxruntime", "safetensors"}
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
import numpy as np
from lipsync.speech.encoder import create_encoder
from lipsync.speech.params import SpeechParams
print(create_encoder(SpeechParams(), 25, "").encode(np.zeros(16000, np.float32), 25).shape)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "(25, 320)\n", done.stderr


def test_what_a_recording_was_heard_with(tmp_path: Path):
    path = tmp_path / "speech.npz"
    with pytest.raises(LipsyncError, match="no such file; run `dvc repro`"):
        heard_weights(path)
    np.savez(path, rows=np.zeros((3, 2)))
    with pytest.raises(LipsyncError, match=r"damaged: .*weights_sha256"):
        heard_weights(path)
    np.savez(path, weights_sha256="ab" * 32)
    assert heard_weights(path) == "ab" * 32
