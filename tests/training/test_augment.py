"""Augmentation: what it may change and what it may not."""

import torch

from lipsync.training import augment

PER_DECIBEL = 0.0125  # ten times the power adds 1/8
MEAN, SPREAD = torch.tensor([0.5, 0.25]), torch.tensor([0.125, 0.125])


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noisy(rows: torch.Tensor, amount: float, per_decibel: float = PER_DECIBEL) -> torch.Tensor:
    return augment.noise(rows, amount, per_decibel, MEAN, SPREAD, draws())


def test_powers_of_sound_and_noise_add():
    """In silence the mean power is that of the noise: of amplitude 0..a, a third of a squared."""
    rows = torch.zeros(4000, 9, 2)
    power = 10 ** (noisy(rows, 0.5) / 0.125) - 1  # above the floor, which is 1
    expected = 10 ** ((MEAN + SPREAD) / 0.125) * 0.5**2 / 3
    assert torch.allclose(power.mean((0, 1)) / expected, torch.ones(2), atol=0.05)


def test_noise_drowns_what_is_soft_and_leaves_what_is_loud():
    soft, loud = torch.full((200, 9, 2), 0.05), torch.full((200, 9, 2), 1.0)
    assert (noisy(soft, 0.3) - soft).mean() > 0.15
    assert (noisy(loud, 0.3) - loud).abs().max() < 0.02
    assert (noisy(soft, 0.3) >= soft - 1e-6).all()


def test_a_window_has_one_level_of_noise():
    quiet = noisy(torch.zeros(500, 200, 2), 0.5)[..., 0].mean(1)  # (500,) mean over 200 draws each
    assert quiet.std() > 0.08  # windows differ more than the draws within them explain


def test_features_without_level_get_noise_of_their_spread():
    rows = torch.zeros(4000, 9, 2)
    added = augment.noise(rows, 0.5, 0, MEAN, torch.tensor([1.0, 10.0]), draws())
    expected = torch.tensor([1.0, 10.0]) * 0.5 / 3**0.5
    assert torch.allclose(added.std((0, 1)) / expected, torch.ones(2), atol=0.05)
    assert added.mean().abs() < 0.05


def test_nothing_wanted_is_nothing_changed_and_nothing_drawn():
    rows, pictures, generator = torch.rand(2, 9, 2), torch.rand(4, 3, 16, 16), draws()
    before = generator.get_state()
    assert augment.noise(rows, 0, PER_DECIBEL, MEAN, SPREAD, generator) is rows
    assert augment.geometry(pictures, 0, 0, 2, generator) is pictures
    assert torch.equal(generator.get_state(), before)


def test_a_window_is_turned_as_one():
    frame = torch.rand(1, 3, 32, 32, generator=draws(1))
    turned = augment.geometry(frame.repeat(6, 1, 1, 1), 0.2, 20, 3, draws())
    assert torch.allclose(turned[0], turned[2], atol=1e-5)
    assert torch.allclose(turned[3], turned[5], atol=1e-5)
    assert not torch.allclose(turned[0], turned[3], atol=0.05)
    assert torch.equal(turned, augment.geometry(frame.repeat(6, 1, 1, 1), 0.2, 20, 3, draws()))


def test_zoom_and_rotation_are_as_large_as_said():
    """A disc keeps its place under rotation and changes its area by the square of the zoom."""
    y, x = torch.meshgrid(torch.arange(64) - 31.5, torch.arange(64) - 31.5, indexing="ij")
    disc = (x**2 + y**2 < 16**2).float().expand(200, 3, 64, 64)
    area = augment.geometry(disc, 0.2, 0, 1, draws())[:, 0].sum((1, 2)) / disc[0, 0].sum()
    assert 0.6 < area.min() < 0.72
    assert 1.36 < area.max() < 1.48
    still = augment.geometry(disc, 0, 30, 1, draws())[:, 0].sum((1, 2)) / disc[0, 0].sum()
    assert (still - 1).abs().max() < 0.02
    bar = ((y.abs() < 2) & (x > 10)).float().expand(200, 3, 64, 64)  # at three o'clock
    turned = augment.geometry(bar, 0, 30, 1, draws())[:, 0]
    rise = (turned * y).sum((1, 2)) / (turned * x).sum((1, 2))  # tangent of the angle
    assert 0.5 < rise.max() < 0.58  # of 30 degrees: 0.577
    assert -0.58 < rise.min() < -0.5


def test_a_tilt_bends_the_spectrum_of_a_window_alike_and_leaves_silence():
    rows = torch.full((200, 3, 8), 0.5)
    rows[:, 2] = 0
    draw = torch.Generator().manual_seed(0)
    found = augment.tilt(rows, 4.0, 0.0125, 2, draw)
    assert (found[:, 2] == 0).all()
    torch.testing.assert_close(found[:, 0], found[:, 1])
    torch.testing.assert_close(found[..., :4], found[..., 4:])  # both instants
    changed = (found[:, 0, :4] - 0.5) / 0.0125  # dB of the bands
    assert 3 < changed[:, 0].std() < 7
    assert changed.mean().abs() < 1


def test_a_vocal_tract_moves_formants_up_or_down():
    bands = torch.arange(40.0)
    rows = torch.exp(-((bands - 20) ** 2) / 8).repeat(300, 2, 2)  # a formant in band 20, 2 instants
    found = augment.vocal_tract(rows, 0.1, 2, torch.Generator().manual_seed(0))
    peaks = found[:, 0, :40].argmax(1).float()
    assert peaks.min() == 18
    assert peaks.max() == 22
    torch.testing.assert_close(found[..., :40], found[..., 40:])
    torch.testing.assert_close(found[:, 0], found[:, 1])
    same = augment.vocal_tract(rows, 0.0, 2, torch.Generator())
    assert torch.equal(same, rows)
