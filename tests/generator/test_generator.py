"""The generator: what it may see, what its losses measure, and that it follows the sound."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lipsync.errors import LipsyncError
from lipsync.faces.masks import paste_mask, visible_mask
from lipsync.generator import losses as L
from lipsync.generator.lips import LipShapes
from lipsync.generator.model import Generator, warp
from lipsync.generator.params import GeneratorParams
from lipsync.generator.reference import choose_reference
from lipsync.generator.task import GeneratorTask, paint
from lipsync.generator.teaching import teach_lips
from lipsync.generator.weights import load_generator, save_generator
from lipsync.presets import PRESETS
from lipsync.syncnet.model import SyncNet
from lipsync.training.data import to_unit
from lipsync.training.device import Compute
from lipsync.training.params import SplitParams
from lipsync.training.split import split_frames
from lipsync.training.state import TrainingState
from tests.tiny import awake, tiny_person, tiny_task

PARAMS = GeneratorParams(
    channels=(16, 24), code_channels=16, batch_size=20, warmup_steps=5, ema_decay=0.98
)
CPU = Compute(torch.device("cpu"), torch.float32)


def generator(size: int = 64, dimension: int = 8) -> Generator:
    torch.manual_seed(0)
    return awake(Generator(size, dimension, **PARAMS.architecture())).eval()


def test_nothing_hidden_reaches_the_picture():
    model, draw = generator(), torch.Generator().manual_seed(1)
    crop = torch.rand(1, 3, 64, 64, generator=draw)
    other = torch.where(
        torch.from_numpy(visible_mask(64)) > 0, crop, torch.rand(crop.shape, generator=draw)
    )
    reference, speech = torch.rand(1, 3, 64, 64), torch.rand(1, 11, 8)
    assert torch.equal(model(crop, reference, speech), model(other, reference, speech))


def test_what_is_pasted_was_hidden():
    for size in (64, 160, 320):
        assert (visible_mask(size) * paste_mask(size) == 0).all()


def test_speech_band_and_reference_each_matter():
    model, draw = generator(), torch.Generator().manual_seed(1)
    crop, reference = torch.rand(2, 1, 3, 64, 64, generator=draw)
    speech = torch.rand(1, 11, 8, generator=draw)
    face = model(crop, reference, speech)
    assert face.shape == (1, 3, 64, 64)
    for changed in ((crop + 0.1, reference, speech), (crop, reference + 0.1, speech)):
        assert not torch.allclose(face, model(*changed), atol=1e-4)
    assert not torch.allclose(face, model(crop, reference, speech + 0.5), atol=1e-4)


def test_one_reference_serves_a_batch():
    model = generator()
    crop, speech = torch.rand(3, 3, 64, 64), torch.rand(3, 11, 8)
    reference = torch.rand(1, 3, 64, 64)
    together = model(crop, reference, speech)
    alone = model(crop[1:2], reference, speech[1:2])
    assert torch.allclose(together[1:2], alone, atol=1e-4)


def test_above_the_pasted_part_the_reference_passes_unchanged():
    for size in (64, 160, 320):
        model = generator(size)
        reference = torch.rand(1, 3, size, size)
        face = model(torch.rand(2, 3, size, size), reference, torch.rand(2, 11, 8))
        assert torch.equal(
            face[:, :, : model.top], reference[:, :, : model.top].expand(2, 3, -1, -1)
        )
        assert not torch.equal(face[0, :, model.top], reference[0, :, model.top])
        assert (paste_mask(size)[: model.top] == 0).all()
        assert (visible_mask(size)[model.band :] == 0).all()


def test_a_flow_fetches_from_where_it_points_and_repeats_the_edge():
    picture = torch.rand(1, 3, 32, 32)
    flow = torch.zeros(1, 2, 6, 8)
    assert torch.allclose(warp(picture, flow, top=8), picture[:, :, 8:], atol=1e-5)
    flow[:, 1] = 4 * 4 * 2 / 32  # four pixels further down, in quarters of 16 pixels
    moved = warp(picture, flow, top=8)
    assert torch.allclose(moved[:, :, :20], picture[:, :, 12:], atol=1e-5)
    assert torch.allclose(moved[:, :, 20:], picture[:, :, 31:].expand(-1, -1, 4, -1), atol=1e-5)


def test_folded_it_paints_the_same():
    model = generator()
    inputs = torch.rand(2, 3, 64, 64), torch.rand(1, 3, 64, 64), torch.rand(2, 11, 8)
    folded = model.folded()
    assert torch.allclose(model(*inputs), folded(*inputs), atol=1e-3)
    assert not [name for name, _ in folded.named_parameters() if "gain" in name]


def test_a_picture_of_320_pixels_costs_at_most_3_gflop():
    values = PRESETS["production"].values
    params = GeneratorParams.model_validate(values["generator"])
    size = values["crop"]["size"]
    model = Generator(size, 320, **params.architecture()).eval()
    crop, speech = torch.rand(1, 3, size, size), torch.rand(1, 11, 320)
    with torch.no_grad():
        reference = model.encode_reference(crop)
        with FlopCounterMode(display=False) as counter:
            model.generate(crop, reference, model.lips(speech))
    assert size == 320
    assert 0.5e9 < counter.get_total_flops() <= 3e9


def test_lips_are_learned_from_sound_alone():
    data = tiny_person()
    split = split_frames(data.frames, data.fps, SplitParams(validation=0.25, gap=0.4))
    held_out = torch.from_numpy(split.validation)
    torch.manual_seed(0)
    model = Generator(64, 8, **PARAMS.architecture())
    model.lips.standardize.fit(data.rows(split.training))
    painting = {k: v.clone() for k, v in model.state_dict().items() if k.startswith("decoder")}
    shapes = LipShapes(data, torch.from_numpy(split.training), PARAMS)
    teach_lips(model.lips, [shapes], shapes.line(), PARAMS, CPU, 1)
    with torch.no_grad():
        guessed = model.eval().lips(data.windows(held_out, PARAMS.past, PARAMS.future))
    real = shapes.codes[held_out]
    height = data.lip_shapes[held_out][:, 2 * 10 + 1]  # y of the point at a quarter turn
    assert abs(np.corrcoef(real[:, 0], height)[0, 1]) > 0.99
    assert np.corrcoef(guessed[:, 0], real[:, 0])[0, 1] > 0.95
    assert all(torch.equal(model.state_dict()[name], value) for name, value in painting.items())


def test_no_cross_fitted_guess_knows_its_own_frame():
    """Other lips in a fold change the guesses of all folds but that one."""
    params = PARAMS.model_copy(update={"gradient_clip": 1e9})  # a clipped norm is of all nets
    data = tiny_person()
    training = torch.arange(120)
    guesses = []
    for spoilt in (False, True):
        torch.manual_seed(0)
        model = Generator(64, 8, **params.architecture())
        model.lips.standardize.fit(data.rows(training.numpy()))
        shapes = LipShapes(data, training, params)
        inside = (shapes.folds.of == 1) & (torch.arange(len(shapes.codes)) < 120)
        if spoilt:
            shapes.codes[inside] += 3.0
        teach_lips(model.lips, [shapes], shapes.line(), params, CPU, 1)
        guesses.append(shapes.cross_fitted(model.lips, shapes.line))
    assert shapes.folds.count >= 2
    assert 20 < inside.sum() < 100
    assert (guesses[0][inside] - guesses[1][inside]).abs().max() < 1e-5
    others = ~inside & (torch.arange(len(inside)) < 120)
    assert (guesses[0][others] - guesses[1][others]).abs().mean() > 0.1
    real = LipShapes(data, training, params).codes[:120, 0]
    assert np.corrcoef(guesses[0][:120, 0], real)[0, 1] > 0.9


def test_more_shapes_than_frames_to_learn_them_from_is_refused():
    with pytest.raises(LipsyncError, match=r"generator\.lips\.shapes: 8 .* the 5 frames"):
        LipShapes(tiny_person(), torch.arange(5), PARAMS)


def test_weighted_l1_counts_only_what_is_weighted():
    truth = torch.zeros(1, 3, 4, 4)
    painted = truth.clone()
    painted[..., 0, 0] = 1.0
    weight = torch.zeros(1, 1, 4, 4)
    weight[..., 0, :2] = 1.0
    assert L.weighted_l1(painted, truth, weight).item() == pytest.approx(0.5)
    assert L.weighted_l1(painted, truth, 1 - weight).item() == 0


def test_box_weight_covers_the_box_and_its_margin():
    inside = L.box_weight(torch.tensor([[2.0, 4.0, 6.0, 8.0]]), 12, margin=0.25)[0, 0]
    rows, columns = inside.any(1).nonzero().flatten(), inside.any(0).nonzero().flatten()
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (3, 8, 1, 6)


def test_temporal_loss_ignores_a_constant_error_and_sees_jitter():
    truth = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    weight = torch.ones(1, 1, 8, 8)
    assert L.temporal_l1(truth + 0.2, truth, weight, 4).item() == pytest.approx(0, abs=1e-6)
    jitter = truth + 0.1 * torch.tensor([1.0, -1.0, 1.0, -1.0])[:, None, None, None]
    assert L.temporal_l1(jitter, truth, weight, 4).item() == pytest.approx(0.2, abs=1e-5)


def test_the_reference_has_a_closed_mouth_and_is_sharp():
    crops = torch.full((10, 3, 32, 32), 128, dtype=torch.uint8)
    crops[3] = (torch.arange(32) % 2 * 80).to(torch.uint8)  # sharp, open
    crops[7] = (torch.arange(32) // 4 % 2 * 80).to(torch.uint8)  # less sharp, closed
    mouth = torch.tensor([[8.0, 10.0, 24.0, 24.0]]).repeat(10, 1)
    mouth[6:8, 3] = 12.0
    assert choose_reference(crops, np.ones(10, bool), mouth) == 7


def test_a_clip_too_short_for_syncnet_is_refused():
    data = tiny_person()
    split = split_frames(data.frames, data.fps, SplitParams())
    syncnet = SyncNet(64, 8, frames=7, channels=8, embedding=16)
    with pytest.raises(LipsyncError, match=r"generator\.clip: 5 .*syncnet\.frames, 7"):
        GeneratorTask(
            generator(), syncnet, data, torch.rand(1, 3, 64, 64), split, PARAMS, CPU, seed=1
        )


def test_it_learns_to_follow_the_sound(tmp_path):
    torch.manual_seed(0)
    model = Generator(64, 8, **PARAMS.architecture())
    task = tiny_task(model, PARAMS)
    data, reference = task.data, task.reference
    task.warm_up()
    state = TrainingState(model, PARAMS)
    taught = [weight.clone() for weight in model.lips.parameters()]
    for step in range(200):
        state.update(task.losses(step // task.steps(), step % task.steps())["loss"])
    assert all(torch.equal(a, b) for a, b in zip(taught, model.lips.parameters(), strict=True))
    assert task.lips_figures(state.ema)["lips_r"] > 0.95
    frames = task.held_out
    real = _opening(to_unit(data.crops[frames]))
    right = _opening(paint(state.ema, data, frames, reference))
    shifted = _opening(paint(state.ema, data, frames, reference, frames.roll(15)))
    assert np.corrcoef(real, right)[0, 1] > 0.9
    assert abs(np.corrcoef(real, shifted)[0, 1]) < 0.5

    picture = data.crops[0].permute(1, 2, 0).numpy()
    save_generator(tmp_path / "generator.safetensors", state.ema, picture)
    again, kept = load_generator(tmp_path / "generator.safetensors")
    assert np.array_equal(kept, picture)
    assert torch.equal(
        paint(again, data, frames[:4], reference), paint(state.ema, data, frames[:4], reference)
    )


def test_bf16_loses_no_more_than_its_precision():
    found = []
    for precision in (torch.float32, torch.bfloat16):
        task = tiny_task(generator(), PARAMS, Compute(torch.device("cpu"), precision))
        task.warm_up()
        losses = task.losses(0, 0)
        losses["loss"].backward()
        gradients = [p.grad for p in task.model.parameters() if p.requires_grad]
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
        found.append({name: float(value.detach()) for name, value in losses.items()})
    assert found[1] == pytest.approx(found[0], rel=0.05, abs=0.01)


def test_every_frame_that_a_clip_may_take_has_a_guess():
    """Also those whose faces, and so lips, were not seen at the end of the training part."""
    model = generator()
    data = tiny_person()
    model.lips.standardize.fit(data.rows(np.arange(100)))
    shapes = LipShapes(data, torch.arange(10, 90), PARAMS)
    teach_lips(model.lips, [shapes], shapes.line(), PARAMS, CPU, 1)
    guesses = shapes.cross_fitted(model.lips, shapes.line)
    assert guesses.isfinite().all()
    assert (guesses.abs().sum(1) > 0).all()


def _opening(pictures: torch.Tensor) -> np.ndarray:
    """Dark pixels of the column through the disc."""
    return (pictures[:, 0, :, 30:34].mean(-1) < 0.4).sum(-1).numpy()
