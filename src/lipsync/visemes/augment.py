"""Augmentation of cached features: log energies of bands, as `speech.fbank` gives them.

Energies of sounds that do not belong together add, so level, microphone, background noise and a
vocal tract of another length can be changed without going back to the sound. Every function draws
from the CPU generator that it is given, once for each utterance of the batch.
"""

import math

import torch

from lipsync.training.augment import uniform
from lipsync.visemes.labels import IGNORED, SILENCE
from lipsync.visemes.params import AugmentParams
from lipsync.visemes.statistics import QUIET

NEPER = math.log(10) / 10  # what 1 dB adds to a natural logarithm of an energy
STRETCH = (20, 60)  # frames that fall silent
ROOM = 3.0  # above QUIET: at most so loud is a silence that is put in
FADE = 0.2  # of the band's energy as noise varies: averaged over the bins of a band
BREATH = (20.0, 45.0)  # dB by which a breath lies below the loudest of the speech
COLOURS, COLOUR = 3, 1.5  # half waves over the bands that shape a breath; nepers of each at most


def augment(
    columns: torch.Tensor,
    labels: torch.Tensor,
    params: AugmentParams,
    lookahead: int,
    draw: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, T, 80) features and (B, T) labels of a batch -> the same, changed.

    lookahead: label t is that of the frame so many columns before column t, as `collate` puts it
    Masks (SpecAugment) come last; they hide features and leave the labels.
    """
    columns = warp(columns, params.warp, draw)
    columns = level(columns, params.gain, params.tilt, draw)
    columns = noise(columns, params.noise, params.snr, draw)
    columns, labels = fall_silent(columns, labels, params.silence, params.breath, lookahead, draw)
    columns = mask(columns, 1, params.time_masks, params.time_mask, draw)
    columns = mask(columns, 2, params.frequency_masks, params.frequency_mask, draw)
    return columns, labels


def warp(columns: torch.Tensor, amount: float, draw: torch.Generator) -> torch.Tensor:
    """Scale frequencies by up to ``amount``: Jaitly & Hinton, "Vocal tract length perturbation"
    (2013), on the bands' own scale, where it is a stretch from the lowest band on."""
    if amount == 0:
        return columns
    bands = columns.shape[2]
    scale = 1 + uniform((len(columns), 1), -amount, amount, draw, columns)
    place = (torch.arange(bands, device=columns.device) * scale).clamp(0, bands - 1.001)  # (B, 80)
    left = place.long()
    share = (place - left)[:, None]  # (B, 1, 80)
    index = left[:, None].expand_as(columns)
    return columns.gather(2, index) * (1 - share) + columns.gather(2, index + 1) * share


def level(
    columns: torch.Tensor, decibels: float, tilt: float, draw: torch.Generator
) -> torch.Tensor:
    """Change the level by up to ``decibels``, and its slope over all bands by up to ``tilt`` dB."""
    gain = uniform((len(columns), 1, 1), -decibels, decibels, draw, columns)
    slope = uniform((len(columns), 1, 1), -tilt, tilt, draw, columns)
    across = torch.linspace(-0.5, 0.5, columns.shape[2], device=columns.device)
    return (columns + (gain + slope * across) * NEPER).clamp_min(QUIET)


def noise(
    columns: torch.Tensor, share: float, snr: tuple[float, float], draw: torch.Generator
) -> torch.Tensor:
    """Steady noise of a random slope under a ``share`` of the utterances.

    snr: dB by which the noise, in the middle of its slope, lies below the `loudness` of the
        utterance in that very batch; drawn evenly
    """
    if share == 0:
        return columns
    batch, _, bands = columns.shape
    chosen = uniform((batch, 1, 1), 0, 1, draw, columns) < share
    ratio = uniform((batch, 1, 1), *snr, draw, columns)
    slope = uniform((batch, 1, 1), -6, 6, draw, columns)  # of natural logarithms, over all bands
    across = torch.linspace(-0.5, 0.5, bands, device=columns.device)
    flutter = FADE * torch.randn(columns.shape, generator=draw).to(columns.device)
    floor = loudness(columns) - ratio * NEPER + slope * across + flutter
    return torch.where(chosen, torch.logaddexp(columns, floor), columns)


def fall_silent(
    columns: torch.Tensor,
    labels: torch.Tensor,
    share: float,
    breath: float,
    lookahead: int,
    draw: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """A stretch of a ``share`` of the utterances becomes the quiet of a room, and silence to say.

    breath: share of these stretches in which somebody breathes
    lookahead: the label of column c stands at c + lookahead
    Padding stays padding.
    """
    if share == 0:
        return columns, labels
    batch, frames, bands = columns.shape
    chosen = uniform((batch, 1), 0, 1, draw, columns) < share
    length = uniform((batch, 1), *STRETCH, draw, columns)
    start = uniform((batch, 1), 0, 1, draw, columns) * (frames - lookahead - length)
    time = torch.arange(frames, device=columns.device)

    def inside(first: torch.Tensor) -> torch.Tensor:
        return chosen & (time >= first) & (time < first + length)  # (B, T)

    quiet = QUIET + uniform((batch, 1, bands), 0, ROOM, draw, columns)
    if breath:
        done = ((time - start) / length).clamp(0, 1)  # (B, T)
        breathing = uniform((batch, 1, 1), 0, 1, draw, columns) < breath
        heard = torch.logaddexp(quiet, breaths(columns, done, draw))
        quiet = torch.where(breathing, heard, quiet)
    silent = torch.full_like(labels, SILENCE).where(labels != IGNORED, labels)
    return (
        torch.where(inside(start)[..., None], quiet, columns),
        torch.where(inside(start + lookahead), silent, labels),
    )


def breaths(columns: torch.Tensor, done: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Noise that swells and fades, of a random broad colour, far below the speech.

    columns: (B, T, 80), which say how loud speech is. done: (B, T) 0..1 of the breath.
    Returns (B, T, 80) log energies.
    """
    batch, _, bands = columns.shape
    below = uniform((batch, 1, 1), *BREATH, draw, columns) * NEPER
    angle = math.pi * torch.linspace(0, 1, bands, device=columns.device)
    waves = torch.stack([torch.cos(k * angle) for k in range(1, COLOURS + 1)])  # (3, 80)
    colour = uniform((batch, 1, COLOURS), -COLOUR, COLOUR, draw, columns) @ waves  # (B, 1, 80)
    swell = torch.log(torch.sin(math.pi * done).clamp_min(1e-3))[..., None]  # (B, T, 1)
    flutter = FADE * torch.randn(columns.shape, generator=draw).to(columns.device)
    return loudness(columns) - below + colour + 2 * swell + flutter


def loudness(columns: torch.Tensor) -> torch.Tensor:
    """(B, T, 80) -> (B, 1, 1): the loudest band, in the loudest tenth of the frames."""
    return columns.amax(2, keepdim=True).quantile(0.9, dim=1, keepdim=True)


def mask(
    columns: torch.Tensor, axis: int, count: int, longest: int, draw: torch.Generator
) -> torch.Tensor:
    """Hide ``count`` stretches of up to ``longest`` steps of an axis behind the mean.

    columns: (B, T, 80). Park et al., "SpecAugment" (2019).
    """
    for _ in range(count):
        batch, size = len(columns), columns.shape[axis]
        length = uniform((batch, 1), 0, longest + 1, draw, columns).floor()
        start = (uniform((batch, 1), 0, 1, draw, columns) * (size - length).clamp_min(0)).floor()
        place = torch.arange(size, device=columns.device)
        hidden = (place >= start) & (place < start + length)  # (B, size)
        hidden = hidden.unsqueeze(3 - axis)  # (B, T, 1) or (B, 1, 80)
        mean = columns.mean((1, 2), keepdim=True)
        columns = torch.where(hidden, mean, columns)
    return columns
