"""How well sound and lips agree, and at which offset.

The protocol of "Perfect match" (Chung, Chung & Kang, 2019): each window of lips is compared with
speech at 31 shifts, -15 ... +15 frames; the answer is right when it lies within one frame of the
truth. Cosines may be averaged over neighbouring windows first, as one window of 0.2 s may hold
nothing but a held vowel.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from lipsync.syncnet.model import SyncNet
from lipsync.training.data import PersonData, to_unit

MAX_SHIFT = 15  # frames
AVERAGE = 11  # windows of 5 frames that span 15 frames, as in the longest row of "Perfect match"
BATCH = 64  # pictures embedded at once


@dataclass(frozen=True)
class SyncScore:
    """Agreement of lips and sound over a stretch of video.

    Attributes:
        top1: share of windows whose best shift is within one frame of 0
        offset: frames by which the lips come after the sound, where the mean cosine is highest
        margin: mean cosine at that offset above the median over shifts
        curve: (31,) mean cosine at each shift
    """

    top1: float
    offset: int
    margin: float
    curve: np.ndarray


@torch.no_grad()
def embed_pictures(model: SyncNet, crops: torch.Tensor) -> torch.Tensor:
    """Picture embeddings of crops (N, 3, S, S) uint8 -> (N, E) float32."""
    parts = [
        model.embed_pictures(model.features(model.mouth(to_unit(batch)))[-1])
        for batch in crops.split(BATCH)
    ]
    return torch.cat(parts)


@torch.no_grad()
def scan_offsets(
    model: SyncNet, pictures: torch.Tensor, data: PersonData, starts: np.ndarray, first: int = 0
) -> np.ndarray:
    """Cosine of each window of lips with speech at each shift.

    Args:
        pictures: (M, E) embeddings of consecutive pictures
        data: whose speech is compared
        starts: (W,) first picture of each window, as an index into ``pictures``
        first: frame number of ``pictures[0]``
    Returns:
        (W, 31) float32; column s holds the speech s - 15 frames later than the lips
    """
    device = pictures.device
    begin = torch.as_tensor(starts, device=device)
    window = begin[:, None] + torch.arange(model.frames, device=device)  # (W, T)
    faces = model.embed_faces(pictures[window])  # (W, E)
    shifts = torch.arange(-MAX_SHIFT, MAX_SHIFT + 1, device=device)
    centres, inverse = torch.unique(begin[:, None] + shifts + first, return_inverse=True)
    rows = data.windows(centres, model.context, model.frames - 1 + model.context)
    speech = model.embed_speech(rows)[inverse]  # (W, 31, E)
    return torch.einsum("we,wse->ws", faces, speech).cpu().numpy()


def summarise(cosines: np.ndarray, starts: np.ndarray, average: int) -> SyncScore:
    """Summarise a scan.

    Args:
        cosines: (W, 31) from ``scan_offsets``
        starts: (W,) ascending first pictures; a gap in them is not averaged over
        average: windows whose cosines are averaged before the best shift is taken
    """
    pooled = average_windows(cosines, starts, average)
    best = pooled.argmax(1) - MAX_SHIFT
    curve = cosines.mean(0)
    peak = int(curve.argmax())
    return SyncScore(
        top1=float((np.abs(best) <= 1).mean()),
        offset=MAX_SHIFT - peak,
        margin=float(curve[peak] - np.median(curve)),
        curve=curve,
    )


def average_windows(cosines: np.ndarray, starts: np.ndarray, average: int) -> np.ndarray:
    """Mean of each ``average`` consecutive windows: (W, 31) -> (W', 31)."""
    return pool_windows(cosines, starts, average)[0]


def pool_windows(
    cosines: np.ndarray, starts: np.ndarray, average: int
) -> tuple[np.ndarray, np.ndarray]:
    """As ``average_windows``, and the start of the first window of each mean, (W',)."""
    if len(cosines) >= average:
        consecutive = starts[average - 1 :] - starts[: len(starts) - average + 1] == average - 1
        if consecutive.any():
            pooled = np.lib.stride_tricks.sliding_window_view(cosines, average, axis=0).mean(-1)
            return pooled[consecutive], starts[: len(consecutive)][consecutive]
    return cosines.mean(0, keepdims=True), starts[:1]


def contrastive_loss(
    faces: torch.Tensor,
    speech: torch.Tensor,
    centres: torch.Tensor,
    speech_centres: torch.Tensor,
    scale: torch.Tensor,
    near: int = 2,
) -> torch.Tensor:
    """Symmetric InfoNCE (van den Oord et al., 2018) with near pairs taken out.

    Args:
        faces: (B, E) unit vectors
        speech: (B + H, E) unit vectors; the first B belong to the faces, the others are hard
            negatives
        centres: (B,) frame number of each window of lips
        speech_centres: (B + H,) of each window of speech
        scale: factor from cosine to logit
        near: frames within which another window is neither positive nor negative
    """
    logits = scale * faces @ speech.T  # (B, B + H)
    distance = (centres[:, None] - speech_centres[None, :]).abs()
    own = torch.zeros_like(logits, dtype=torch.bool).fill_diagonal_(True)
    logits = logits.masked_fill((distance <= near) & ~own, float("-inf"))
    target = torch.arange(len(faces), device=faces.device)
    to_speech = F.cross_entropy(logits, target)
    to_face = F.cross_entropy(logits[:, : len(faces)].T, target)
    return (to_speech + to_face) / 2
