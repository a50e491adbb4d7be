"""Adapters: nothing at the start, little to keep, merged without a trace, bound to their base."""

import copy

import cv2
import numpy as np
import pytest
import torch

from lipsync.base.params import AdapterParams
from lipsync.errors import LipsyncError
from lipsync.generator.adapter import MARK, Adapted, AdapterShape, adapters
from lipsync.generator.lips import known_basis
from lipsync.generator.model import Generator
from lipsync.generator.params import GeneratorParams
from lipsync.generator.task import GeneratorTask
from lipsync.generator.weights import (
    OWN,
    adapt_base,
    load_generator,
    save_adapter,
    save_generator,
)
from lipsync.media.video import read_frames
from lipsync.presets import PRESETS
from lipsync.syncnet.model import SyncNet
from lipsync.training.data import to_unit
from lipsync.training.device import Compute
from lipsync.training.params import SplitParams
from lipsync.training.split import split_frames
from lipsync.training.state import TrainingState
from tests.tiny import awake, tiny_person

PARAMS = GeneratorParams.model_validate(
    {
        "channels": (16, 24),
        "code_channels": 16,
        "batch_size": 20,
        "lips": {"epochs": 5, "members": 2, "channels": 8},
    }
)
SHAPE = AdapterShape(rank=2, alpha=4.0, straight=0.3)  # as the base's, or it would differ at once
CPU = Compute(torch.device("cpu"), torch.float32)
REFERENCE = np.full((64, 64, 3), 90, np.uint8)


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    return (
        torch.rand(2, 3, 64, 64, generator=draw),
        torch.rand(1, 3, 64, 64, generator=draw),
        torch.rand(2, 11, 8, generator=draw),
    )


@pytest.fixture
def base(tmp_path):
    """A base's file where a person inherits it, and its model."""
    torch.manual_seed(0)
    model = awake(Generator(64, 8, **PARAMS.architecture())).eval()
    model.lips.components.normal_()
    model.lips.unit.fill_(0.02)
    (tmp_path / "inherited").mkdir()
    save_generator(tmp_path / "inherited/generator.safetensors", model, REFERENCE)
    return tmp_path / "inherited/generator.safetensors", model


def stirred(model: Generator) -> Generator:
    """With adapters that do something, in numbers that half precision holds."""
    with torch.no_grad():
        for weight in adapters(model):
            weight.copy_(torch.randn(weight.shape).mul_(0.05).half())
    return model


@pytest.mark.parametrize(
    "layer",
    [
        torch.nn.Conv2d(6, 9, 3, stride=2, padding=1),
        torch.nn.Conv1d(8, 12, 3, padding=1, groups=4),
        torch.nn.Linear(6, 9),
    ],
)
def test_merged_a_layer_does_as_before(layer):
    adapted = Adapted(layer, 2, 3.0)
    x = torch.randn({2: (5, 6), 3: (2, 8, 11), 4: (2, 6, 8, 8)}[layer.weight.dim()])
    assert torch.equal(adapted(x), layer(x))
    for weight in adapters(adapted):
        torch.nn.init.normal_(weight)
    assert not torch.allclose(adapted(x), layer(x), atol=0.1)
    assert torch.allclose(adapted.merged()(x), adapted(x), atol=1e-4)


def test_at_the_start_it_is_the_base_exactly_and_folded_it_paints_the_same(base):
    path, model = base
    adapted = adapt_base(path, SHAPE).eval()
    assert torch.equal(adapted(*inputs()), model(*inputs()))
    stirred(adapted)
    assert not torch.allclose(adapted(*inputs()), model(*inputs()), atol=1e-2)
    folded = adapted.folded()
    assert torch.allclose(folded(*inputs()), adapted(*inputs()), atol=1e-3)
    assert not [name for name, _ in folded.named_parameters() if MARK in name]


def test_it_comes_back_as_it_was_and_only_on_its_own_base(base, tmp_path):
    path, model = base
    adapted, file = stirred(adapt_base(path, SHAPE)).eval(), tmp_path / "generator.safetensors"
    save_adapter(file, adapted, path, SHAPE, REFERENCE)
    again, picture = load_generator(file)
    assert np.array_equal(picture, REFERENCE)
    assert torch.allclose(again(*inputs()), adapted(*inputs()), atol=1e-3)
    with torch.no_grad():
        model.paint.bias += 1e-3
    save_generator(path, model, REFERENCE)
    with pytest.raises(LipsyncError, match=r"generator\.safetensors: adapts another base") as error:
        load_generator(file)
    assert len(str(error.value).splitlines()) == 1
    path.unlink()
    with pytest.raises(LipsyncError, match="no such file"):
        load_generator(file)


@pytest.mark.parametrize("dimension", [320, 2048], ids=["mel", "hubert"])
@pytest.mark.parametrize("preset", PRESETS)
def test_it_is_at_most_a_twentieth_of_its_base(preset, dimension, tmp_path, root):
    """The two files, with a real picture in both, by the default rank."""
    values, wanted = PRESETS[preset].values, AdapterParams()
    params, size = GeneratorParams.model_validate(values["generator"]), values["crop"]["size"]
    frame = next(iter(read_frames(root / "data/videos/sample.mp4")))
    side = min(frame.shape[:2])
    picture = cv2.resize(frame[:side, :side], (size, size), interpolation=cv2.INTER_AREA)
    model = Generator(size, dimension, **params.architecture())
    base, file = tmp_path / "base.safetensors", tmp_path / "generator.safetensors"
    save_generator(base, model, picture)
    shape = AdapterShape(wanted.rank, wanted.alpha, wanted.straight)
    save_adapter(file, adapt_base(base, shape), base, shape, picture)
    assert file.stat().st_size < base.stat().st_size / 20


def test_training_moves_adapters_and_nothing_of_the_base(base):
    path, before = base
    data = tiny_person()
    split = split_frames(data.frames, data.fps, SplitParams(validation=0.25, gap=0.4))
    torch.manual_seed(0)
    model = adapt_base(path, SHAPE)
    model.lips.standardize.fit(data.rows(split.training))
    syncnet = SyncNet(64, 8, channels=8, embedding=16).requires_grad_(False).eval()
    task = GeneratorTask(
        model, syncnet, data, to_unit(data.crops[:1]), split, PARAMS, CPU, 1,
        basis=known_basis(model.lips),
    )  # fmt: skip
    assert torch.allclose(model.lips.components, before.lips.components)
    start = copy.deepcopy(model.state_dict())
    task.warm_up()
    state = TrainingState(model, PARAMS)
    for step in range(3):
        state.update(task.losses(0, step)["loss"])
    moved = {name for name, value in model.state_dict().items() if not value.equal(start[name])}
    assert all(MARK in name or name.startswith(OWN) for name in moved)
    assert {name.split(".")[0] for name in moved} > {"lips", "paint", "bottom", "decoder"}
