"""Contiguous parts of the training frames, so that every frame can be guessed by those who did not
learn from it.
"""

import numpy as np
import torch

MOST = 4  # parts; each net learns from the others, three quarters


class Folds:
    """Args:
        frames: (T,) int64 ascending frame numbers that are learned from, on the CPU
        total: N, frames of the person
        reach: frames nearer than this share speech
        members: nets; net m leaves out part m modulo the number of parts

    Attributes:
        count: parts, at most one a net
        of: (N,) int64, the part of each frame; frames between and beyond belong to the one before
        near: (count, N) bool, whether a frame's speech window touches the part
    """

    def __init__(self, frames: torch.Tensor, total: int, reach: int, members: int) -> None:
        self.count = min(MOST, members)
        self._members = torch.arange(members) % self.count
        number = torch.arange(total)
        self.of = torch.zeros(total, dtype=torch.long)
        self.near = torch.zeros(self.count, total, dtype=torch.bool)
        for fold, part in enumerate(np.array_split(frames.numpy(), self.count)):
            if len(part):
                self.of[part[0] :] = fold
                self.near[fold] = (number >= part[0] - reach) & (number <= part[-1] + reach)

    def heeded(self, frames: torch.Tensor) -> torch.Tensor:
        """Which nets learn from frames: (B,) -> (B, M) float32 0 or 1, on the frames' device."""
        return (~self.near[self._members][:, frames.cpu()]).T.float().to(frames.device)

    def members_without(self, fold: int) -> torch.Tensor:
        """Numbers of the nets that did not learn from a part."""
        return torch.nonzero(self._members == fold).squeeze(1)
