"""From speech to the shape of the lips: the one way by which sound reaches the picture.

A minute of one person holds few words, so what can be learned from them is kept small: a handful of
numbers, the lips' principal components, guessed by a few small nets whose mean counts (Breiman,
"Bagging predictors", 1996). They share nothing but their input and run as one grouped convolution.
A straight line through the window has a share in the guess: it errs elsewhere than the nets do, and
the less speech there is, the more of what can be known is in it.
"""

import torch
from torch import nn

from lipsync.training.layers import Standardize

POINTS = 40  # of the lips


class LipPredictor(nn.Module):
    """Windows of speech rows -> lips.

    Args:
        dimension: D
        length: K, rows of a window
        shapes: R, numbers that say what the lips do
        members: nets whose mean is taken
        channels: of each
        dropout: share of a net's features that is dropped while training
        straight: share of the straight line in the guess, 0..1

    Attributes:
        components: (R, 80), unit: () as of ``lips.LipBasis``; what the guess means
    """

    components: torch.Tensor
    unit: torch.Tensor

    def __init__(
        self,
        dimension: int,
        length: int,
        shapes: int,
        members: int,
        channels: int,
        dropout: float,
        straight: float,
    ) -> None:
        super().__init__()
        self.members, self.straight = members, straight
        wide = members * channels
        self.standardize = Standardize(dimension)
        self.net = nn.Sequential(
            nn.Conv1d(dimension, wide, 1),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Conv1d(wide, wide, 3, padding=1, groups=members),
            nn.ReLU(),
            nn.Conv1d(wide, wide, 3, padding=1, groups=members),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Conv1d(wide, wide, length, groups=members),  # (B, M c, K) -> (B, M c, 1)
            nn.ReLU(),
        )
        self.head = nn.Conv1d(wide, members * shapes, 1, groups=members)
        self.line = nn.Linear(length * dimension, shapes)
        self.register_buffer("components", torch.zeros(shapes, 2 * POINTS))
        self.register_buffer("unit", torch.zeros(()))

    def guesses(self, rows: torch.Tensor) -> torch.Tensor:
        """Of each net: (B, K, D) -> (B, M, R)"""
        out = self.head(self.net(self.standardize(rows).transpose(1, 2)))  # (B, M R, 1)
        return out.squeeze(2).unflatten(1, (self.members, -1))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """(B, K, D) -> (B, R), in units of the first component's spread; 0 is the mean shape."""
        return torch.lerp(self.guesses(rows).mean(1), self.line(rows.flatten(1)), self.straight)
