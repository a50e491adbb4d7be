"""Low-rank adapters: a person as a small change of a base that stays as it is.

LoRA (Hu et al., "LoRA: low-rank adaptation of large language models", 2021): the output of a
frozen layer W x + b becomes W x + b + alpha / rank (B A x + c), with A drawn at random and B, c
zero at the start, when the network does exactly as the base does. A convolution's A keeps its
kernel, stride and groups and has ``rank`` channels for each group, its B is 1 wide. Merged, the
product is added to W, and nothing is left to pay for.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

Layer = nn.Conv1d | nn.Conv2d | nn.Linear
CONVOLUTIONS: dict[type[nn.Module], Callable[..., torch.Tensor]] = {
    nn.Conv1d: F.conv1d,
    nn.Conv2d: F.conv2d,
}
MARK = "lora_"  # what the names of all adapter tensors contain


@dataclass(frozen=True)
class AdapterShape:
    """What an adapter's file has to say beside its tensors.

    Attributes:
        rank, alpha: of all layers
    """

    rank: int
    alpha: float


class Adapted(nn.Module):
    """A frozen layer and its low-rank change."""

    def __init__(self, layer: Layer, rank: int, alpha: float) -> None:
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.scale = alpha / rank
        self.lora_down: Layer
        self.lora_up: Layer
        if isinstance(layer, nn.Linear):
            self.lora_down = nn.Linear(layer.in_features, rank, bias=False)
            self.lora_up = nn.Linear(rank, layer.out_features)
        else:
            inner, kind = rank * layer.groups, type(layer)
            self.lora_down = kind(
                layer.in_channels,
                inner,
                layer.kernel_size,  # type: ignore[arg-type]  # (k,) or (k, k), as its kind takes
                stride=layer.stride,  # type: ignore[arg-type]
                padding=layer.padding,  # type: ignore[arg-type]
                groups=layer.groups,
                bias=False,
            )
            self.lora_up = kind(inner, layer.out_channels, 1, groups=layer.groups)
        nn.init.kaiming_uniform_(self.lora_down.weight, a=math.sqrt(5))  # as torch's own layers
        nn.init.zeros_(self.lora_up.weight)
        assert self.lora_up.bias is not None
        nn.init.zeros_(self.lora_up.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As the layer's: one operation with the changed weights, cheaper than two."""
        weight, bias = self._weights()
        layer = self.layer
        if isinstance(layer, nn.Linear):
            return F.linear(x, weight, bias)
        convolve = CONVOLUTIONS[type(layer)]
        return convolve(x, weight, bias, layer.stride, layer.padding, groups=layer.groups)

    @torch.no_grad()
    def merged(self) -> Layer:
        """One layer that does the same."""
        layer = copy.deepcopy(self.layer)
        weight, bias = self._weights()
        layer.weight.copy_(weight)
        assert layer.bias is not None
        layer.bias.copy_(bias)
        return layer

    def _weights(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight, in the layer's shape, and bias."""
        assert self.layer.bias is not None
        assert self.lora_up.bias is not None
        groups = getattr(self.layer, "groups", 1)
        # (out, r, 1...) -> (g, out / g, r); (g r, in / g, k...) -> (g, r, in / g k...)
        up = self.lora_up.weight.flatten(1).unflatten(0, (groups, -1))
        down = self.lora_down.weight.flatten(1).unflatten(0, (groups, -1))
        change = (up @ down).reshape(self.layer.weight.shape)
        weight = self.layer.weight + self.scale * change
        return weight, self.layer.bias + self.scale * self.lora_up.bias


def adapt(module: nn.Module, rank: int, alpha: float) -> None:
    """Freeze ``module`` and put adapters on its convolutions and linear layers, in place.

    Layers that are so small that rank ``rank`` saves nothing are left as they are.
    """
    module.requires_grad_(False)
    for parent in list(module.modules()):
        for name, layer in list(parent.named_children()):
            if not isinstance(layer, Layer):
                continue
            adapted = Adapted(layer, rank, alpha)
            if _count(adapted) - _count(layer) < _count(layer):
                setattr(parent, name, adapted)


def merge(module: nn.Module) -> None:
    """Replace all adapters below ``module`` by layers that do the same, in place."""
    for parent in list(module.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, Adapted):
                setattr(parent, name, layer.merged())


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
