"""Adapters: nothing at the start, little to keep, merged without a trace, bound to their base."""

import copy

import pytest
import torch

from lipsync.base.params import AdapterParams
from lipsync.errors import LipsyncError
from lipsync.generator.adapter import MARK, Adapted, AdapterShape
from lipsync.generator.model import Refiner
from lipsync.generator.params import GeneratorParams
from lipsync.generator.weights import adapt_base, load_generator, save_adapter, save_generator
from lipsync.presets import PRESETS
from lipsync.training.state import TrainingState
from lipsync.training.tensors import read_tensors, write_tensors
from tests.tiny import SIZE, awake, tiny_task

PARAMS = GeneratorParams(channels=(16, 24), batch_size=20, exemplars=10, warmup_steps=2)
SHAPE = AdapterShape(rank=2, alpha=4.0)


def inputs() -> tuple[torch.Tensor, ...]:
    draw = torch.Generator().manual_seed(1)
    pictures = [torch.rand(2, 3, SIZE, SIZE, generator=draw) for _ in range(4)]
    return (*pictures, *(torch.rand(2, 1, SIZE, SIZE, generator=draw) for _ in range(2)))


def decided(model: Refiner) -> torch.Tensor:
    """(2, 6, S, S): all that it says."""
    with torch.no_grad():
        return torch.cat(list(model(*inputs())), 1)


@pytest.fixture
def base(tmp_path):
    """A base's file where a person inherits it, and its model."""
    torch.manual_seed(0)
    model = awake(Refiner(SIZE, **PARAMS.architecture())).eval()
    (tmp_path / "inherited").mkdir()
    save_generator(tmp_path / "inherited/generator.safetensors", model, 1.0)
    return tmp_path / "inherited/generator.safetensors", model


def adapters(module: torch.nn.Module) -> list[torch.nn.Parameter]:
    """The parameters that are trained."""
    return [value for name, value in module.named_parameters() if MARK in name]


def stirred(model: Refiner) -> Refiner:
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


def test_at_the_start_it_is_the_base_exactly_and_folded_it_decides_the_same(base):
    path, model = base
    adapted = adapt_base(path, SHAPE).eval()
    assert torch.equal(decided(adapted), decided(model))
    stirred(adapted)
    assert not torch.allclose(decided(adapted), decided(model), atol=1e-2)
    folded = adapted.folded()
    assert torch.allclose(decided(folded), decided(adapted), atol=1e-4)
    assert not [name for name, _ in folded.named_parameters() if MARK in name]


def test_it_comes_back_as_it_was_and_only_on_its_own_base(base, tmp_path):
    path, model = base
    adapted, file = stirred(adapt_base(path, SHAPE)).eval(), tmp_path / "generator.safetensors"
    save_adapter(file, adapted, path, SHAPE, 1.25)
    again, detail = load_generator(file)
    assert detail == 1.25
    assert torch.allclose(decided(again), decided(adapted), atol=1e-5)
    with torch.no_grad():
        model.head.bias += 1e-3
    save_generator(path, model, 1.0)
    refused(file, "adapts another base")
    path.unlink()
    refused(file, "no such file")


def test_an_adapter_of_another_version_is_refused(base, tmp_path):
    path, _ = base
    file = tmp_path / "generator.safetensors"
    save_adapter(file, adapt_base(path, SHAPE), path, SHAPE, 1.0)
    header, tensors = read_tensors(file)
    first = next(name for name in tensors if MARK in name)
    for changed in (
        {name: value for name, value in tensors.items() if name != first},
        tensors | {"lora_of_nothing": torch.zeros(1)},
        tensors | {first: torch.zeros(3)},
        {name: value for name, value in tensors.items() if name != "detail"},
    ):
        write_tensors(file, changed, header)
        refused(file, "not an adapter of this version")
    write_tensors(file, tensors, header | {"adapter": {"rank": 2, "alpha": 4.0, "straight": 1}})
    refused(file, "not an adapter of this version")
    file.write_bytes(file.read_bytes()[:-1])
    refused(file, "damaged")


def refused(file, words: str) -> None:
    with pytest.raises(LipsyncError) as error:
        load_generator(file)
    assert words in str(error.value)
    assert "generator.safetensors" in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("preset", PRESETS)
def test_it_is_at_most_a_twentieth_of_its_base(preset, tmp_path):
    """The two files, by the default rank."""
    values, wanted = PRESETS[preset].values, AdapterParams()
    params, size = GeneratorParams.model_validate(values["generator"]), values["crop"]["size"]
    base, file = tmp_path / "base.safetensors", tmp_path / "generator.safetensors"
    save_generator(base, Refiner(size, **params.architecture()), 1.0)
    shape = AdapterShape(wanted.rank, wanted.alpha)
    save_adapter(file, adapt_base(base, shape), base, shape, 1.0)
    assert file.stat().st_size < base.stat().st_size / 20


def test_training_moves_adapters_and_nothing_of_the_base(base):
    torch.manual_seed(0)
    model = adapt_base(base[0], SHAPE)
    task = tiny_task(model, PARAMS)
    start = copy.deepcopy(model.state_dict())
    state = TrainingState(model, PARAMS)
    for step in range(3):
        state.update(task.losses(0, step)["loss"])
    moved = {name for name, value in model.state_dict().items() if not value.equal(start[name])}
    assert all(MARK in name for name in moved)
    assert {name.split(".")[0] for name in moved} >= {"stem", "bottom", "decoder", "head"}
