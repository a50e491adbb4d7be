"""The network: what it may hear, what it may not, and its losses."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lipsync.visemes.convolution import CausalConvolution
from lipsync.visemes.labels import IGNORED
from lipsync.visemes.losses import class_weights, neighbours, viseme_loss
from lipsync.visemes.model import VisemeTCN, receptive_field
from lipsync.visemes.params import LossParams


def columns(frames: int, batch: int = 1, seed: int = 0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return 8 + 4 * torch.randn(batch, frames, 80, generator=draw)


@pytest.mark.parametrize(("layers", "kernel", "convolutions"), [(5, 3, 1), (3, 3, 2), (2, 4, 1)])
def test_the_receptive_field_is_what_it_says(layers, kernel, convolutions):
    torch.manual_seed(0)
    model = VisemeTCN(layers=layers, kernel=kernel, convolutions=convolutions, channels=8).eval()
    for parameter in model.parameters():  # so that no ReLU hides what it hears
        parameter.data.abs_()
    reach = receptive_field(layers, kernel, convolutions)
    assert model.receptive == reach
    heard = columns(200).abs() + 10
    heard.requires_grad_()
    model(heard)[0, 150].sum().backward()
    touched = np.flatnonzero(heard.grad[0].abs().sum(1).numpy())
    assert (touched[0], touched[-1]) == (150 - reach + 1, 150)


def test_padding_and_neighbours_in_the_batch_change_nothing(model):
    short, long = columns(60), columns(90, seed=1)
    alone = model(short)[0]
    padded = torch.cat([short, torch.full((1, 30, 80), 2.0)], 1)
    together = model(torch.cat([long, padded]))[1, :60]
    assert torch.allclose(alone, together, atol=1e-5)
    assert torch.allclose(model(long)[0], model(torch.cat([padded, long]))[1], atol=1e-5)


@pytest.mark.parametrize(("kernel", "dilation"), [(3, 4), (2, 1), (1, 1), (5, 2)])
def test_products_are_the_convolution_and_so_are_their_gradients(kernel, dilation):
    torch.manual_seed(1)
    layer = CausalConvolution(6, 5, kernel, dilation).double()
    torch.nn.init.normal_(layer.bias)
    gap = 9
    signal = F.pad(torch.randn(3, 20, 6).double(), (0, 0, gap, 0)).requires_grad_()
    wanted = F.conv1d(
        F.pad(signal[:, gap:].transpose(1, 2), (layer.reach, 0)),
        layer.weight().permute(2, 1, 0),
        layer.bias,
        dilation=dilation,
    )
    wanted = F.relu(wanted).transpose(1, 2)
    out = layer(signal, gap)
    assert (out[:, :gap] == 0).all()
    assert torch.allclose(out[:, gap:], wanted)
    inputs = [signal, *layer.parameters()]
    weight = torch.randn_like(wanted)
    ours = torch.autograd.grad((out[:, gap:] * weight).sum(), inputs)
    theirs = torch.autograd.grad((wanted * weight).sum(), inputs)
    for left, right in zip(ours[1:], theirs[1:], strict=True):
        assert torch.allclose(left, right)
    assert torch.allclose(ours[0][:, gap:], theirs[0][:, gap:])


def test_bfloat16_takes_the_other_way_to_the_same_place(model):
    heard = columns(50, 2)
    exact = model(heard)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = model(heard).float()
    assert rounded.shape == exact.shape
    assert torch.nn.functional.cosine_similarity(exact, rounded, dim=-1).min() > 0.99


def test_the_length_of_a_weight_is_a_parameter():
    layer = CausalConvolution(4, 3, 2)
    before = layer.weight().detach()
    layer.direction.data *= 7
    assert torch.allclose(layer.weight(), before)
    layer.length.data *= 2
    assert torch.allclose(layer.weight(), 2 * before)


def logits_and_labels(frames=12):
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(2, frames, 15, generator=draw)
    labels = torch.randint(0, 15, (2, frames), generator=draw)
    return logits, labels


@pytest.mark.parametrize("kind", ["cross_entropy", "bce", "focal"])
def test_padding_has_no_share_in_any_loss(kind):
    params, weights = LossParams(kind=kind), torch.rand(15) + 0.5
    logits, labels = logits_and_labels()
    whole = viseme_loss(logits, labels, weights, params)
    more = torch.cat([logits, 100 * torch.randn(2, 5, 15)], 1).requires_grad_()
    padded = torch.cat([labels, torch.full((2, 5), IGNORED)], 1)
    loss = viseme_loss(more, padded, weights, params)
    assert torch.allclose(loss, whole)
    loss.backward()
    assert (more.grad[:, 12:] == 0).all()
    assert (more.grad[:, :12].abs().sum(-1) > 0).all()
    nothing = viseme_loss(logits, torch.full_like(labels, IGNORED), weights, params)
    assert nothing == 0


@pytest.mark.parametrize("kind", ["cross_entropy", "bce", "focal"])
def test_the_right_answer_costs_less(kind):
    params = LossParams(kind=kind, label_smoothing=0)
    labels = torch.tensor([[3] * 6, [8] * 6])
    right = 20 * F.one_hot(labels, 15).float() - 10
    wrong = 20 * F.one_hot((labels + 7) % 15, 15).float() - 10
    weights = torch.ones(15)
    assert viseme_loss(right, labels, weights, params) < viseme_loss(
        torch.zeros_like(right), labels, weights, params
    ) < viseme_loss(wrong, labels, weights, params)  # fmt: skip


def test_cross_entropy_is_the_one_of_the_books():
    params = LossParams(kind="cross_entropy", label_smoothing=0)
    logits, labels = logits_and_labels()
    weights = torch.rand(15) + 0.1
    wanted = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), weights)
    assert torch.allclose(viseme_loss(logits, labels, weights, params), wanted)


def test_focal_loss_forgets_what_is_easy():
    params = LossParams(kind="focal", label_smoothing=0, focal_gamma=2)
    labels = torch.zeros(1, 1, dtype=torch.long)
    logits = torch.zeros(1, 1, 15)
    logits[..., 0] = 3.0
    right = float(logits.softmax(-1)[0, 0, 0])
    loss = viseme_loss(logits, labels, torch.ones(15), params)
    assert float(loss) == pytest.approx(-((1 - right) ** 2) * np.log(right), rel=1e-5)


def test_multi_label_targets_reach_10_ms_to_both_sides():
    labels = torch.tensor([[3, 3, 3, 5, 5, IGNORED, 7]])
    wanted = neighbours(labels)[0]
    shown = [set(np.flatnonzero(row)) for row in wanted.numpy()]
    assert shown == [{3}, {3}, {3, 5}, {3, 5}, {5}, {5, 7}, {7}]


def test_class_weights_weigh_the_rare_more_and_frames_one():
    counts = np.array([800, 100, 50, 50] + [0] * 11)
    assert torch.equal(class_weights(counts, "none"), torch.ones(15))
    inverse = class_weights(counts, "inverse").numpy()
    assert inverse[1] / inverse[0] == pytest.approx(8)
    root = class_weights(counts, "sqrt").numpy()
    assert root[1] / root[0] == pytest.approx(8**0.5)
    for weights in (inverse, root):
        assert (weights * counts).sum() / counts.sum() == pytest.approx(1)
    assert inverse[14] == inverse[2]


def test_class_weights_work_in_the_loss():
    """A class of weight 10 pulls the gradient ten times as hard."""
    params = LossParams(kind="cross_entropy", label_smoothing=0)
    labels = torch.tensor([[0, 1]])
    weights = torch.ones(15)
    weights[1] = 10
    logits = torch.zeros(1, 2, 15, requires_grad=True)
    viseme_loss(logits, labels, weights, params).backward()
    pulls = logits.grad[0].abs().sum(1)
    assert pulls[1] / pulls[0] == pytest.approx(10, rel=1e-4)
