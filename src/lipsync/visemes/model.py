"""The audio -> viseme network: a causal, dilated temporal convolutional network (TCN).

After Bai, Kolter & Koltun, "An empirical evaluation of generic convolutional and recurrent networks
for sequence modeling" (2018): layer l sees frames 2^l apart, convolutions have weight
norm and every layer adds to what it was given. Output t belongs to the frame ``lookahead`` before
column t.
"""

import torch
from torch import nn
from torch.nn import functional as F

from lipsync.speech.fbank import BINS
from lipsync.training.layers import Standardize, initialise
from lipsync.visemes.convolution import CausalConvolution
from lipsync.visemes.labels import VISEMES
from lipsync.visemes.statistics import QUIET

FORM = "lipsync-viseme-tcn-1"  # of the file of weights


class Layer(nn.Module):
    """One or two convolutions, and what went in added."""

    def __init__(
        self, channels: int, kernel: int, dilation: int, convolutions: int, dropout: float
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.convolutions = nn.ModuleList(
            CausalConvolution(channels, channels, kernel, dilation) for _ in range(convolutions)
        )

    def forward(self, signal: torch.Tensor, gap: int) -> torch.Tensor:
        """(B, R, C) -> (B, R, C)"""
        out = signal
        for convolution in self.convolutions:
            out = convolution(out, gap)
        if self.training and self.dropout:
            # Of whole channels of an utterance: frames beside each other say the same.
            kept = out.new_ones(len(out), 1, out.shape[2])
            out = out * F.dropout(kept, self.dropout)
        return signal + out


class VisemeTCN(nn.Module):
    """Columns of the filter bank -> logits of 15 visemes."""

    def __init__(
        self,
        *,
        layers: int = 5,
        channels: int = 128,
        kernel: int = 3,
        convolutions: int = 1,
        lookahead: int = 10,
        dropout: float = 0.1,
        activation: str = "softmax",
    ) -> None:
        super().__init__()
        self.config = {
            "layers": layers,
            "channels": channels,
            "kernel": kernel,
            "convolutions": convolutions,
            "lookahead": lookahead,
            "dropout": dropout,
            "activation": activation,
        }
        self.channels, self.lookahead, self.activation = channels, lookahead, activation
        self.receptive = receptive_field(layers, kernel, convolutions)
        self.standardize = Standardize(BINS)
        self.gap = (kernel - 1) * 2 ** (layers - 1)  # rows: the longest reach
        self.enter = nn.Linear(BINS, channels)
        self.layers = nn.ModuleList(
            Layer(channels, kernel, 2**level, convolutions, dropout) for level in range(layers)
        )
        self.head = nn.Linear(channels, len(VISEMES))
        initialise(self.enter)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def features(self, columns: torch.Tensor) -> torch.Tensor:
        """The last features before the head: (B, T, 80) -> (B, T, C)."""
        scaled = self.standardize(columns.clamp_min(QUIET))
        signal = F.pad(self.enter(scaled), (0, 0, self.gap, 0))  # (B, T, 80) -> (B, R, C)
        for layer in self.layers:
            signal = layer(signal, self.gap)
        return F.relu(signal[:, self.gap :])

    def forward(self, columns: torch.Tensor) -> torch.Tensor:
        """(B, T, 80) -> logits (B, T, 15); row t is of the frame `lookahead` before column t."""
        return self.head(self.features(columns))

    def convolutions(self) -> list[list[CausalConvolution]]:
        """Those of each layer, in order."""
        return [
            [part for part in layer.modules() if isinstance(part, CausalConvolution)]
            for layer in self.layers
        ]

    def posteriors(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits -> 0..1, by the activation that the loss was made for."""
        return logits.softmax(-1) if self.activation == "softmax" else logits.sigmoid()


def receptive_field(layers: int, kernel: int, convolutions: int) -> int:
    """Columns that an output depends on, its own included."""
    return 1 + convolutions * (kernel - 1) * (2**layers - 1)
