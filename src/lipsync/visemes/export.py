"""The network as ONNX with explicit state, so that a live stream keeps its whole context.

The graph is put together node by node: it is small, so its bytes depend on the weights alone and
a hop costs no node that is not needed. `lipsync.speech.viseme` says what goes in and out. The
state holds, side by side, the last (kernel - 1) x dilation inputs of every convolution.
"""

import json
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lipsync.speech.fbank import BINS
from lipsync.speech.viseme import FORM
from lipsync.visemes.convolution import CausalConvolution
from lipsync.visemes.labels import VISEMES
from lipsync.visemes.model import VisemeTCN
from lipsync.visemes.statistics import QUIET

IR_VERSION = 10  # that of ONNX 1.16; ONNX Runtime 1.18 and later read it


class _Graph:
    """Nodes and constants as they are added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: Any, kind: type = np.float32) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value, kind), name))
        return name

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output


def to_onnx(model: VisemeTCN, opset: int) -> bytes:
    """A network in evaluation mode on the CPU, as ONNX; the same bytes for the same weights."""
    graph = _Graph()
    layers = model.convolutions()
    convolutions = [
        (level, number, convolution)
        for level, layer in enumerate(layers)
        for number, convolution in enumerate(layer)
    ]
    reaches = [convolution.reach for _, _, convolution in convolutions]
    pieces = [f"past_{level}_{number}" for level, number, _ in convolutions]
    graph.constant("reaches", reaches, np.int64)
    graph.nodes.append(helper.make_node("Split", ["state", "reaches"], pieces, "split", axis=2))
    graph.constant("end", [np.iinfo(np.int64).max], np.int64)
    graph.constant("time", [2], np.int64)
    signal = _enter(graph, model)
    kept: list[str] = []
    for level, layer in enumerate(layers):
        out = signal
        for number, convolution in enumerate(layer):
            out = _convolve(graph, convolution, out, f"{level}_{number}", kept)
        signal = graph.add("Add", [signal, out], f"sum_{level}")
    graph.add("Concat", kept, "next_state", axis=2)
    _leave(graph, model, signal)
    channels = model.channels
    shapes: dict[str, tuple[int | str, ...]] = {
        "columns": (1, "T", BINS),
        "state": (1, channels, sum(reaches)),
        "posteriors": (1, "T", len(VISEMES)),
        "hidden": (1, "T", channels),
        "next_state": (1, channels, sum(reaches)),
    }
    values = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    }
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "visemes",
            [values["columns"], values["state"]],
            [values["posteriors"], values["hidden"], values["next_state"]],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", opset)],
        producer_name="lipsync",
        ir_version=IR_VERSION,
    )
    helper.set_model_props(made, metadata(model))
    onnx.checker.check_model(made, full_check=True)
    return made.SerializeToString(deterministic=True)


def metadata(model: VisemeTCN) -> dict[str, str]:
    """What `lipsync.speech.viseme.VisemeNetwork` reads beside the graph."""
    return {
        "format": FORM,
        "visemes": json.dumps(VISEMES),
        "lookahead": str(model.lookahead),
        "receptive": str(model.receptive),
        "activation": model.activation,
    }


def _enter(graph: _Graph, model: VisemeTCN) -> str:
    """columns (1, T, 80) -> (1, C, T); the corpus's statistics become part of the weights."""
    weight = model.enter.weight.detach().double().numpy()  # (C, 80)
    mean, deviation = (t.double().numpy() for t in (model.standardize.mean,
                                                    model.standardize.deviation))  # fmt: skip
    bias = model.enter.bias.detach().double().numpy() - weight @ (mean / deviation)
    graph.constant("quiet", QUIET)
    graph.constant("enter_weight", (weight / deviation).T)
    graph.constant("enter_bias", bias)
    graph.add("Max", ["columns", "quiet"], "loud")
    graph.add("MatMul", ["loud", "enter_weight"], "entered")
    graph.add("Add", ["entered", "enter_bias"], "biased")
    return graph.add("Transpose", ["biased"], "signal", perm=[0, 2, 1])


def _convolve(
    graph: _Graph, convolution: CausalConvolution, signal: str, name: str, kept: list[str]
) -> str:
    """(1, C, T) -> (1, C, T) with ReLU; what the next columns need is added to ``kept``."""
    known = graph.add("Concat", [f"past_{name}", signal], f"known_{name}", axis=2)
    graph.constant(f"from_{name}", [-convolution.reach], np.int64)
    kept.append(graph.add("Slice", [known, f"from_{name}", "end", "time"], f"kept_{name}"))
    weight = convolution.weight().detach().permute(2, 1, 0).numpy()  # (K, I, O) -> (O, I, K)
    graph.constant(f"weight_{name}", weight)
    graph.constant(f"bias_{name}", convolution.bias.detach().numpy())
    convolved = graph.add(
        "Conv",
        [known, f"weight_{name}", f"bias_{name}"],
        f"convolved_{name}",
        dilations=[convolution.dilation],
        kernel_shape=[weight.shape[2]],
    )
    return graph.add("Relu", [convolved], f"out_{name}")


def _leave(graph: _Graph, model: VisemeTCN, signal: str) -> None:
    """(1, C, T) -> hidden (1, T, C) and posteriors (1, T, 15)."""
    graph.constant("head_weight", model.head.weight.detach().numpy().T)
    graph.constant("head_bias", model.head.bias.detach().numpy())
    graph.add("Relu", [signal], "lively")
    graph.add("Transpose", ["lively"], "hidden", perm=[0, 2, 1])
    graph.add("MatMul", ["hidden", "head_weight"], "headed")
    graph.add("Add", ["headed", "head_bias"], "logits")
    if model.activation == "softmax":
        graph.add("Softmax", ["logits"], "posteriors", axis=2)
    else:
        graph.add("Sigmoid", ["logits"], "posteriors")
