"""Losses over frames; padding and ignored frames have no share in any of them."""

import numpy as np
import torch
from torch.nn import functional as F

from lipsync.visemes.labels import CLASSES, IGNORED
from lipsync.visemes.params import LossParams


def class_weights(counts: np.ndarray, kind: str) -> torch.Tensor:
    """(15,) float32 weights with mean 1 over the frames counted.

    counts: (15,) frames of each class. kind: none, sqrt or inverse, of 1 / share. A class without
    frames gets the weight of the rarest that has some.
    """
    share = np.maximum(counts, counts[counts > 0].min()) / counts.sum()
    weights = share ** -{"none": 0.0, "sqrt": 0.5, "inverse": 1.0}[kind]
    mean = (weights * counts).sum() / counts.sum()
    return torch.from_numpy((weights / mean).astype(np.float32))


def viseme_loss(
    logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, params: LossParams
) -> torch.Tensor:
    """The weighted mean of the loss over the frames that have a label.

    Args:
        logits: (B, T, 15)
        labels: (B, T) int64, `IGNORED` where a frame is padding or not known
        weights: (15,) of the classes
    """
    known = labels != IGNORED
    chosen = logits.float()[known]  # (N, 15)
    target = labels[known]  # (N,)
    share = weights[target]
    match params.kind:
        case "cross_entropy":
            loss = F.cross_entropy(
                chosen, target, reduction="none", label_smoothing=params.label_smoothing
            )
        case "focal":
            loss = focal(chosen, target, params.focal_gamma, params.label_smoothing)
        case "bce":
            wanted = neighbours(labels)[known]  # (N, 15)
            smooth = params.label_smoothing
            wanted = wanted * (1 - smooth) + smooth / CLASSES
            loss = F.binary_cross_entropy_with_logits(chosen, wanted, reduction="none").sum(1)
    return (loss * share).sum() / share.sum().clamp_min(1e-6)


def focal(
    logits: torch.Tensor, target: torch.Tensor, gamma: float, smoothing: float
) -> torch.Tensor:
    """Lin et al., "Focal loss for dense object detection" (2017), for classes that exclude others.

    (N, 15), (N,) -> (N,): cross-entropy times (1 - p)^gamma, p of the right class.
    """
    entropy = F.cross_entropy(logits, target, reduction="none", label_smoothing=smoothing)
    right = logits.softmax(1).gather(1, target[:, None])[:, 0]
    return (1 - right).pow(gamma) * entropy


def neighbours(labels: torch.Tensor) -> torch.Tensor:
    """Multi-label targets: a frame shows its own viseme and those 10 ms before and after it.

    (B, T) int64 with `IGNORED` -> (B, T, 15) float32 of 0 and 1; ignored frames add nothing.
    """
    known = labels != IGNORED
    own = F.one_hot(labels.clamp_min(0), CLASSES) * known[..., None]  # (B, T, 15)
    padded = F.pad(own, (0, 0, 1, 1))
    return (own + padded[:, :-2] + padded[:, 2:]).clamp_max(1).float()
