"""Losses of the generator. Each is a mean, so that weights keep their meaning at any size."""

import torch
from torch.nn import functional as F

from lipsync.syncnet.model import SyncNet
from lipsync.training import distributed


def weighted_l1(made: torch.Tensor, truth: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference under a weight map.

    Args:
        made, truth: (B, 3, S, S)
        weight: (1 or B, 1, S, S), not negative
    """
    difference = (made - truth).abs().mean(1, keepdim=True)  # (B, 1, S, S)
    weight = weight.expand_as(difference)
    return (difference * weight).sum() / weight.sum().clamp_min(1e-6)


def sharpness(
    made: torch.Tensor, truth: torch.Tensor, weight: torch.Tensor, patch: int
) -> torch.Tensor:
    """Mean difference of the root mean squared gradient in squares of ``patch`` pixels.

    What a pixel loss gains by blurring, it loses here.

    Args:
        made, truth: (B, 3, S, S)
        weight: (B, 1, S, S), not negative
    """
    energies = [F.avg_pool2d(_gradient_energy(pictures), patch) for pictures in (made, truth)]
    mine, theirs = (torch.sqrt(energy + 1e-5) for energy in energies)
    return weighted_l1(mine, theirs, F.avg_pool2d(weight, patch))


def _gradient_energy(pictures: torch.Tensor) -> torch.Tensor:
    """(B, 3, S, S) -> (B, 1, S, S), of the steps to the next pixel right and below."""
    across = F.pad(pictures.diff(dim=3).square(), (0, 1))
    down = F.pad(pictures.diff(dim=2).square(), (0, 0, 0, 1))
    return (across + down).mean(1, keepdim=True)


def temporal_l1(
    made: torch.Tensor, truth: torch.Tensor, weight: torch.Tensor, clip: int
) -> torch.Tensor:
    """L1 between the changes from each frame of a clip to the next.

    Args:
        made, truth: (B * clip, 3, S, S)
        weight: (B * clip, 1, S, S), not negative; that of a change is the later frame's
    """
    changes = [
        pictures.unflatten(0, (-1, clip)).diff(dim=1).flatten(0, 1)  # (B (clip - 1), 3, S, S)
        for pictures in (made, truth)
    ]
    later = weight.unflatten(0, (-1, clip))[:, 1:].flatten(0, 1)
    return weighted_l1(changes[0], changes[1], later)


def perceptual(
    made: list[torch.Tensor], truth: list[torch.Tensor], share: float = 1.0
) -> torch.Tensor:
    """Mean over levels of the L1 between feature maps, each level scaled by its own size.

    share: of these pictures in a batch that several processes divide; the result is their part
    """
    sizes = torch.stack([theirs.abs().mean() for theirs in truth])
    terms = [
        (mine - theirs).abs().mean() / size.clamp_min(1e-6)
        for mine, theirs, size in zip(made, truth, sizes, strict=True)
    ]
    return (torch.stack(terms) * distributed.fraction(sizes * share)).mean()


def sync(syncnet: SyncNet, last: torch.Tensor, speech: torch.Tensor, clip: int) -> torch.Tensor:
    """Cross-entropy of picking the clip's own speech among that of other instants.

    Args:
        last: (B * clip, c, 4, 4) SyncNet's last feature maps of made pictures
        speech: (B, 1 + negatives, rows, D); the first is the clip's own
    """
    pictures = syncnet.embed_pictures(last).unflatten(0, (-1, clip))  # (B, T, E)
    faces = syncnet.embed_faces(pictures[:, : syncnet.frames])  # (B, E)
    sounds = syncnet.embed_speech(speech.flatten(0, 1)).unflatten(0, speech.shape[:2])
    logits = syncnet.scale() * torch.einsum("be,bne->bn", faces, sounds)
    return F.cross_entropy(
        logits, torch.zeros(len(logits), dtype=torch.int64, device=logits.device)
    )
