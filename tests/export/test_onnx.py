"""The generator as ONNX: the same pictures as PyTorch, no leak, the same bytes."""

from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from lipsync.errors import LipsyncError
from lipsync.export.check import BATCH_SIZES, check_parity, parity
from lipsync.export.onnx import to_onnx
from lipsync.faces.masks import visible_mask
from lipsync.generator.model import Generator
from lipsync.rendering.avatar import open_session
from tests.tiny import awake

SIZE, DIMENSION, PAST, FUTURE, OPSET = 64, 12, 3, 2, 20
DRAW = np.random.default_rng(0)
REFERENCE = DRAW.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
CROPS = DRAW.integers(0, 256, (7, SIZE, SIZE, 3), np.uint8)
SPEECH = DRAW.normal(0, 1, (7, PAST + 1 + FUTURE, DIMENSION)).astype(np.float32)


def generator(seed: int = 0) -> Generator:
    """Random weights, loud enough that every input shows, and not all beyond 0..1."""
    torch.manual_seed(seed)
    model = Generator(SIZE, DIMENSION, PAST, FUTURE, channels=(16, 24), code_channels=16)
    return awake(model).requires_grad_(False).eval()


@cache
def network() -> bytes:
    return to_onnx(generator(), REFERENCE, OPSET)


def paint(crops: np.ndarray, speech: np.ndarray) -> np.ndarray:
    (face,) = open_session(network()).run(["face"], {"crop": crops, "speech": speech})
    return face


def test_the_same_pictures_as_pytorch_in_any_batch():
    assert parity(network(), generator(), REFERENCE, CROPS, SPEECH) < 1e-4
    together = paint(CROPS, SPEECH)
    assert together.shape == (7, SIZE, SIZE, 3)
    assert together.dtype == np.float32
    assert together.min() >= 0
    assert together.max() <= 1
    assert together.std() > 0.05
    assert len({1, *BATCH_SIZES}) > 2
    for size in (1, 3):
        np.testing.assert_allclose(paint(CROPS[:size], SPEECH[:size]), together[:size], atol=1e-5)


def test_other_weights_or_another_reference_are_noticed():
    for model, reference in ((generator(seed=1), REFERENCE), (generator(), REFERENCE[::-1])):
        difference = parity(network(), model, np.ascontiguousarray(reference), CROPS, SPEECH)
        assert difference > 0.01
        with pytest.raises(LipsyncError, match=r"model: as ONNX it differs.*export\.tolerance"):
            check_parity(difference, 1e-3, Path("model"))
    with pytest.raises(LipsyncError):
        check_parity(float("nan"), 1e-3, Path("model"))
    check_parity(1e-4, 1e-3, Path("model"))


def test_what_the_mask_hides_changes_nothing_at_all():
    hidden = (visible_mask(SIZE) == 0)[..., None]
    other = np.where(hidden, 255 - CROPS, CROPS)
    assert (other != CROPS).mean() > 0.5
    assert np.array_equal(paint(other, SPEECH), paint(CROPS, SPEECH))


def test_speech_and_what_is_visible_change_the_picture():
    face = paint(CROPS, SPEECH)
    assert np.abs(paint(CROPS, SPEECH[::-1].copy()) - face).max() > 0.01
    visible = (visible_mask(SIZE) == 1)[..., None]
    assert np.abs(paint(np.where(visible, 255 - CROPS, CROPS), SPEECH) - face).max() > 0.01


def test_inputs_outputs_and_opset_are_the_contract(root: Path):
    model = onnx.load_from_string(network())
    onnx.checker.check_model(model, full_check=True)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", OPSET)]
    described = {}
    for value in (*model.graph.input, *model.graph.output):
        tensor = value.type.tensor_type
        shape = [side.dim_param or side.dim_value for side in tensor.shape.dim]
        described[value.name] = (tensor.elem_type, shape)
    assert described == {
        "crop": (onnx.TensorProto.UINT8, ["batch", SIZE, SIZE, 3]),
        "speech": (onnx.TensorProto.FLOAT, ["batch", PAST + 1 + FUTURE, DIMENSION]),
        "face": (onnx.TensorProto.FLOAT, ["batch", SIZE, SIZE, 3]),
    }


def test_no_path_of_this_machine_is_inside(root: Path):
    for trace in (str(root).encode(), b".py", b"File "):
        assert trace not in network()
