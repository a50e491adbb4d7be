"""Losses of the generator. Each is a mean, so that weights keep their meaning at any size."""

import torch
from torch.nn import functional as F

from lipsync.syncnet.model import SyncNet
from lipsync.training import distributed


def weighted_l1(painted: torch.Tensor, truth: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference under a weight map.

    Args:
        painted, truth: (B, 3, S, S)
        weight: (1 or B, 1, S, S), not negative
    """
    difference = (painted - truth).abs().mean(1, keepdim=True)  # (B, 1, S, S)
    weight = weight.expand_as(difference)
    return (difference * weight).sum() / weight.sum().clamp_min(1e-6)


def box_weight(boxes: torch.Tensor, size: int, margin: float = 0.25) -> torch.Tensor:
    """1 inside of boxes widened by ``margin`` of their sides: (B, 4) -> (B, 1, S, S)."""
    x0, y0, x1, y1 = boxes[:, :, None].unbind(1)  # (B, 1) each
    wide, high = margin * (x1 - x0), margin * (y1 - y0)
    pixel = torch.arange(size, device=boxes.device) + 0.5
    across = (pixel >= x0 - wide) & (pixel <= x1 + wide)  # (B, S)
    down = (pixel >= y0 - high) & (pixel <= y1 + high)
    return (down[:, None, :, None] & across[:, None, None, :]).float()


def temporal_l1(
    painted: torch.Tensor, truth: torch.Tensor, weight: torch.Tensor, clip: int
) -> torch.Tensor:
    """L1 between the changes from each frame of a clip to the next: jitter has nowhere to hide.

    Args:
        painted, truth: (B * clip, 3, S, S)
    """
    changes = [
        pictures.unflatten(0, (-1, clip)).diff(dim=1).flatten(0, 1)  # (B (clip - 1), 3, S, S)
        for pictures in (painted, truth)
    ]
    return weighted_l1(changes[0], changes[1], weight)


def perceptual(
    painted: list[torch.Tensor], truth: list[torch.Tensor], share: float = 1.0
) -> torch.Tensor:
    """Mean over levels of the L1 between feature maps, each level scaled by its own size.

    share: of these pictures in a batch that several processes divide; the result is their part
    """
    sizes = torch.stack([theirs.abs().mean() for theirs in truth])
    terms = [
        (mine - theirs).abs().mean() / size.clamp_min(1e-6)
        for mine, theirs, size in zip(painted, truth, sizes, strict=True)
    ]
    return (torch.stack(terms) * distributed.fraction(sizes * share)).mean()


def sync(syncnet: SyncNet, last: torch.Tensor, speech: torch.Tensor, clip: int) -> torch.Tensor:
    """Cross-entropy of picking the clip's own speech among that of other instants.

    Args:
        last: (B * clip, c, 4, 4) SyncNet's last feature maps of painted pictures
        speech: (B, 1 + negatives, rows, D); the first is the clip's own
    """
    pictures = syncnet.embed_pictures(last).unflatten(0, (-1, clip))  # (B, T, E)
    faces = syncnet.embed_faces(pictures[:, : syncnet.frames])  # (B, E)
    sounds = syncnet.embed_speech(speech.flatten(0, 1)).unflatten(0, speech.shape[:2])
    logits = syncnet.scale() * torch.einsum("be,bne->bn", faces, sounds)
    return F.cross_entropy(
        logits, torch.zeros(len(logits), dtype=torch.int64, device=logits.device)
    )
