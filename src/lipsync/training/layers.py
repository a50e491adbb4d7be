"""Layers and initial weights that both networks share."""

import torch
from torch import nn


class Standardize(nn.Module):
    """Shift and scale features by the statistics of the training part, kept with the weights.

    A log-mel row varies by a few tenths around its mean; without this the sound is too faint at
    the start for a network to notice it.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dimension))
        self.register_buffer("deviation", torch.ones(dimension))

    def fit(self, rows: torch.Tensor) -> None:
        """Take the statistics of rows (T, D); a feature that never varies keeps its scale."""
        self.take(rows.mean(0), rows.std(0))

    def take(self, mean: torch.Tensor, deviation: torch.Tensor) -> None:
        """Take statistics (D,) that are known; a feature that never varies keeps its scale."""
        self.mean.copy_(mean)
        self.deviation.copy_(torch.where(deviation > 1e-4, deviation, 1.0))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """(..., D) -> (..., D)"""
        return (rows - self.mean) / self.deviation


def initialise(module: nn.Module) -> None:
    """He's initialisation (He et al., 2015) of all convolutions and linear layers below."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
