"""The refiner: what it may see, what it decides, what its losses measure, and that it learns."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lipsync.errors import LipsyncError
from lipsync.faces.masks import visible_mask, visible_rows
from lipsync.generator import losses as L
from lipsync.generator.model import Decided, Refiner, compose, gaussian, low_pass, warp
from lipsync.generator.params import GeneratorParams
from lipsync.generator.refine import to_inputs, torch_refine
from lipsync.generator.weights import load_generator, save_generator
from lipsync.presets import PRESETS
from lipsync.retrieval.pasting import LOW, undecided
from lipsync.syncnet.model import SyncNet
from lipsync.training.device import Compute
from lipsync.training.history import write_history
from lipsync.training.state import TrainingState
from lipsync.training.tensors import read_tensors, write_tensors
from tests.tiny import FRAMES, SIZE, awake, tiny_split, tiny_task

PARAMS = GeneratorParams(
    channels=(8, 16), batch_size=10, exemplars=10, warmup_steps=5, ema_decay=0.9
)
CPU = Compute(torch.device("cpu"), torch.float32)


def refiner(size: int = SIZE, params: GeneratorParams = PARAMS) -> Refiner:
    torch.manual_seed(0)
    return Refiner(size, **params.architecture()).eval()


def noise(size: int = SIZE, batch: int = 2) -> tuple[torch.Tensor, ...]:
    """Arguments of a refiner."""
    draw = torch.Generator().manual_seed(1)
    pictures = [torch.rand(batch, 3, size, size, generator=draw) for _ in range(4)]
    masks = [torch.rand(batch, 1, size, size, generator=draw) for _ in range(2)]
    return (*pictures, *masks)


def test_untrained_it_makes_the_face_that_retrieval_alone_makes():
    task = tiny_task(refiner(), PARAMS)
    refine = torch_refine(task.model, torch.device("cpu"))
    frames = np.arange(0, tiny_split().training_end, 9)
    choices = task.choices(0)
    made = [task.maker.make(task.material.target(i), choices[i]) for i in frames.tolist()]
    assert any((each.mouth != each.face).any() for each in made)
    for frame, layers in zip(frames.tolist(), made, strict=True):
        mine, plain = refine(layers, task.material.crops[frame]), undecided(layers)
        assert np.abs(mine.flow).max() == 0
        inside = layers.mask > 0.5
        faces = [
            layers.face * (1 - each.mouth_share[..., None])
            + layers.mouth * each.mouth_share[..., None]
            + each.correction
            for each in (mine, plain)
        ]
        assert np.abs(faces[0] - faces[1])[inside].max() < 2  # of 255


def test_awake_it_decides_otherwise():
    before, inputs = refiner(), noise()
    after = awake(refiner())
    with torch.no_grad():
        for old, new in zip(before(*inputs), after(*inputs), strict=True):
            assert (old - new).abs().max() > 1e-3


def test_nothing_below_the_lower_lids_reaches_it():
    model, inputs = awake(refiner()), noise()
    crop = inputs[3]
    below, above = crop.clone(), crop.clone()
    below[:, :, visible_rows(SIZE) :] = torch.rand_like(below[:, :, visible_rows(SIZE) :])
    above[:, :, : visible_rows(SIZE) - 4] = 0.5
    with torch.no_grad():
        found, hidden, seen = (
            model(*inputs[:3], each, *inputs[4:]) for each in (crop, below, above)
        )
    assert all(torch.equal(a, b) for a, b in zip(found, hidden, strict=True))
    assert not torch.allclose(found.correction, seen.correction, atol=1e-4)
    crop.requires_grad_(True)
    model(*inputs).correction.square().sum().backward()
    assert crop.grad[:, :, visible_rows(SIZE) :].abs().max() == 0
    assert crop.grad[:, :, : visible_rows(SIZE) - 4].abs().max() > 0
    assert (visible_mask(SIZE)[visible_rows(SIZE) :] == 0).all()


def test_folded_it_decides_the_same():
    model, inputs = awake(refiner()), noise()
    folded = model.folded()
    with torch.no_grad():
        for mine, theirs in zip(model(*inputs), folded(*inputs), strict=True):
            assert torch.allclose(mine, theirs, atol=1e-5)
    assert not [name for name, _ in folded.named_parameters() if "gain" in name]


def test_numpy_in_and_numpy_out_it_decides_the_same():
    task = tiny_task(awake(refiner()), PARAMS)
    layers = task.maker.make(task.material.target(40), task.choices(0)[40])
    crop = task.material.crops[40]
    found = torch_refine(task.model, torch.device("cpu"))(layers, crop)
    with torch.no_grad():
        decided = task.model(*to_inputs([layers], crop[None], torch.device("cpu")))
    assert found.mouth_share.shape == (SIZE, SIZE)
    assert np.allclose(found.flow[..., 1], decided.flow[0, 1], atol=1e-5)
    assert np.allclose(found.correction[..., 2], 255 * decided.correction[0, 2], atol=1e-2)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_picture_costs_at_most_4_gflop(preset):
    values = PRESETS[preset].values
    params = GeneratorParams.model_validate(values["generator"])
    model = refiner(values["crop"]["size"], params)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(*noise(values["crop"]["size"], batch=1))
    assert 0.3e9 < counter.get_total_flops() <= 4e9


def test_a_flow_fetches_from_where_it_points_and_repeats_the_edge():
    picture, flow = torch.rand(1, 3, 32, 32), torch.zeros(1, 2, 32, 32)
    assert torch.allclose(warp(picture, flow), picture, atol=1e-5)
    flow[:, 1] = 4 / 32  # four pixels further down
    moved = warp(picture, flow)
    assert torch.allclose(moved[:, :, :24], picture[:, :, 4:28], atol=1e-4)
    assert torch.allclose(moved[:, :, 30], moved[:, :, 31], atol=1e-4)
    flow[:, 0], flow[:, 1] = -2 / 32, 0  # two pixels further left
    assert torch.allclose(warp(picture, flow)[..., 4:], picture[..., 2:30], atol=1e-4)


def test_shares_flow_and_correction_are_followed():
    face, mouth = torch.zeros(1, 3, 16, 16), torch.ones(1, 3, 16, 16)
    share, flow = torch.full((1, 1, 16, 16), 0.25), torch.zeros(1, 2, 16, 16)
    correction = torch.full((1, 3, 16, 16), 0.5)
    made = compose(face, mouth, Decided(share, flow, correction))
    assert torch.allclose(made, torch.full_like(made, 0.75), atol=1e-6)


def test_the_low_pass_keeps_what_is_smooth_and_takes_away_stripes():
    kernel = gaussian(LOW * 160)
    assert kernel.sum().item() == pytest.approx(1, abs=1e-6)
    even = torch.full((1, 3, 24, 24), 0.3)
    assert torch.allclose(low_pass(even, kernel), even, atol=1e-6)
    stripes = (torch.arange(24) % 2).float().expand(1, 3, 24, 24)
    assert (low_pass(stripes, kernel) - 0.5)[..., 6:-6].abs().max() < 0.02


def test_weighted_l1_counts_only_what_is_weighted():
    truth = torch.zeros(1, 3, 4, 4)
    made = truth.clone()
    made[..., 0, 0] = 1.0
    weight = torch.zeros(1, 1, 4, 4)
    weight[..., 0, :2] = 1.0
    assert L.weighted_l1(made, truth, weight).item() == pytest.approx(0.5)
    assert L.weighted_l1(made, truth, 1 - weight).item() == 0


def test_temporal_loss_ignores_a_constant_error_and_sees_jitter():
    truth = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    weight = torch.ones(4, 1, 8, 8)
    assert L.temporal_l1(truth + 0.2, truth, weight, 4).item() == pytest.approx(0, abs=1e-6)
    jitter = truth + 0.1 * torch.tensor([1.0, -1.0, 1.0, -1.0])[:, None, None, None]
    assert L.temporal_l1(jitter, truth, weight, 4).item() == pytest.approx(0.2, abs=1e-5)


def test_sharpness_is_lost_by_blur_and_by_noise_and_not_by_a_shift():
    draw = torch.Generator().manual_seed(0)
    truth = torch.rand(1, 3, 48, 48, generator=draw)
    weight = torch.ones(1, 1, 48, 48)

    def lost(made: torch.Tensor) -> float:
        return L.sharpness(made, truth, weight, 12).item()

    blurred = low_pass(truth, gaussian(1.0))
    assert lost(truth) == 0
    assert lost(blurred) > 0.1
    assert lost(low_pass(truth, gaussian(0.5))) < lost(blurred)
    assert lost(truth + 0.3 * torch.rand(truth.shape, generator=draw)) > 0.01
    assert lost(truth.roll(1, 3)) < 0.1 * lost(blurred)


def test_a_clip_too_short_for_syncnet_is_refused():
    syncnet = SyncNet(SIZE, 8, frames=7, channels=8, embedding=16)
    sync = PARAMS.model_copy(update={"losses": PARAMS.losses.model_copy(update={"sync": 0.1})})
    with pytest.raises(LipsyncError, match=r"generator\.clip: 5 .*syncnet\.frames, 7"):
        tiny_task(refiner(), sync, syncnet=syncnet)
    tiny_task(refiner(), PARAMS, syncnet=syncnet)  # nobody asks it whether lips are in sync


def used(task, frame: int, epoch: int = 0) -> np.ndarray:
    """Numbers in the video of the exemplars that a frame is made of."""
    choice = task.choices(epoch)[frame]
    chosen = {number for number, _ in (*choice.face, *choice.mouth, *choice.blend)}
    return task.maker.exemplars.frames[sorted(chosen)]


@pytest.mark.parametrize("apart", [0.2, 0.5, 1.0])
def test_exemplars_that_are_near_are_never_used_in_training(apart):
    task = tiny_task(refiner(), PARAMS.model_copy(update={"apart": apart}))
    split = tiny_split()
    nearest = [np.abs(used(task, frame) - frame).min() for frame in split.training.tolist()]
    assert min(nearest) >= round(apart * 25)
    assert set(task.choices(0)) == set(split.training.tolist())


def test_where_all_exemplars_are_near_the_farthest_will_do():
    task = tiny_task(refiner(), PARAMS.model_copy(update={"apart": 60.0, "dropout": 0.0}))
    numbers = task.maker.exemplars.frames
    for frame in range(0, tiny_split().training_end, 7):
        assert np.abs(used(task, frame) - frame).max() == np.abs(numbers - frame).max()


def test_other_exemplars_are_left_out_in_each_epoch_and_none_without_dropout():
    def makeup(dropout: float, epoch: int) -> list[tuple]:
        task = tiny_task(refiner(), PARAMS.model_copy(update={"dropout": dropout}))
        return [tuple(used(task, frame, epoch)) for frame in range(tiny_split().training_end)]

    first, second = makeup(0.5, 0), makeup(0.5, 1)
    assert sum(a != b for a, b in zip(first, second, strict=True)) > len(first) // 2
    assert makeup(0.5, 0) == first  # a function of seed and epoch
    assert makeup(0.0, 0) == makeup(0.0, 1)


def test_training_lowers_the_loss_on_what_it_never_saw(tmp_path):
    task = tiny_task(refiner(), PARAMS)
    state = TrainingState(task.model, PARAMS)
    with torch.no_grad():
        before = task.validate(state.ema)
    first = float(task.losses(0, 0)["loss"].detach())
    for step in range(60):
        state.update(task.losses(step // task.steps(), step % task.steps())["loss"])
    with torch.no_grad():
        after = task.validate(state.ema)
    assert float(task.losses(0, 0)["loss"].detach()) < 0.6 * first
    assert after["l1"] < 0.4 * before["l1"]
    assert after["mouth"] < 0.4 * before["mouth"]
    assert after["psnr"] > before["psnr"] + 5

    path = tmp_path / "generator.safetensors"
    save_generator(path, state.ema, 1.125)
    again, detail = load_generator(path)
    assert detail == 1.125
    assert again.config == state.ema.config
    with torch.no_grad():
        for mine, theirs in zip(state.ema(*noise()), again(*noise()), strict=True):
            assert torch.equal(mine, theirs)


def test_every_loss_reaches_the_refiner():
    every = {"sync": 0.1, "perceptual": 0.5, "temporal": 0.5, "sharpness": 0.5}
    params = GeneratorParams(**PARAMS.model_dump() | {"losses": every})
    losses = tiny_task(awake(refiner()), params).losses(0, 0)
    assert losses.keys() == {"loss", "l1", "mouth", *every}
    weights = params.losses.model_dump()
    total = sum(weights[name] * value for name, value in losses.items() if name != "loss")
    assert losses["loss"].item() == pytest.approx(float(total.detach()), rel=1e-5)
    for name in weights:
        task = tiny_task(awake(refiner()), params)
        task.losses(0, 0)[name].backward()
        moved = max(float(p.grad.abs().max()) for p in task.model.parameters())
        assert moved > 0, name


def test_what_is_switched_off_is_not_computed():
    off = dict.fromkeys(("sync", "perceptual", "temporal", "sharpness"), 0.0)
    params = GeneratorParams(**PARAMS.model_dump() | {"losses": off})
    assert tiny_task(refiner(), params).losses(0, 0).keys() == {"loss", "l1", "mouth"}


def test_bf16_loses_no_more_than_its_precision():
    found = []
    for precision in (torch.float32, torch.bfloat16):
        task = tiny_task(awake(refiner()), PARAMS, Compute(torch.device("cpu"), precision))
        losses = task.losses(0, 0)
        losses["loss"].backward()
        gradients = [p.grad for p in task.model.parameters() if p.requires_grad]
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
        found.append({name: float(value.detach()) for name, value in losses.items()})
    assert found[1] == pytest.approx(found[0], rel=0.05, abs=0.01)


def test_no_epochs_leave_the_refiner_as_it_is_and_its_figures(tmp_path, session):
    task = tiny_task(refiner(), PARAMS)
    before = {name: value.clone() for name, value in task.model.state_dict().items()}
    state = session.train(task.model, task, PARAMS, 0)
    assert all(torch.equal(before[name], value) for name, value in state.ema.state_dict().items())
    with torch.no_grad():
        assert state.progress.history[-1]["validation/l1"] == task.validate(task.model)["l1"]
    write_history(tmp_path / "out", state, {"device": "cpu"})
    assert (tmp_path / "out/samples/epoch_00000.jpg").stat().st_size > 1000
    assert '"l1"' in (tmp_path / "out/metrics.json").read_text()


@pytest.fixture
def session():
    """A session of train_generator, as far as training needs one."""
    from lipsync.training.session import Session
    from tests.tiny import tiny_person

    return Session("train_generator", None, CPU, tiny_person(), tiny_split(), 1, "mark")


def test_damaged_and_other_files_are_one_line(tmp_path):
    path = tmp_path / "generator.safetensors"
    refused(path, "no such file")
    save_generator(path, refiner(), 1.0)
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    refused(path, "damaged")
    flipped = bytearray(whole)
    flipped[-3] ^= 1
    path.write_bytes(flipped)
    refused(path, "damaged")
    path.write_bytes(whole)
    header, tensors = read_tensors(path)
    write_tensors(path, tensors, header | {"format": "lipsync-generator-4"})
    refused(path, "not a Refiner of this version")
    write_tensors(path, tensors, header | {"config": {"size": SIZE, "code_channels": 8}})
    refused(path, "not a Refiner of this version")
    write_tensors(path, {k: v for k, v in tensors.items() if k != "detail"}, header)
    refused(path, "holds no factor of detail; run `dvc repro`")


def refused(path, words: str) -> None:
    with pytest.raises(LipsyncError) as error:
        load_generator(path)
    assert str(path) in str(error.value)
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_frames_are_those_of_the_person():
    task = tiny_task(refiner(), PARAMS)
    assert len(task.material) == FRAMES
    picture = task.picture(task.model)
    assert picture[:2] == b"\xff\xd8"  # a JPEG begins so
