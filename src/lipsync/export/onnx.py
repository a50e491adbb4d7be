"""The generator as ONNX, the same bytes for the same weights.

In: crop uint8 (B, S, S, 3) RGB, whole (the mask is applied inside); speech float32 (B, K, D) with
K = past + 1 + future. Out: face float32 (B, S, S, 3) RGB 0..1. B is free. The reference picture's
features are constants.
"""

import warnings
from typing import cast

import numpy as np
import onnx
import torch
from torch import nn

from lipsync.generator.model import Generator


class AvatarNetwork(nn.Module):
    """A generator with its reference (S, S, 3) uint8 RGB built in; pictures as they are stored."""

    def __init__(self, generator: Generator, reference: np.ndarray) -> None:
        super().__init__()
        self.generator = generator.folded()
        with torch.no_grad():
            features = generator.encode_reference(as_input(torch.from_numpy(reference)[None]))
        self.levels = len(features)
        for level, maps in enumerate(features):
            self.register_buffer(f"reference_{level}", maps)

    def forward(self, crop: torch.Tensor, speech: torch.Tensor) -> torch.Tensor:
        """(B, S, S, 3) uint8, (B, K, D) float32 -> (B, S, S, 3) float32 0..1"""
        reference = [self.get_buffer(f"reference_{level}") for level in range(self.levels)]
        face = self.generator.generate(as_input(crop), reference, self.generator.lips(speech))
        return face.clamp(0, 1).permute(0, 2, 3, 1)  # (B, 3, S, S) -> (B, S, S, 3)


def as_input(pictures: torch.Tensor) -> torch.Tensor:
    """(B, S, S, 3) uint8 -> (B, 3, S, S) float32 0..1"""
    return pictures.permute(0, 3, 1, 2).to(torch.float32) / 255


def to_onnx(generator: Generator, reference: np.ndarray, opset: int) -> bytes:
    """A generator in evaluation mode on the CPU, and its reference (S, S, 3) uint8, as ONNX."""
    network = AvatarNetwork(generator, reference).eval()
    size = reference.shape[0]
    window = generator.past + 1 + generator.future
    crop = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    speech = torch.zeros(2, window, cast(int, generator.config["speech_dimension"]))
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings():
        # torch finds it remarkable that both inputs share an axis.
        warnings.filterwarnings("ignore", message="# The axis name: batch will not be used")
        program = torch.onnx.export(
            network,
            (crop, speech),
            input_names=["crop", "speech"],
            output_names=["face"],
            opset_version=opset,
            dynamic_shapes=({0: batch}, {0: batch}),
            external_data=False,
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _strip(model)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def _strip(model: onnx.ModelProto) -> None:
    """Take out what the exporter notes down for debugging: source lines, paths, stack traces."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    graph.ClearField("value_info")  # shapes in between: derived, and noted down the same way
