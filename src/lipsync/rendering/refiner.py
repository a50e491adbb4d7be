"""The refiner as ONNX Runtime runs it.

in:  face, mouth, blend, crop  uint8 (B, S, S, 3) RGB; mouth_mask, inner uint8 (B, S, S), 255 is 1
out: share float32 (B, S, S), flow float32 (B, S, S, 2) shares of the crop's side, correction
     float32 (B, S, S, 3) 8-bit levels
"""

import numpy as np
import onnxruntime

from lipsync.retrieval.layers import Layers
from lipsync.retrieval.pasting import Decisions

PICTURES, MASKS = ("face", "mouth", "blend", "crop"), ("mouth_mask", "inner")
OUTPUTS = ("share", "flow", "correction")


def refiner_inputs(layers: Layers, crop: np.ndarray) -> dict[str, np.ndarray]:
    """What the network takes of one frame; crop (S, S, 3) uint8."""
    inputs = {"face": layers.face, "mouth": layers.mouth, "blend": layers.blend, "crop": crop}
    for name in MASKS:
        inputs[name] = np.rint(getattr(layers, name) * np.float32(255)).astype(np.uint8)
    return {name: value[None] for name, value in inputs.items()}


class RefinerNetwork:
    """Decides what is made of a frame's layers.

    Attributes:
        size: S, pixels; 0 where the network is no refiner
    """

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        sides = {name: [each.shape[1:] for each in session.get_inputs() if each.name == name]
                 for name in (*PICTURES, *MASKS)}  # fmt: skip
        size = sides["face"][0][0] if sides["face"] else 0
        wanted = {name: [[size, size, 3]] for name in PICTURES}
        wanted |= {name: [[size, size]] for name in MASKS}
        self.size = size if sides == wanted else 0

    def __call__(self, layers: Layers, crop: np.ndarray) -> Decisions:
        """Decisions of a frame; crop (S, S, 3) uint8 RGB of it."""
        share, flow, correction = self._session.run(OUTPUTS, refiner_inputs(layers, crop))
        return Decisions(share[0], flow[0], correction[0])
