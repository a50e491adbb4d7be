"""A base of motion: one basis for all people, and what a person makes of it."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from lipsync.base.motion import MotionPerson, Speaker, motion_people
from lipsync.errors import LipsyncError
from lipsync.geometry.model import ShapeModel, Track
from lipsync.motion.adaptation import (
    MotionBase,
    adopt,
    between,
    choose_share,
    load_motion_base,
    save_motion_base,
)
from lipsync.motion.basis import amplitude, fit_basis
from lipsync.motion.calibration import smallest_as_good
from lipsync.motion.data import MotionData, network_predictions
from lipsync.motion.model import MotionNet
from lipsync.motion.task import MotionTask
from lipsync.motion.weights import save_motion
from lipsync.training.params import SplitParams
from lipsync.training.split import Split, split_frames
from lipsync.training.state import TrainingState
from lipsync.training.together import Together
from tests.motion.person import EXPRESSION, FRAMES, PARAMS, tiny_motion, tiny_shape

SPLIT = SplitParams(validation=0.2, gap=1.0)


def another(seed: int, wide: float = 1.0, frames: int = FRAMES) -> MotionData:
    """A person with the same habits, ``wide`` times as large, in components that are mixed."""
    data, draw = tiny_motion(seed=seed), np.random.default_rng(seed)
    mixing, _ = np.linalg.qr(draw.normal(size=(EXPRESSION, EXPRESSION)))
    shape = tiny_shape()
    flat = shape.components.reshape(EXPRESSION, -1)
    lift = np.where(draw.normal(size=shape.mean.shape) > 0, 0.01, 0).astype(np.float32)
    mixed = ShapeModel(
        shape.mean + lift,
        (mixing.T @ flat).reshape(shape.components.shape).astype(np.float32),
        shape.pose_components,
        shape.pose_centre,
        shape.triangles,
    )
    expression = wide * data.expression @ torch.from_numpy(mixing).float()
    valid = np.arange(FRAMES) < frames
    return replace(data, expression=expression, shape=mixed, valid=valid, seen=valid)


def speaker(name: str, data: MotionData) -> Speaker:
    track = Track(
        scale=np.ones(FRAMES, np.float32),
        rotation=np.tile(np.eye(3, dtype=np.float32), (FRAMES, 1, 1)),
        translation=np.zeros((FRAMES, 3), np.float32),
        expression=data.expression.numpy(),
        valid=data.valid,
    )
    return Speaker(name, data, data.shape, track, split_of(data))


def split_of(data: MotionData) -> Split:
    return split_frames(np.ones(data.frames, bool), data.fps, SPLIT)


@pytest.fixture(scope="module")
def base() -> MotionBase:
    """Of three people, trained for some seconds."""
    speakers = [speaker(str(seed), another(seed, wide)) for seed, wide in ((1, 1), (2, 3), (3, 1))]
    basis, people = motion_people(speakers)
    return MotionBase(trained_together(people, len(basis.components)), basis)


def trained_together(people: list[MotionPerson], components: int) -> MotionNet:
    torch.manual_seed(0)
    data = people[0].data
    model = MotionNet(data.speech_dimension, data.instants, components, **PARAMS.architecture())
    model.standardize.fit(torch.cat([each.data.rows(np.arange(300)) for each in people]))
    tasks = {
        each.name: MotionTask(model, each.data, each.split, PARAMS, 1, of="base") for each in people
    }
    together, state = Together(tasks, 1), TrainingState(model, PARAMS)
    for step in range(240):
        state.update(together.losses(0, step)["loss"])
    return state.ema


def held_out_r(model: MotionNet, data: MotionData) -> float:
    """Of the opening, by the mean of the networks, as they are."""
    frames = np.arange(split_of(data).validation_start, FRAMES)
    found = network_predictions(model, data, frames).mean(1)
    real = data.expression.numpy()[frames]
    return float(np.corrcoef(data.shape.opening(found), data.shape.opening(real))[0, 1])


def test_expressions_come_back_from_the_common_basis():
    people = [another(seed) for seed in (1, 2)]
    basis = fit_basis([(each.shape, each.expression.numpy()) for each in people], EXPRESSION)
    for each in people:
        own = each.expression.numpy().astype(float)
        there = own @ basis.coefficients(each.shape)
        back = there @ basis.expressions(each.shape)
        wanted = np.tensordot(own, each.shape.components[:, :468], 1)
        assert np.abs(wanted).max() > 0.05
        np.testing.assert_allclose(np.tensordot(there, basis.components, 1), wanted, atol=1e-4)
        found = np.tensordot(back, each.shape.components[:, :468], 1)
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_people_say_the_same_in_the_common_basis_however_widely_they_speak():
    small, large = another(1), another(1, wide=3)
    _, people = motion_people([speaker("small", small), speaker("large", large)])
    mine, theirs = (each.data.expression.numpy() for each in people)
    np.testing.assert_allclose(mine, theirs, atol=1e-3)
    assert amplitude(mine[:375].astype(float)) == pytest.approx(1, abs=0.05)
    for each, own in zip(people, (small, large), strict=True):
        np.testing.assert_allclose(  # and the mouth is as open as it was
            each.data.shape.opening(each.data.expression.numpy()),
            own.shape.opening(own.expression.numpy()),
            atol=1e-3,
        )


def test_a_base_knows_people_whom_it_never_heard(base: MotionBase):
    data = another(9, wide=2, frames=FRAMES)
    few = np.arange(60)  # teach only the amplitude
    adopted = adopt(base, data, few)
    adopted.centre.copy_(data.expression[:60].mean(0))
    assert held_out_r(adopted, data) > 0.85  # 0.9 to 0.95 of a person's own network
    frames = np.arange(400, FRAMES)
    made = data.shape.opening(network_predictions(adopted, data, frames).mean(1))
    real = data.shape.opening(data.expression.numpy()[frames])
    assert 0.5 < made.std() / real.std() < 1.2  # least squares shrinks


def test_what_is_learned_is_kept_where_it_helps_and_left_where_it_harms(base: MotionBase):
    data = another(5)
    training = np.arange(split_of(data).training_end)
    adopted = adopt(base, data, training)
    task = MotionTask(adopted, data, split_of(data), PARAMS, 1, of="adapted")
    harmed = copy.deepcopy(adopted)
    torch.nn.init.normal_(harmed.head.weight, std=0.3)
    share, kept = choose_share(adopted, harmed, data, task.targets)
    assert share == 0
    assert torch.equal(kept.head.weight, adopted.head.weight)
    ignorant = copy.deepcopy(harmed)  # a base that knows nothing, and an adaptation that does
    share, kept = choose_share(ignorant, adopted, data, task.targets)
    assert share >= 0.75
    half = between(ignorant, adopted, 0.5)
    middle = (ignorant.head.weight + adopted.head.weight) / 2
    torch.testing.assert_close(half.head.weight, middle)


def test_the_smallest_share_that_is_as_good_is_taken():
    best = np.array([0.6, 0.7, 0.5, 0.8])
    noisy = best - np.array([0.2, -0.1, 0.1, -0.1])  # no worse for certain
    worse = best - np.array([0.1, 0.12, 0.1, 0.11])
    assert smallest_as_good({0.0: noisy, 0.5: worse, 1.0: best}) == 0
    assert smallest_as_good({0.0: worse, 0.5: noisy, 1.0: best}) == 0.5
    assert smallest_as_good({0.0: worse, 1.0: best}) == 1
    nothing = best - 0.4  # a mean of 0.25: next to nothing is predicted
    assert smallest_as_good({0.0: nothing - 0.1, 1.0: nothing}) == 0


def test_the_file_holds_network_and_basis(base: MotionBase, tmp_path):
    save_motion_base(tmp_path / "b.safetensors", base)
    found = load_motion_base(tmp_path / "b.safetensors")
    np.testing.assert_array_equal(found.basis.components, base.basis.components)
    for name, value in base.model.state_dict().items():
        assert torch.equal(found.model.state_dict()[name], value)
    save_motion(tmp_path / "own.safetensors", base.model)
    with pytest.raises(LipsyncError, match=r"own\.safetensors: .* no basis"):
        load_motion_base(tmp_path / "own.safetensors")
