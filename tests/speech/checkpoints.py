"""Tiny random checkpoints with the true names, shapes and layout of the networks' files."""

import json
from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper, save

from lipsync.speech.ave import AveNetwork

# The names that audio_visual_encoder.pth holds: 13 layers, each a convolution and its batch norm
AVE_NAMES = [
    f"{layer}.conv_block.{part}"
    for layer in range(13)
    for part in (
        "0.weight",
        "0.bias",
        "1.weight",
        "1.bias",
        "1.running_mean",
        "1.running_var",
        "1.num_batches_tracked",
    )
]


def ave_weights() -> dict[str, torch.Tensor]:
    """A random state of the true architecture; it has no smaller one."""
    torch.manual_seed(0)
    network = AveNetwork()
    for layer in network:
        norm = layer.conv_block[1]
        norm.running_mean.normal_(0, 0.1)
        norm.running_var.uniform_(0.5, 1.5)
    return network.state_dict()


def write_ave(path: Path) -> Path:
    torch.save(ave_weights(), path)
    return path


def write_hubert(folder: Path, *, normalise: bool = True, binary: bool = False) -> Path:
    """A HuBERT of 16 channels, the convolutions and the kind of norm being hubert-large's."""
    from transformers import HubertConfig, HubertModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.manual_seed(0)
    config = HubertConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8,) * 7,
        conv_bias=True,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        num_conv_pos_embeddings=128,
        num_conv_pos_embedding_groups=2,
    )
    network = HubertModel(config)
    network.save_pretrained(folder)
    if binary:  # as facebook/hubert-large-ls960-ft: a CTC head, and weight norm by its older names
        state = {f"hubert.{name}": value for name, value in network.state_dict().items()}
        for new, old in (("original0", "weight_g"), ("original1", "weight_v")):
            path = "hubert.encoder.pos_conv_embed.conv"
            state[f"{path}.{old}"] = state.pop(f"{path}.parametrizations.weight.{new}")
        state["lm_head.weight"], state["lm_head.bias"] = torch.zeros(32, 16), torch.zeros(32)
        torch.save(state, folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    preprocessor = {"do_normalize": normalise, "sampling_rate": 16000}
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    return folder


def write_wenet(path: Path, *, own_export: bool = False) -> Path:
    """A streaming encoder that convolves like WeNet's and mixes the caches in.

    Output t is a projection of columns 4 t ... 4 t + 6, plus a tenth of the mean of each cache, and
    a little of the offset, and with a mask the share of it that is set; each cache takes over half
    of itself and the chunk's mean output.
    own_export: as WeNet's script makes it with 4 left chunks; else as Ultralight-Digital-Human's.
    """
    channels, kept = 6, 64 if own_export else 16
    draw = np.random.default_rng(0)
    chunk = [1, "T", 80] if own_export else [1, 1, 67, 80]
    constants = {
        "kernel": draw.normal(0, 0.02, (channels, 1, 7, 80)).astype(np.float32),
        "axis": np.array([1]),
        "last": np.array([3]),
        "half": np.array(0.5, np.float32),
        "tenth": np.array(0.1, np.float32),
        "little": np.array(1e-3, np.float32),
    }
    nodes = [
        helper.make_node("Unsqueeze", ["chunk", "axis"], ["picture"])
        if own_export
        else helper.make_node("Identity", ["chunk"], ["picture"]),
        helper.make_node("Conv", ["picture", "kernel"], ["maps"], strides=[4, 1]),  # (1, D, 16, 1)
        helper.make_node("Squeeze", ["maps", "last"], ["flat"]),
        helper.make_node("Transpose", ["flat"], ["heard"], perm=[0, 2, 1]),  # (1, 16, D)
        helper.make_node("ReduceMean", ["att_cache"], ["past"], keepdims=0),
        helper.make_node("ReduceMean", ["cnn_cache"], ["near"], keepdims=0),
        helper.make_node("Add", ["past", "near"], ["both"]),
        helper.make_node("Mul", ["both", "tenth"], ["memory"]),
        helper.make_node("Cast", ["offset"], ["position"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["position", "little"], ["place"]),
        helper.make_node("ReduceMean", ["heard"], ["level"], keepdims=0),
        helper.make_node("Mul", ["att_cache", "half"], ["old_att"]),
        helper.make_node("Add", ["old_att", "level"], ["r_att_cache"]),
        helper.make_node("Mul", ["cnn_cache", "half"], ["old_cnn"]),
        helper.make_node("Add", ["old_cnn", "level"], ["r_cnn_cache"]),
    ]
    summands = ["heard", "memory", "place"]
    if own_export:  # the mask says how much of the cache is filled
        nodes.append(helper.make_node("Cast", ["att_mask"], ["seen"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("ReduceMean", ["seen"], ["shown"], keepdims=0))
        summands.append("shown")
    nodes.append(helper.make_node("Sum", summands, ["output"]))
    floats, caches = TensorProto.FLOAT, ([3, 2, kept, 8], [3, 1, 6, 14])
    inputs = [
        helper.make_tensor_value_info("chunk", floats, chunk),
        helper.make_tensor_value_info("offset", TensorProto.INT64, [] if own_export else [1]),
        helper.make_tensor_value_info(
            "att_cache", floats, [3, 2, "C", 8] if own_export else caches[0]
        ),
        helper.make_tensor_value_info("cnn_cache", floats, caches[1]),
    ]
    if own_export:
        inputs.append(helper.make_tensor_value_info("att_mask", TensorProto.BOOL, [1, 1, "M"]))
    outputs = [
        helper.make_tensor_value_info("output", floats, [1, "U", channels]),
        helper.make_tensor_value_info("r_att_cache", floats, [3, 2, "C", 8]),
        helper.make_tensor_value_info("r_cnn_cache", floats, caches[1]),
    ]
    initial = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "wenet", inputs, outputs, initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    if own_export:
        sizes = {"chunk_size": 16, "left_chunks": 4, "decoding_window": 67}
        helper.set_model_props(model, {name: str(value) for name, value in sizes.items()})
    save(model, path)
    return path


def write_viseme(path: Path) -> Path:
    """A viseme network that was never trained."""
    from lipsync.visemes.export import to_onnx
    from lipsync.visemes.model import VisemeTCN

    torch.manual_seed(0)
    network = VisemeTCN(layers=3, channels=8, lookahead=4).eval().requires_grad_(False)
    network.standardize.mean.fill_(14.0)
    network.standardize.deviation.fill_(4.0)
    torch.nn.init.normal_(network.head.weight)
    path.write_bytes(to_onnx(network, 20))
    return path
