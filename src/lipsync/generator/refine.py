"""A refiner as the function that ``retrieval.face.FaceMaker`` asks."""

import numpy as np
import torch

from lipsync.generator.model import Decided, Refiner
from lipsync.retrieval.face import Refine
from lipsync.retrieval.layers import Layers
from lipsync.retrieval.pasting import Decisions


def torch_refine(model: Refiner, device: torch.device) -> Refine:
    """Decide with ``model`` on ``device``, in full precision."""
    model = model.folded().eval().to(device)

    @torch.no_grad()
    def refine(layers: Layers, crop: np.ndarray) -> Decisions:
        return to_decisions(model(*to_inputs([layers], crop[None], device)))[0]

    return refine


def to_inputs(
    layers: list[Layers], crops: np.ndarray, device: torch.device
) -> tuple[torch.Tensor, ...]:
    """Arguments of ``Refiner.forward`` for B frames; crops (B, S, S, 3) uint8."""
    pictures = [
        np.stack([each.face for each in layers]),
        np.stack([each.mouth for each in layers]),
        np.stack([each.blend for each in layers]),
        crops,
    ]
    masks = [[each.mouth_mask for each in layers], [each.inner for each in layers]]
    as_pictures = [
        torch.from_numpy(each).to(device).permute(0, 3, 1, 2).float() / 255 for each in pictures
    ]
    as_masks = [torch.from_numpy(np.stack(each)).to(device).unsqueeze(1) for each in masks]
    return (*as_pictures, *as_masks)


def to_decisions(decided: Decided) -> list[Decisions]:
    """Of each frame, in the units of ``retrieval.pasting``."""
    share, flow, correction = (each.float().cpu().numpy() for each in decided)
    return [
        Decisions(
            share[i, 0],
            np.ascontiguousarray(flow[i].transpose(1, 2, 0)),
            np.ascontiguousarray(correction[i].transpose(1, 2, 0)) * np.float32(255),
        )
        for i in range(len(share))
    ]
