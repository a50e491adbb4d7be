"""Whether the exported network says what the trained one says, whole and hop by hop."""

from dataclasses import dataclass

import numpy as np
import torch

from lipsync.errors import LipsyncError
from lipsync.speech.fbank import BINS
from lipsync.speech.viseme import VisemeNetwork
from lipsync.visemes.model import VisemeTCN

COLUMNS = 400  # compared: 4 s, several times what the network remembers


@dataclass(frozen=True)
class Parity:
    """Largest differences of posteriors: of the whole from PyTorch, and of hops from the whole."""

    torch: float
    hops: float


def check_parity(model: VisemeTCN, network: VisemeNetwork, tolerance: float) -> Parity:
    """Compare on columns that vary as the corpus does; LipsyncError beyond ``tolerance``."""
    draw = np.random.default_rng(0)
    mean, deviation = model.standardize.mean.numpy(), model.standardize.deviation.numpy()
    columns = (mean + deviation * draw.normal(size=(COLUMNS, BINS))).astype(np.float32)
    with torch.no_grad():
        wanted = model.posteriors(model(torch.from_numpy(columns)[None]))[0].numpy()
    whole, _ = network.step(columns, network.start())
    state, hops = network.start(), []
    for column in columns:
        told, state = network.step(column[None], state)
        hops.append(told.posteriors)
    parity = Parity(
        torch=float(np.abs(whole.posteriors - wanted).max()),
        hops=float(np.abs(np.concatenate(hops) - whole.posteriors).max()),
    )
    for name, difference in (("PyTorch", parity.torch), ("itself hop by hop", parity.hops)):
        if difference > tolerance:
            raise LipsyncError(
                f"visemes: the ONNX differs from {name} by {difference:.2g}, more than "
                f"export.tolerance {tolerance:.2g}; raise it, or tell us"
            )
    return parity
