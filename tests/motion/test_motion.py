"""What the motion network learns, and how its predictions are calibrated."""

import hashlib
import os
import signal
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from lipsync.errors import LipsyncError
from lipsync.geometry.storage import write_geometry
from lipsync.motion.calibration import Calibration, calibrate
from lipsync.motion.data import MotionData, load_motion_data, predict, width_of
from lipsync.motion.figures import held_out_figures
from lipsync.motion.model import MotionNet
from lipsync.motion.onnx import motion_parity, motion_to_onnx
from lipsync.motion.opening import gap_of
from lipsync.motion.targets import Targets
from lipsync.motion.task import MotionTask
from lipsync.motion.weights import load_motion, save_motion
from lipsync.training.checkpoints import Checkpoints
from lipsync.training.loop import INTERRUPTED, fit
from lipsync.training.params import SplitParams
from lipsync.training.split import split_frames
from lipsync.training.state import TrainingState
from tests.motion.person import (
    BANDS,
    EXPRESSION,
    FRAMES,
    INSTANTS,
    PARAMS,
    louder,
    tiny_shape,
    tiny_task,
)
from tests.motion.person import tiny_motion as tiny


class Stopped(MotionTask):
    """Presses Ctrl+C in a step."""

    stop_at: tuple[int, int] | None = None

    def losses(self, epoch: int, step: int) -> dict[str, torch.Tensor]:
        if self.stop_at == (epoch, step):
            os.kill(os.getpid(), signal.SIGINT)
        return super().losses(epoch, step)


def train(folder: Path, data: MotionData, stop_at: tuple[int, int] | None = None) -> TrainingState:
    task = tiny_task(data, kind=Stopped)
    task.stop_at = stop_at
    with Checkpoints(folder, "mark") as checkpoints:
        state = fit(task, TrainingState(task.model, PARAMS), PARAMS.epochs, checkpoints, "motion")
    calibrate(state.ema, data, task.targets, PARAMS)
    return state


@cache
def trained(noise: float) -> tuple[MotionNet, MotionData, MotionTask, Calibration]:
    """A network after a short training; the same for all tests."""
    data = tiny(noise)
    task = tiny_task(data)
    task.warm_up()
    state = TrainingState(task.model, PARAMS)
    for epoch in range(PARAMS.epochs):
        for step in range(task.steps()):
            state.update(task.losses(epoch, step)["loss"])
    model = state.ema
    return model, data, task, calibrate(model, data, task.targets, PARAMS)


def figures(model: MotionNet, data: MotionData, task: MotionTask) -> dict[str, float]:
    real = task.targets.expression[task.held_out]
    below = float(np.quantile(data.shape.opening(real), 0.2))
    return held_out_figures(data.shape, predict(model, data, task.held_out), real, below)


def test_it_learns_what_the_mouth_does():
    model, data, task, calibration = trained(0.1)
    found = figures(model, data, task)
    assert found["opening_r"] > 0.9
    assert found["width_r"] > 0.9
    assert found["closure"] > 0.6
    assert calibration.r > 0.9


def test_wrong_speech_tells_nothing():
    model, data, task, _ = trained(0.1)
    real = data.shape.opening(task.targets.expression[task.held_out])
    found = [
        np.corrcoef(
            data.shape.opening(predict(model, data, task.held_out, task.held_out - shift)), real
        )[0, 1]
        for shift in range(25, 101, 5)
    ]
    assert abs(np.mean(found)) < 0.15


def test_the_amplitude_is_that_of_the_real_mouth():
    """Half of what the mouth does is not told by the sound, so least squares predicts less."""
    model, data, task, calibration = trained(1.0)
    assert figures(model, data, task)["opening_spread"] == pytest.approx(1, abs=0.2)
    assert calibration.gain > 1.15
    shrunk = float(model.gain)
    try:
        model.gain.fill_(1.0)
        assert figures(model, data, task)["opening_spread"] < 0.85
    finally:
        model.gain.fill_(shrunk)


def test_the_gain_is_bounded_where_the_sound_tells_nothing():
    data = tiny(0.1)
    mute = replace(data, expression=data.expression[torch.randperm(FRAMES)])
    task = tiny_task(mute)
    task.warm_up()
    found = calibrate(task.model, mute, task.targets, PARAMS)
    assert abs(found.r) < 0.3
    assert found.gain <= PARAMS.largest_gain


def test_silence_closes_the_mouth():
    model, data, task, _ = trained(0.1)
    real = data.shape.opening(task.targets.expression[task.targets.frames])
    silent = data.shape.opening(predict(model, data, np.array([-30, FRAMES + 30])))
    assert (silent <= np.quantile(real, 0.1)).all()
    draw = np.random.default_rng(0)
    tone = 0.1 + 0.02 * draw.normal(size=data.speech.shape)  # 40 dB below the speech
    room = replace(data, speech=torch.from_numpy(tone).float())
    assert (data.shape.opening(predict(model, room, np.arange(50))) <= np.quantile(real, 0.1)).all()


def test_lips_never_pass_through_each_other():
    model, _, task, _ = trained(0.1)
    least = float(model.smallest_gap)
    wild = torch.randn(200, EXPRESSION, generator=torch.Generator().manual_seed(0)) * 10
    assert task.targets.gaps(wild.numpy()).min() < least
    assert task.targets.gaps(model.calibrate(wild).numpy()).min() > least - 1e-4


def test_another_level_moves_the_lips_as_far():
    model, data, task, _ = trained(0.1)
    usual = data.shape.opening(predict(model, data, task.held_out))
    for decibels in (-4.0, 4.0):
        other = data.shape.opening(predict(model, louder(data, decibels), task.held_out))
        assert other.std() == pytest.approx(usual.std(), rel=0.15)
        assert np.corrcoef(other, usual)[0, 1] > 0.95


def test_folds_share_no_speech():
    data = tiny()
    targets = Targets(data, split_frames(np.ones(FRAMES, bool), 25, SplitParams()), 1.0, reach=7)
    assert sorted(np.concatenate([fold.frames for fold in targets.folds])) == list(targets.frames)
    for fold in targets.folds:
        assert np.abs(fold.frames[:, None] - fold.others).min() > 7


def test_the_gap_and_the_width_are_those_of_the_shape():
    shape, draw = tiny_shape(), np.random.default_rng(0)
    expression = draw.normal(size=(20, EXPRESSION))
    weights, offset = gap_of(shape)
    assert np.abs(expression @ weights + offset) == pytest.approx(shape.opening(expression))
    moved = shape.width(expression) - shape.width(np.zeros((1, EXPRESSION)))
    assert expression @ width_of(shape) == pytest.approx(moved, abs=1e-6)


def test_windows_are_those_of_rendering():
    """Frames outside the video hear silence; a window's rows are the same in any order."""
    model, data, _, _ = trained(0.1)
    whole = predict(model, data, np.arange(FRAMES))
    assert predict(model, data, np.array([7, 3])) == pytest.approx(whole[[7, 3]], abs=1e-5)
    heard = predict(model, data, np.array([0, 1]), np.array([400, 20]))
    assert heard == pytest.approx(whole[[400, 20]], abs=1e-5)
    assert predict(model, data, np.array([], int)).shape == (0, EXPRESSION)


def test_the_file_holds_the_network(tmp_path):
    model, data, _, _ = trained(0.1)
    save_motion(tmp_path / "motion.safetensors", model)
    loaded = load_motion(tmp_path / "motion.safetensors")
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    frames = np.arange(40)
    assert np.array_equal(predict(loaded, data, frames), predict(model, data, frames))
    (tmp_path / "motion.safetensors").write_bytes(b"nothing")
    with pytest.raises(LipsyncError, match=r"motion\.safetensors"):
        load_motion(tmp_path / "motion.safetensors")


def test_onnx_predicts_the_same():
    model, data, _, _ = trained(0.1)
    network = motion_to_onnx(model, 20)
    assert network == motion_to_onnx(model, 20)
    frames = torch.arange(-20, 60)  # silence, and speech
    speech = data.windows(frames, model.past, model.future).numpy()
    assert motion_parity(network, model, speech) < 1e-4
    other = motion_parity(network, tiny_task(data).model, speech)
    assert other > 1e-2


def test_stopped_anywhere_it_ends_with_the_same_bytes(tmp_path):
    def digest(state: TrainingState, name: str) -> str:
        state.save(tmp_path / name, "mark")
        return hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()

    data = tiny()
    whole = digest(train(tmp_path / "whole", data), "whole.safetensors")
    with pytest.raises(SystemExit) as stopped:
        train(tmp_path / "parts", data, stop_at=(1, 7))
    assert stopped.value.code == INTERRUPTED
    assert digest(train(tmp_path / "parts", data), "parts.safetensors") == whole


def test_gaps_in_the_video_teach_nothing():
    data = tiny()
    valid = data.valid.copy()
    valid[100:160] = False
    wild = data.expression.clone()
    wild[100:160] = 1000.0
    for spoiled in (data.expression, wild):
        task = tiny_task(replace(data, valid=valid, expression=spoiled))
        task.warm_up()
        loss = task.losses(0, 0)["loss"].item()
        assert np.isfinite(loss)
        assert loss < 10
        assert not set(range(100, 160)) & set(task.targets.frames)


def test_encoders_without_levels_or_instants_work():
    data = replace(tiny(), per_decibel=0.0, instants=1)
    task = tiny_task(data)
    task.warm_up()
    assert task.losses(0, 0)["loss"].isfinite()
    windows = data.windows(torch.arange(3), PARAMS.past, PARAMS.look_ahead)
    assert task.model(windows).shape == (3, EXPRESSION)
    assert windows.shape[2] == BANDS * INSTANTS


def test_too_few_frames_are_explained():
    data = tiny()
    valid = data.valid.copy()
    valid[30:] = False
    with pytest.raises(LipsyncError, match="only 30 frames of the training part"):
        tiny_task(replace(data, valid=valid))


def test_files_of_other_lengths_are_refused(tmp_path):
    from lipsync.geometry.model import Track

    count = 30
    track = Track(
        scale=np.ones(count, np.float32),
        rotation=np.repeat(np.eye(3, dtype=np.float32)[None], count, 0),
        translation=np.zeros((count, 3), np.float32),
        expression=np.full((count, EXPRESSION), np.nan, np.float32),
        valid=np.zeros(count, bool),
    )
    write_geometry(tmp_path / "geometry.npz", tiny_shape(), track)
    arrays = {"silence": np.zeros(6, np.float32), "per_decibel": 0.0, "instants": 1, "fps": 25.0}
    for rows in (29, 30):
        np.savez(
            tmp_path / "speech.npz",
            rows=np.zeros((rows, 6), np.float32),
            weights_sha256="",
            **arrays,
        )
        if rows == count:
            data = load_motion_data(tmp_path / "geometry.npz", tmp_path / "speech.npz")
            assert not data.expression.isnan().any()
            assert data.silence.shape == (6,)
            continue
        with pytest.raises(LipsyncError, match=r"has 30 frames and .* has 29"):
            load_motion_data(tmp_path / "geometry.npz", tmp_path / "speech.npz")
