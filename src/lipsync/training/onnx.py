"""A network as ONNX, the same bytes for the same weights."""

import warnings
from collections.abc import Sequence

import onnx
import torch
from torch import nn


def to_onnx(
    network: nn.Module,
    examples: Sequence[torch.Tensor],
    inputs: Sequence[str],
    outputs: Sequence[str],
    opset: int,
) -> bytes:
    """A network on the CPU as ONNX; the first axis of all inputs is a batch of any size.

    Args:
        network: in evaluation mode
        examples: an input each, with a batch of 2
        inputs, outputs: names
    """
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings():
        # torch finds it remarkable that all inputs share an axis.
        warnings.filterwarnings("ignore", message="# The axis name: batch will not be used")
        program = torch.onnx.export(
            network,
            tuple(examples),
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=opset,
            dynamic_shapes=tuple({0: batch} for _ in inputs),
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
