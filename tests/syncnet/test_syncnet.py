"""SyncNet: what counts as a negative, what a shift means, and that it learns who belongs where."""

import numpy as np
import pytest
import torch

from lipsync.syncnet.model import SyncNet, area_matrix
from lipsync.syncnet.params import SyncNetParams
from lipsync.syncnet.score import MAX_SHIFT, average_windows, contrastive_loss, summarise
from lipsync.syncnet.task import SyncNetTask, held_out_scan
from lipsync.syncnet.weights import load_syncnet, save_syncnet
from lipsync.training.device import Compute
from lipsync.training.params import SplitParams
from lipsync.training.split import split_frames
from lipsync.training.state import TrainingState
from tests.tiny import tiny_person

PARAMS = SyncNetParams(channels=8, embedding=32, batch_size=24, warmup_steps=5, ema_decay=0.9)
CPU = Compute(torch.device("cpu"), torch.float32)


def unit(count: int, dimension: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.nn.functional.normalize(torch.randn(count, dimension, generator=draw), dim=1)


def test_a_constant_embedding_is_at_chance():
    same = unit(1, 8).repeat(10, 1)
    far = torch.arange(10) * 10
    loss = contrastive_loss(same, same, far, far, torch.tensor(10.0))
    assert loss.item() == pytest.approx(np.log(10), abs=1e-4)


def test_matching_pairs_lose_less_than_mismatched_ones():
    faces, far = unit(10, 32), torch.arange(10) * 10
    right = contrastive_loss(faces, faces, far, far, torch.tensor(10.0))
    wrong = contrastive_loss(faces, faces.roll(1, 0), far, far, torch.tensor(10.0))
    assert right < 0.1 < 2 < wrong


def test_near_windows_are_no_negatives():
    faces = unit(1, 8).repeat(3, 1)
    loss = contrastive_loss(
        faces, faces, torch.tensor([0, 1, 2]), torch.tensor([0, 1, 2]), torch.tensor(10.0)
    )
    assert loss.item() == pytest.approx(0, abs=1e-5)


def test_area_matrix_averages_pixels():
    assert torch.allclose(area_matrix(128)[0, :3], torch.tensor([0.5, 0.5, 0.0]))
    assert torch.allclose(area_matrix(100).sum(1), torch.ones(64))


@pytest.mark.parametrize(("delay", "offset"), [(0, 0), (4, 4), (-7, -7)])
def test_offset_says_by_how_much_the_lips_come_late(delay, offset):
    lag = np.arange(-MAX_SHIFT, MAX_SHIFT + 1)
    cosines = np.exp(-((lag + delay) ** 2) / 4)[None].repeat(20, 0)
    found = summarise(cosines, np.arange(20), 1)
    assert found.offset == offset
    assert found.top1 == (1.0 if abs(delay) <= 1 else 0.0)


def test_averaging_does_not_reach_across_gaps():
    cosines = np.arange(6.0)[:, None].repeat(31, 1)
    starts = np.array([0, 1, 2, 10, 11, 12])
    assert average_windows(cosines, starts, 3)[:, 0].tolist() == [1.0, 4.0]


def test_it_learns_to_tell_in_sync_from_shifted(tmp_path):
    data = tiny_person()
    split = split_frames(
        np.ones(data.frames, bool), data.fps, SplitParams(validation=0.25, gap=0.4)
    )
    torch.manual_seed(0)
    model = SyncNet(data.size, data.speech_dimension, **PARAMS.architecture())
    model.standardize.fit(data.rows(split.training))
    task = SyncNetTask(model, data, split, PARAMS, CPU, seed=1)
    state = TrainingState(model, PARAMS)
    before = task.validate(model)
    for epoch in range(12):
        for step in range(task.steps()):
            state.update(task.losses(epoch, step)["loss"])
    after = task.validate(state.ema)
    assert after["loss"] < before["loss"]
    assert after["top1"] > 0.8

    late = held_out_scan(state.ema, _delayed(data, 5), task.held_out)
    assert summarise(late, task.held_out, 11).offset == pytest.approx(-5, abs=1)

    save_syncnet(tmp_path / "syncnet.safetensors", state.ema)
    again = load_syncnet(tmp_path / "syncnet.safetensors")
    assert np.array_equal(
        held_out_scan(again, data, task.held_out), held_out_scan(state.ema, data, task.held_out)
    )


def _delayed(data, frames):
    """The same pictures with sound that comes ``frames`` later."""
    import dataclasses

    return dataclasses.replace(data, speech=data.speech.roll(frames, 0))
