"""The exported network: hop by hop it says what it says of the whole, and what PyTorch says."""

import numpy as np
import pytest
import torch

from lipsync.errors import LipsyncError
from lipsync.media.audio import SAMPLE_RATE
from lipsync.speech.fbank import fbank
from lipsync.speech.frames import frame_columns
from lipsync.speech.viseme import VisemeNetwork, VisemeStream
from lipsync.visemes.export import to_onnx
from lipsync.visemes.labels import VISEMES
from lipsync.visemes.model import VisemeTCN
from lipsync.visemes.parity import check_parity


def noise(seconds: float) -> np.ndarray:
    draw = np.random.default_rng(0)
    level = np.repeat(draw.uniform(0, 0.3, int(seconds * 10) + 1), SAMPLE_RATE // 10)
    return (level * draw.normal(0, 1, len(level)))[: round(seconds * SAMPLE_RATE)].astype("f4")


def test_the_whole_is_what_pytorch_says(model, network):
    columns = fbank(noise(2))
    with torch.no_grad():
        wanted = model.posteriors(model(torch.from_numpy(columns)[None]))[0].numpy()
        hidden = model.features(torch.from_numpy(columns)[None])[0].numpy()
    told, _ = network.step(columns, network.start())
    assert np.abs(told.posteriors - wanted).max() < 1e-5
    assert np.abs(told.hidden - hidden).max() < 1e-3
    assert np.ptp(told.posteriors, axis=0).max() > 0.1  # it does not always say the same


@pytest.mark.parametrize("block", [37, 160, 1000, 48_000])
def test_a_stream_says_what_the_whole_says(network, block):
    sound = noise(1.5)
    whole = network.listen(sound)
    assert len(whole.posteriors) == 150
    stream = VisemeStream(network)
    parts = [stream.push(sound[i : i + block]) for i in range(0, len(sound), block)]
    parts.append(stream.finish())
    for name in ("posteriors", "hidden"):
        streamed = np.concatenate([getattr(part, name) for part in parts])
        assert streamed.shape == getattr(whole, name).shape
        scale = max(1, np.abs(getattr(whole, name)).max())  # features reach 15
        assert np.abs(streamed - getattr(whole, name)).max() < 1e-5 * scale


def test_without_its_state_a_hop_knows_less(network):
    """What the reference's runtime does: every frame for itself."""
    columns = frame_columns(noise(1), 100)
    whole, _ = network.step(columns, network.start())
    alone = [network.step(column[None], network.start())[0].posteriors[0] for column in columns]
    assert np.abs(np.array(alone) - whole.posteriors).max() > 0.05


def test_a_stream_tells_a_frame_as_soon_as_it_may(network):
    stream, sound = VisemeStream(network), noise(1)
    told = [len(stream.push(hop).posteriors) for hop in np.split(sound, 100)]
    # Column j ends (400 + 160 j - 120) samples into the sound: frame j - lookahead is told then.
    first = -(-(280 + 160 * network.lookahead) // 160)  # hops until column `lookahead` is whole
    assert told[: first - 1] == [0] * (first - 1)
    assert told[first - 1 :] == [1] * (100 - first + 1)
    assert len(stream.finish().posteriors) == 100 - sum(told)


def test_no_sound_at_all(network):
    stream = VisemeStream(network)
    assert stream.finish().posteriors.shape == (0, len(VISEMES))
    assert network.listen(np.zeros(100, np.float32)).posteriors.shape == (0, len(VISEMES))


def test_the_same_weights_make_the_same_bytes(model):
    assert to_onnx(model, 20) == to_onnx(model, 20)


@pytest.mark.parametrize("opset", [18, 23])
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_every_opset_and_activation(tmp_path, opset, activation):
    torch.manual_seed(3)
    model = VisemeTCN(layers=2, channels=8, kernel=2, activation=activation, lookahead=0).eval()
    torch.nn.init.normal_(model.head.weight, std=0.1)
    model.requires_grad_(False)
    (tmp_path / "v.onnx").write_bytes(to_onnx(model, opset))
    network = VisemeNetwork(tmp_path / "v.onnx")
    assert network.listen(noise(1)[:159]).posteriors.shape == (0, len(VISEMES))  # under 10 ms
    parity = check_parity(model, network, 1e-5)
    assert max(parity.torch, parity.hops) < 1e-5
    total = network.listen(noise(1)).posteriors.sum(1)
    assert np.allclose(total, 1, atol=1e-5) == (activation == "softmax")


def test_another_network_is_not_taken_for_the_same(model, network):
    torch.manual_seed(9)
    other = VisemeTCN(**model.config).eval().requires_grad_(False)
    torch.nn.init.normal_(other.head.weight)
    with pytest.raises(LipsyncError, match=r"differs from PyTorch by .* export\.tolerance"):
        check_parity(other, network, 1e-5)


def test_a_file_that_is_no_viseme_network_is_one_line(tmp_path):
    (tmp_path / "v.onnx").write_bytes(b"nothing")
    with pytest.raises(LipsyncError, match="not a viseme network of this version") as error:
        VisemeNetwork(tmp_path / "v.onnx")
    assert "\n" not in str(error.value)
