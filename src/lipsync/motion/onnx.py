"""The motion network as ONNX, the same bytes for the same weights.

In: speech float32 (B, K, D) with K = past + 1 + future. Out: expression float32 (B, E). B is free.
"""

import copy

import numpy as np
import onnxruntime
import torch

from lipsync.motion.model import MotionNet
from lipsync.training.onnx import to_onnx

BATCH_SIZES = (1, 2, 5)  # of the comparison with PyTorch; the export itself is traced with 2


def motion_to_onnx(model: MotionNet, opset: int) -> bytes:
    """A motion network on the CPU as ONNX."""
    network = copy.deepcopy(model).eval()
    length, dimension = model.past + 1 + model.future, int(model.config["speech_dimension"])
    example = torch.zeros(2, length, dimension)
    return to_onnx(network, (example,), ("speech",), ("expression",), opset)


def motion_parity(network: bytes, model: MotionNet, speech: np.ndarray) -> float:
    """Largest absolute difference between ONNX Runtime and PyTorch, in expression coefficients.

    speech: (N, K, D) float32, taken in batches of each of BATCH_SIZES.
    """
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    worst = 0.0
    for size in BATCH_SIZES:
        for start in range(0, len(speech), size):
            some = speech[start : start + size]
            (found,) = session.run(["expression"], {"speech": some})
            with torch.no_grad():
                wanted = model(torch.from_numpy(some)).numpy()
            worst = max(worst, float(np.abs(found - wanted).max()))
    return worst
