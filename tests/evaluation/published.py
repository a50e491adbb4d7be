"""A state dict like that of the published SyncNet, with random weights."""

import numpy as np
import torch

# Index of each layer with weights in the published state dict, and its shape.
CONVOLUTIONS = {
    "netcnnaud": {
        0: (64, 1, 3, 3),
        4: (192, 64, 3, 3),
        8: (384, 192, 3, 3),
        11: (256, 384, 3, 3),
        14: (256, 256, 3, 3),
        18: (512, 256, 5, 4),
    },
    "netcnnlip": {
        0: (96, 3, 5, 7, 7),
        4: (256, 96, 1, 5, 5),
        8: (256, 256, 1, 3, 3),
        11: (256, 256, 1, 3, 3),
        14: (256, 256, 1, 3, 3),
        18: (512, 256, 1, 6, 6),
    },
}


def published_state() -> dict[str, torch.Tensor]:
    """Random weights under the names and of the shapes of syncnet_v2.model."""
    draw = torch.Generator().manual_seed(0)
    state = {}

    def layer(name: str, shape: tuple[int, ...]) -> None:
        fan_in = int(np.prod(shape[1:]))
        state[f"{name}.weight"] = torch.randn(shape, generator=draw) * (2 / fan_in) ** 0.5
        state[f"{name}.bias"] = torch.randn(shape[0], generator=draw) * 0.1

    def norm(name: str, channels: int) -> None:
        for key in ("weight", "bias", "running_mean"):
            state[f"{name}.{key}"] = torch.randn(channels, generator=draw) * 0.1
        state[f"{name}.running_var"] = torch.rand(channels, generator=draw) + 0.5
        state[f"{name}.weight"] += 1

    for part, layers in CONVOLUTIONS.items():
        for index, shape in layers.items():
            layer(f"{part}.{index}", shape)
            norm(f"{part}.{index + 1}", shape[0])
    for part in ("netfcaud", "netfclip"):
        layer(f"{part}.0", (512, 512))
        norm(f"{part}.1", 512)
        layer(f"{part}.3", (1024, 512))
    return state
