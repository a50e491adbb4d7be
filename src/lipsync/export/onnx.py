"""The refiner as ONNX, the same bytes for the same weights.

Inputs and outputs are those that `rendering.refiner` tells; the number of frames B is free.
"""

from typing import cast

import torch
from torch import nn

from lipsync.generator.model import Refiner
from lipsync.rendering.refiner import MASKS, OUTPUTS, PICTURES
from lipsync.training.onnx import to_onnx

LEVELS = 255.0  # 8-bit levels of 1


class AvatarRefiner(nn.Module):
    """A refiner that takes pictures as they are stored."""

    def __init__(self, refiner: Refiner) -> None:
        super().__init__()
        self.refiner = refiner.folded()

    def forward(
        self,
        face: torch.Tensor,
        mouth: torch.Tensor,
        blend: torch.Tensor,
        crop: torch.Tensor,
        mouth_mask: torch.Tensor,
        inner: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Pictures (B, S, S, 3) and masks (B, S, S) uint8 -> share, flow and correction."""
        pictures = (as_picture(each) for each in (face, mouth, blend, crop))
        masks = (as_mask(each) for each in (mouth_mask, inner))
        share, flow, correction = self.refiner(*pictures, *masks)
        # (B, 1, S, S) -> (B, S, S); (B, C, S, S) -> (B, S, S, C)
        return share[:, 0], flow.permute(0, 2, 3, 1), LEVELS * correction.permute(0, 2, 3, 1)


def as_picture(pictures: torch.Tensor) -> torch.Tensor:
    """(B, S, S, 3) uint8 -> (B, 3, S, S) float32 0..1"""
    return pictures.permute(0, 3, 1, 2).to(torch.float32) / LEVELS


def as_mask(masks: torch.Tensor) -> torch.Tensor:
    """(B, S, S) uint8 -> (B, 1, S, S) float32 0..1"""
    return masks.unsqueeze(1).to(torch.float32) / LEVELS


def refiner_to_onnx(refiner: Refiner, opset: int) -> bytes:
    """A refiner in evaluation mode on the CPU as ONNX."""
    network = AvatarRefiner(refiner).eval()
    size = cast(int, refiner.config["size"])
    pictures = [torch.zeros(2, size, size, 3, dtype=torch.uint8) for _ in PICTURES]
    masks = [torch.zeros(2, size, size, dtype=torch.uint8) for _ in MASKS]
    return to_onnx(network, (*pictures, *masks), (*PICTURES, *MASKS), OUTPUTS, opset)
