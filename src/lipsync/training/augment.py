"""Augmentation: what may differ between two recordings of the same words.

Every function draws from the CPU generator it is given and changes a whole window alike, so that
motion stays motion.
"""

import torch
from torch.nn import functional as F

WAVES = 3  # over the bands, of which a tilt is made


def uniform(
    shape: tuple[int, ...], low: float, high: float, generator: torch.Generator, like: torch.Tensor
) -> torch.Tensor:
    """Uniform numbers drawn on the CPU, on the device of ``like``."""
    return (torch.rand(shape, generator=generator) * (high - low) + low).to(like.device)


def colour(
    pictures: torch.Tensor, amount: float, window: int, generator: torch.Generator
) -> torch.Tensor:
    """Brightness, contrast and tint of each window by up to ``amount``.

    Args:
        pictures: (B * window, 3, H, W) 0..1
    """
    windows = len(pictures) // window
    gain = 1 + uniform((windows, 1, 1, 1), -amount, amount, generator, pictures)
    tint = 1 + uniform((windows, 3, 1, 1), -amount / 4, amount / 4, generator, pictures)
    bias = uniform((windows, 1, 1, 1), -amount / 2, amount / 2, generator, pictures)
    factor = (gain * tint).repeat_interleave(window, 0)  # (B * window, 3, 1, 1)
    return pictures * factor + bias.repeat_interleave(window, 0)


def shift(
    pictures: torch.Tensor, pixels: int, window: int, generator: torch.Generator
) -> torch.Tensor:
    """Move each window by whole pixels, at most ``pixels`` either way; the edge is repeated.

    Args:
        pictures: (B * window, C, H, W)
    """
    if pixels == 0:
        return pictures
    height, width = pictures.shape[-2:]
    padded = F.pad(pictures, (pixels,) * 4, mode="replicate")
    moves = torch.randint(0, 2 * pixels + 1, (len(pictures) // window, 2), generator=generator)
    moved = [
        padded[i * window : (i + 1) * window, :, dy : dy + height, dx : dx + width]
        for i, (dy, dx) in enumerate(moves.tolist())
    ]
    return torch.cat(moved).contiguous(memory_format=torch.channels_last)


def loudness(
    rows: torch.Tensor, decibels: float, per_decibel: float, generator: torch.Generator
) -> torch.Tensor:
    """Change the level of each window of log-level speech features.

    Args:
        rows: (B, K, D); 0 is digital silence
        decibels: at most so much, either way
        per_decibel: what 1 dB adds to a feature; 0 for features that know no level
    """
    if decibels == 0 or per_decibel == 0:
        return rows
    added = uniform((len(rows), 1, 1), -decibels, decibels, generator, rows) * per_decibel
    return torch.where(rows > 0, (rows + added).clamp_min(0), rows)


def tilt(
    rows: torch.Tensor,
    decibels: float,
    per_decibel: float,
    instants: int,
    generator: torch.Generator,
) -> torch.Tensor:
    """Bend the spectrum of each window, as another microphone or room does.

    Args:
        rows: (B, K, D) log powers of bands from low to high, ``instants`` times; 0 is silence
        decibels: standard deviation of the slowest of three waves over the bands
        per_decibel: as of ``loudness``
    """
    if decibels == 0 or per_decibel == 0:
        return rows
    bands = rows.shape[2] // instants
    waves = torch.arange(1, WAVES + 1).unsqueeze(1)  # (W, 1)
    curves = torch.cos(waves * torch.linspace(0, torch.pi, bands)) / waves  # (W, bands)
    curve = torch.randn((len(rows), WAVES), generator=generator) @ curves * decibels * per_decibel
    added = curve.repeat(1, instants).unsqueeze(1).to(rows)  # (B, 1, D)
    return torch.where(rows > 0, (rows + added).clamp_min(0), rows)


def vocal_tract(
    rows: torch.Tensor, share: float, instants: int, generator: torch.Generator
) -> torch.Tensor:
    """Stretch the band axis of each window, as a shorter or longer vocal tract does.

    Jaitly & Hinton, "Vocal tract length perturbation (VTLP) improves speech recognition", 2013,
    here along the mel axis.

    Args:
        rows: (B, K, D) of bands from low to high, ``instants`` times
        share: of a band's number at most, either way
    """
    if share == 0:
        return rows
    batch, length, dimension = rows.shape
    bands = dimension // instants
    factor = 1 + uniform((batch, 1), -share, share, generator, rows)
    place = (torch.arange(bands, device=rows.device) * factor).clamp(max=bands - 1)  # (B, bands)
    low = place.floor().long()
    high = (low + 1).clamp(max=bands - 1)
    weight = (place - low)[:, None, None]
    apart = rows.unflatten(2, (instants, bands))  # (B, K, I, bands)
    shape = (batch, length, instants, bands)
    below, above = (apart.gather(3, each[:, None, None].expand(shape)) for each in (low, high))
    return torch.lerp(below, above, weight.to(rows)).flatten(2)


def geometry(
    pictures: torch.Tensor, zoom: float, degrees: float, window: int, generator: torch.Generator
) -> torch.Tensor:
    """Enlarge or shrink each window and turn it, around the middle; the edge is repeated.

    Not for pictures that need a gradient: on a GPU that of the sampling is not deterministic.

    Args:
        pictures: (B * window, C, H, W), square
        zoom: share of the size at most, either way
        degrees: at most, either way
    """
    if zoom == 0 and degrees == 0:
        return pictures
    windows = len(pictures) // window
    scale = 1 / (1 + uniform((windows,), -zoom, zoom, generator, pictures))
    angle = torch.deg2rad(uniform((windows,), -degrees, degrees, generator, pictures))
    cosine, sine, nothing = scale * angle.cos(), scale * angle.sin(), torch.zeros_like(angle)
    rows = [torch.stack([cosine, -sine, nothing], 1), torch.stack([sine, cosine, nothing], 1)]
    turns = torch.stack(rows, 1).repeat_interleave(window, 0)  # (B * window, 2, 3)
    grid = F.affine_grid(turns, list(pictures.shape), align_corners=False)
    return F.grid_sample(
        pictures, grid, mode="bilinear", padding_mode="border", align_corners=False
    ).contiguous(memory_format=torch.channels_last)


def noise(
    rows: torch.Tensor,
    amount: float,
    per_decibel: float,
    mean: torch.Tensor,
    spread: torch.Tensor,
    generator: torch.Generator,
) -> torch.Tensor:
    """Background noise under the sound of each window, of a level that is drawn anew.

    Features that know a level are log powers, and powers add: the noise has the spectrum of the
    speech at a standard deviation above its mean, and an amplitude of at most ``amount`` of it. To
    other features Gaussian noise is added, of at most ``amount`` of each one's spread.

    Args:
        rows: (B, K, D)
        per_decibel: as of ``loudness``
        mean, spread: (D,) of the features over the training part
    """
    if amount == 0:
        return rows
    level = uniform((len(rows), 1, 1), 0, amount, generator, rows)
    if per_decibel == 0:
        drawn = torch.randn(rows.shape, generator=generator).to(rows.device)
        return rows + level * spread * drawn
    decade = 10 * per_decibel  # what ten times the power adds
    # The power of noise in a band goes like the square of a Gaussian in two dimensions.
    power = uniform(tuple(rows.shape), 1e-6, 1, generator, rows).log().neg()
    added = 10 ** ((mean + spread) / decade) * level**2 * power
    return decade * torch.log10(10 ** (rows / decade) + added)
