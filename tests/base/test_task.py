"""Several people teach one generator: each is heard as who adapts the base will be."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lipsync.base.task import GeneratorsTogether
from lipsync.generator.lips import find_basis
from lipsync.generator.model import Generator
from lipsync.generator.params import GeneratorParams
from tests.tiny import BANDS, SIZE, tiny_person, tiny_task

PARAMS = GeneratorParams(channels=(8, 16), code_channels=16, batch_size=20)
HUM = 3.0  # of another room, in every speech feature


@pytest.fixture
def together() -> GeneratorsTogether:
    """The same person in two rooms, taught."""
    torch.manual_seed(0)
    params = PARAMS.model_copy(update={"lips": PARAMS.lips.model_copy(update={"epochs": 20})})
    model = Generator(SIZE, BANDS, **params.architecture())
    near = tiny_person()
    far = replace(near, speech=near.speech + HUM)
    basis = find_basis([near.lip_shapes.double()] * 2, params.lips.shapes)
    tasks = {
        name: tiny_task(model, params, data=data, basis=basis)
        for name, data in (("near", near), ("far", far))
    }
    rows = {name: task.data.rows(np.arange(100)) for name, task in tasks.items()}
    own = {name: (each.mean(0), each.std(0)) for name, each in rows.items()}
    everybody = torch.cat(list(rows.values()))
    nobodys = (everybody.mean(0), everybody.std(0))
    task = GeneratorsTogether(tasks, own, nobodys, seed=1)
    task.warm_up()
    return task


def guesses(together: GeneratorsTogether, listener: str, speaker: str) -> torch.Tensor:
    """The guess of a speaker's lips by who listens as to ``listener``."""
    data, model = together.tasks[speaker].data, together.tasks[speaker].model
    together.enter(listener, None)
    with torch.no_grad():
        return model.lips(data.windows(torch.arange(100), PARAMS.past, PARAMS.future))


def test_a_room_is_no_matter_to_who_listens_as_to_its_person(together):
    near = guesses(together, "near", "near")
    assert near.std() > 0.1
    assert torch.allclose(guesses(together, "far", "far"), near, atol=1e-3)
    assert (guesses(together, "near", "far") - near).abs().mean() > 0.1


def test_cross_fitted_guesses_know_the_room_too(together):
    for name, task in together.tasks.items():
        together.enter(name, None)  # as before each of the person's steps
        pair = torch.stack([task.codes[:100, 0], task.lips.codes[:100, 0]])
        assert torch.corrcoef(pair)[0, 1] > 0.5
        assert (pair[0] - pair[1]).mean().abs() < 0.3


def test_left_it_listens_as_to_nobody_in_particular(together):
    model = together.tasks["near"].model
    before = [guesses(together, name, name) for name in ("near", "far")]
    together.leave(model)
    data = together.tasks["near"].data
    half = replace(data, speech=data.speech + HUM / 2)
    with torch.no_grad():
        between = model.lips(half.windows(torch.arange(100), PARAMS.past, PARAMS.future))
    spread = before[0].std()
    assert (between - before[0]).abs().mean() < 0.5 * spread
