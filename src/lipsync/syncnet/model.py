"""SyncNet: pictures of a mouth and the speech around them, embedded so that belonging means near.

After "Out of time: automated lip sync in the wild" (Chung & Zisserman, 2016), with the contrast of
CLIP (Radford et al., 2021) in place of pairs. Pictures pass one by one through a small
convolutional net, whose features the generator's perceptual loss uses too; their sequence is joined
by a second net, so that neighbouring windows share the work.
"""

import itertools

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lipsync.training.layers import Standardize, initialise

INPUT = 64  # pixels of the square that a crop's mouth region is resized to
REGION = (0.30, 0.98, 0.12, 0.88)  # of the crop: top, bottom, left, right


class SyncNet(nn.Module):
    """Embeds windows of pictures and of speech on one sphere.

    Args:
        size: S, pixels of the crops
        speech_dimension: D
        frames: T, pictures in a window
        context: speech rows beyond the pictures on either side
    """

    _down: torch.Tensor
    _across: torch.Tensor

    def __init__(
        self,
        size: int,
        speech_dimension: int,
        *,
        frames: int = 5,
        context: int = 2,
        channels: int = 24,
        embedding: int = 128,
        dropout: float = 0.2,
        temperature: float = 0.07,
    ) -> None:
        super().__init__()
        self.config = {
            "size": size,
            "speech_dimension": speech_dimension,
            "frames": frames,
            "context": context,
            "channels": channels,
            "embedding": embedding,
            "dropout": dropout,
        }
        self.frames, self.context = frames, context
        top, bottom, left, right = (round(edge * size) for edge in REGION)
        self.rows, self.columns = slice(top, bottom), slice(left, right)
        self.register_buffer("_down", area_matrix(bottom - top), persistent=False)
        self.register_buffer("_across", area_matrix(right - left), persistent=False)
        widths = [3, channels, 2 * channels, 4 * channels, 4 * channels]
        self.levels = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, 3, stride=2, padding=1),
                nn.GroupNorm(8, after),
                nn.ReLU(),
            )
            for before, after in itertools.pairwise(widths)
        )
        self.picture = nn.Linear(widths[-1] * 4 * 4, embedding)
        self.face = _joined(embedding, frames, embedding, dropout)
        self.standardize = Standardize(speech_dimension)
        self.row = nn.Linear(speech_dimension, embedding)
        self.speech = _joined(embedding, frames + 2 * context, embedding, dropout)
        initialise(self)
        self.log_scale = nn.Parameter(torch.tensor(float(-np.log(temperature))))

    def mouth(self, crops: torch.Tensor) -> torch.Tensor:
        """The region that is looked at: (B, 3, S, S) 0..1 -> (B, 3, 64, 64)."""
        region = crops[..., self.rows, self.columns]
        return (self._down @ region @ self._across.T).contiguous(memory_format=torch.channels_last)

    def features(self, mouths: torch.Tensor) -> list[torch.Tensor]:
        """Feature maps of each level: (B, 3, 64, 64) -> (B, c, 32, 32) ... (B, 4c, 4, 4)."""
        maps, out = [], mouths - 0.5
        for level in self.levels:
            out = level(out)
            maps.append(out)
        return maps

    def embed_pictures(self, last: torch.Tensor) -> torch.Tensor:
        """Last feature map of each picture, (B, 4c, 4, 4), -> (B, E)."""
        return self.picture(last.flatten(1))

    def embed_faces(self, pictures: torch.Tensor) -> torch.Tensor:
        """Windows of picture embeddings, (B, T, E), -> unit vectors (B, E)."""
        return F.normalize(self.face(pictures.transpose(1, 2)), dim=1)

    def embed_speech(self, rows: torch.Tensor) -> torch.Tensor:
        """Windows of speech rows, (B, T + 2 context, D), -> unit vectors (B, E)."""
        return F.normalize(self.speech(self.row(self.standardize(rows)).transpose(1, 2)), dim=1)

    def scale(self) -> torch.Tensor:
        """Factor from cosine to logit, at most 100."""
        return self.log_scale.clamp(max=float(np.log(100.0))).exp()


def _joined(channels: int, length: int, embedding: int, dropout: float) -> nn.Sequential:
    """(B, channels, length) -> (B, embedding)."""
    return nn.Sequential(
        nn.Conv1d(channels, channels, 3, padding=1),
        nn.ReLU(),
        nn.Conv1d(channels, channels, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(channels * length, embedding),
    )


def area_matrix(length: int) -> torch.Tensor:
    """Resize by area as a matrix, (64, length) float32, rows sum to 1.

    Two products with such matrices resize a picture, differentiable and deterministic on every
    device, which torch's own resize is not.
    """
    edges = np.linspace(0, length, INPUT + 1)
    pixel = np.arange(length)
    upper = np.minimum(edges[1:, None], pixel + 1)
    lower = np.maximum(edges[:-1, None], pixel)
    overlap = np.clip(upper - lower, 0, None)  # (64, length)
    return torch.from_numpy((overlap / overlap.sum(1, keepdims=True)).astype(np.float32))
