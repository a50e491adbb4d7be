"""The refiner as ONNX: the same decisions as PyTorch, no leak, the same bytes."""

from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from lipsync.errors import LipsyncError
from lipsync.export.check import BATCH_SIZES, Inputs, check_parity, refiner_parity
from lipsync.export.onnx import refiner_to_onnx
from lipsync.faces.masks import visible_mask
from lipsync.generator.model import Refiner
from lipsync.generator.refine import torch_refine
from lipsync.rendering.avatar import open_session
from lipsync.rendering.refiner import MASKS, OUTPUTS, PICTURES, RefinerNetwork
from lipsync.retrieval.layers import Layers

SIZE, OPSET = 64, 20
DRAW = np.random.default_rng(0)
INPUTS: Inputs = {name: DRAW.integers(0, 256, (7, SIZE, SIZE, 3), np.uint8) for name in PICTURES}
INPUTS |= {name: DRAW.integers(0, 256, (7, SIZE, SIZE), np.uint8) for name in MASKS}


def refiner(seed: int = 0) -> Refiner:
    """Random weights, loud enough that every input shows."""
    torch.manual_seed(seed)
    model = Refiner(SIZE, channels=(16, 24))
    torch.nn.init.normal_(model.head.weight, std=0.05)
    return model.requires_grad_(False).eval()


@cache
def network() -> bytes:
    return refiner_to_onnx(refiner(), OPSET)


def decide(inputs: Inputs) -> list[np.ndarray]:
    return open_session(network()).run(OUTPUTS, inputs)


def first(count: int) -> Inputs:
    return {name: value[:count] for name, value in INPUTS.items()}


def test_the_same_decisions_as_pytorch_in_any_batch():
    assert refiner_parity(network(), refiner(), INPUTS) < 1e-4
    together = decide(INPUTS)
    sides = [(), (2,), (3,)]
    assert [each.shape for each in together] == [(7, SIZE, SIZE, *more) for more in sides]
    share, flow, correction = together
    assert 0 <= share.min() < 0.2
    assert 0.8 < share.max() <= 1
    assert flow.std() > 1e-4
    assert correction.std() > 1  # 8-bit levels
    assert len({1, *BATCH_SIZES}) > 2
    for size in (1, 3):
        for alone, whole in zip(decide(first(size)), together, strict=True):
            np.testing.assert_allclose(alone, whole[:size], atol=1e-3)


def test_an_avatar_decides_as_the_evaluation_does():
    """Layers in, decisions out, by ONNX Runtime and by PyTorch."""
    layers = Layers(
        *(INPUTS[name][0] for name in ("face", "mouth", "blend")),
        mask=np.zeros((SIZE, SIZE), np.float32),
        mouth_mask=INPUTS["mouth_mask"][0] / np.float32(255),
        inner=INPUTS["inner"][0] / np.float32(255),
        maps={},
        gains={},
    )
    crop = INPUTS["crop"][0]
    rendered = RefinerNetwork(open_session(network()))
    assert rendered.size == SIZE
    made, wanted = (
        run(layers, crop) for run in (rendered, torch_refine(refiner(), torch.device("cpu")))
    )
    np.testing.assert_allclose(made.mouth_share, wanted.mouth_share, atol=1e-4)
    np.testing.assert_allclose(made.flow, wanted.flow, atol=1e-5)
    np.testing.assert_allclose(made.correction, wanted.correction, atol=1e-2)


def test_other_weights_are_noticed():
    difference = refiner_parity(network(), refiner(seed=1), INPUTS)
    assert difference > 0.01
    with pytest.raises(LipsyncError, match=r"model: as ONNX it differs.*export\.tolerance"):
        check_parity(difference, 1e-3, Path("model"))
    with pytest.raises(LipsyncError):
        check_parity(float("nan"), 1e-3, Path("model"))
    check_parity(1e-4, 1e-3, Path("model"))


def test_what_the_mask_hides_changes_nothing_at_all():
    hidden = (visible_mask(SIZE) == 0)[..., None]
    crop = INPUTS["crop"]
    other = np.where(hidden, 255 - crop, crop)
    assert (other != crop).mean() > 0.5
    for before, after in zip(decide(INPUTS), decide(INPUTS | {"crop": other}), strict=True):
        np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("name", [*PICTURES, *MASKS])
def test_every_input_changes_what_is_decided(name: str):
    value = INPUTS[name]
    changed = decide(INPUTS | {name: 255 - value})
    assert max(np.abs(a - b).max() for a, b in zip(changed, decide(INPUTS), strict=True)) > 0.01


def test_the_same_bytes_again_and_valid_onnx():
    assert refiner_to_onnx(refiner(), OPSET) == network()
    model = onnx.load_from_string(network())
    onnx.checker.check_model(model, full_check=True)
    assert [(each.domain, each.version) for each in model.opset_import] == [("", OPSET)]


def test_a_network_that_is_no_refiner_is_told():
    from tests.tiny_avatar import tiny_motion

    assert RefinerNetwork(open_session(tiny_motion())).size == 0


def test_no_path_of_this_machine_is_inside(root: Path):
    for trace in (str(root).encode(), b".py", b"File "):
        assert trace not in network()
