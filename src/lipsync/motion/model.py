"""The motion network: a window of audio features -> the expression in its frame.

Two predictions are blended. Ridge regression, linear in the principal components of the window,
needs only seconds of speech; a few small temporal networks tell more once there are minutes. The
mean of the networks counts (Breiman, "Bagging predictors", 1996); they share nothing but their
input and run as one grouped convolution.

Features are those of ``speech.normalise``: of a usual level and voice. Predictions of least squares
are too small: they move toward the mean where the sound leaves open what the lips do. So the blend
is enlarged around the mean expression, by a gain that ``calibration`` measures, and the lips are
kept from passing through each other. In silence, which a recording may not hold, the mouth is shut.
How widely the mouth opens is settled after the network, by ``opening``.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from lipsync.motion.opening import QUANTILES
from lipsync.training.layers import Standardize, initialise

MOST_DEVIATIONS = 4.0  # of a feature from its mean; what is beyond is cut off
BLOCKS, MOST_DILATION = 4, 4


def fitting_dilations(positions: int) -> list[int]:
    """Dilations of the convolutions over a window of ``positions``: 1, 2, 4, 4 as far as it goes.

    A convolution of three taps leaves out as many positions at either end; two stay at least.
    """
    found: list[int] = []
    for number in range(BLOCKS):
        dilation = min(2**number, MOST_DILATION)
        while dilation and 2 * dilation > positions - 2:
            dilation //= 2
        if not dilation:
            break
        found.append(dilation)
        positions -= 2 * dilation
    return found


def cut_off(rows: torch.Tensor) -> torch.Tensor:
    """Standardised features without what is far from everything."""
    return rows.clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS)


class MotionNet(nn.Module):
    """Windows of speech rows -> expressions.

    Args:
        speech_dimension: D
        instants: columns that a row holds one after the other; D is a multiple of it
        expression_dimension: E
        past, future: rows of a window before and after its own; K = past + 1 + future
        network_past: rows before its own that the networks hear; ridge regression hears all
        members: M, networks whose mean is taken
        channels: of each
        dropout: share of a network's features that is dropped while training
        components: of a row, that ridge regression looks at; at most D

    Attributes:
        config: the arguments
        centre: (E,) mean expression of the training part
        projection: (D, C), weights: (K C, E), offset: (E,) of ridge regression
        share: () of ridge regression in the blend, 0..1
        gain: () of the blend's distance from ``centre``
        gap_weights: (E,), gap_offset: (): the signed gap between the lips is
            ``expression @ gap_weights + gap_offset``, in eye distances
        smallest_gap: () below which no prediction goes
        silence: (D,) the row of digital silence
        voice: (D,) by which a row's distance from it gives 1 for the mean row
        speaking: () level of a window from which it is heard as speech
        resting: (E,) expression of a window of silence
        opening_direction: (E,) change of the expression that opens the gap by 1
        predicted_gaps, filmed_gaps: (Q,) of ``opening.OpeningRange``
    """

    centre: torch.Tensor
    projection: torch.Tensor
    weights: torch.Tensor
    offset: torch.Tensor
    share: torch.Tensor
    gain: torch.Tensor
    gap_weights: torch.Tensor
    gap_offset: torch.Tensor
    smallest_gap: torch.Tensor
    opening_direction: torch.Tensor
    silence: torch.Tensor
    voice: torch.Tensor
    speaking: torch.Tensor
    resting: torch.Tensor
    predicted_gaps: torch.Tensor
    filmed_gaps: torch.Tensor

    def __init__(
        self,
        speech_dimension: int,
        instants: int,
        expression_dimension: int,
        *,
        past: int,
        future: int,
        network_past: int,
        members: int,
        channels: int,
        dropout: float,
        components: int,
    ) -> None:
        super().__init__()
        components = min(components, speech_dimension)
        self.config: dict[str, Any] = {
            "speech_dimension": speech_dimension,
            "instants": instants,
            "expression_dimension": expression_dimension,
            "past": past,
            "future": future,
            "network_past": network_past,
            "members": members,
            "channels": channels,
            "dropout": dropout,
            "components": components,
        }
        self.past, self.future, self.members, self.instants = past, future, members, instants
        self.standardize = Standardize(speech_dimension)
        # Two positions a row where a row can be cut in half: finer ones cost more and gain nothing.
        stride = instants // 2 if instants % 2 == 0 else 1
        wide, kernel = members * channels, 3 * stride if instants > 1 else 1
        self.first = nn.Conv1d(speech_dimension // instants, wide, kernel, stride=stride)
        self.unheard = past - network_past
        left = (
            (network_past + 1 + future) * instants - kernel
        ) // stride + 1  # positions of a window
        self.blocks, self.dilations = nn.ModuleList(), fitting_dilations(left)
        for dilation in self.dilations:
            self.blocks.append(nn.Conv1d(wide, wide, 3, dilation=dilation, groups=members))
        left -= 2 * sum(self.dilations)
        self.mix = nn.Conv1d(wide, wide, left, stride=instants // stride, groups=members)
        self.head = nn.Conv1d(wide, members * expression_dimension, 1, groups=members)
        self.dropout = nn.Dropout(dropout)
        initialise(self)
        nn.init.zeros_(self.head.weight)
        length, e = past + 1 + future, expression_dimension
        for name, value in {
            "centre": torch.zeros(e),
            "projection": torch.zeros(speech_dimension, components),
            "weights": torch.zeros(length * components, e),
            "offset": torch.zeros(e),
            "share": torch.tensor(0.5),
            "gain": torch.tensor(1.0),
            "gap_weights": torch.zeros(e),
            "gap_offset": torch.tensor(0.0),
            "smallest_gap": torch.tensor(-1.0),
            "opening_direction": torch.zeros(e),
            "silence": torch.zeros(speech_dimension),
            "voice": torch.zeros(speech_dimension),
            "speaking": torch.tensor(1.0),
            "resting": torch.zeros(e),
            "predicted_gaps": torch.zeros(len(QUANTILES)),
            "filmed_gaps": torch.zeros(len(QUANTILES)),
        }.items():
            self.register_buffer(name, value)

    def standardized(self, rows: torch.Tensor) -> torch.Tensor:
        """(..., D) -> (..., D) with the statistics of the training part, cut off at both ends."""
        return cut_off(self.standardize(rows))

    def networks(self, rows: torch.Tensor) -> torch.Tensor:
        """Each network's prediction: standardised rows (B, T, D) -> (B, M, T - K + 1, E)."""
        rows = rows[:, self.unheard :]
        batch, length, dimension = rows.shape
        columns = rows.reshape(batch, length * self.instants, dimension // self.instants)
        x = F.relu(self.first(columns.transpose(1, 2)))  # (B, M c, positions)
        for block, reach in zip(self.blocks, self.dilations, strict=True):
            x = x[..., reach:-reach] + F.relu(block(self.dropout(x)))
        x = F.relu(self.mix(self.dropout(x)))
        out = self.head(self.dropout(x)).unflatten(1, (self.members, -1))  # (B, M, E, T - K + 1)
        return out.transpose(2, 3) + self.centre

    def levels(self, windows: torch.Tensor) -> torch.Tensor:
        """How far windows (B, K, D) are from silence, (B,): 0 is silence, 1 the mean row.

        The level of the row that is farthest from it.
        """
        return ((windows - self.silence) @ self.voice).amax(1)

    def ridge(self, windows: torch.Tensor) -> torch.Tensor:
        """The linear prediction: standardised windows (B, K, D) -> (B, E)."""
        return (windows @ self.projection).flatten(1) @ self.weights + self.offset

    def calibrate(self, expression: torch.Tensor) -> torch.Tensor:
        """Enlarge predictions (B, E) around the mean, and keep the lips apart."""
        expression = self.centre + self.gain * (expression - self.centre)
        gap = expression @ self.gap_weights + self.gap_offset  # (B,)
        missing = F.relu(self.smallest_gap - gap)
        return expression + missing.unsqueeze(1) * self.opening_direction

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """(B, K, D) -> (B, E)"""
        rows = self.standardized(windows)
        predicted = self.networks(rows)[:, :, 0].mean(1)
        spoken = self.calibrate(torch.lerp(predicted, self.ridge(rows), self.share))
        # Below the quietest speech of the recording the mouth closes; at half its level it is shut.
        heard = (2 * self.levels(windows) / self.speaking - 1).clamp(0, 1)
        return torch.lerp(self.resting, spoken, heard.unsqueeze(1))
