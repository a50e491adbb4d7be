"""A base of motion, adapted to one person.

The base's networks become the person's: their heads are translated from the common basis of
expressions to the person's components. They
are trained on as any network is, and then the weights are moved back towards the base's, by a share
that cross-validation chooses: 0 is the base as it is, 1 is all that was learned (Wortsman et al.,
"Robust fine-tuning of zero-shot models", 2022). So a person's own seconds improve on the base, or
change nothing.
"""

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lipsync.errors import LipsyncError
from lipsync.motion.basis import Basis, amplitude
from lipsync.motion.calibration import out_of_fold, smallest_as_good
from lipsync.motion.data import MotionData
from lipsync.motion.model import MotionNet
from lipsync.motion.targets import Targets
from lipsync.motion.weights import FORMAT
from lipsync.training.weights import load_model, save_model

COMPONENTS = "basis"  # name of the basis's components in the base's file
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the adaptation
NETWORKS = ("first", "blocks", "mix", "head")  # modules whose weights are adapted


@dataclass(frozen=True)
class MotionBase:
    """Attributes:
    model: expressions are those of ``basis``, in units of a person's amplitude
    """

    model: MotionNet
    basis: Basis


def save_motion_base(path: Path, base: MotionBase) -> None:
    """Write weights, architecture and basis."""
    save_model(path, base.model, FORMAT, {COMPONENTS: torch.from_numpy(base.basis.components)})


def load_motion_base(path: Path) -> MotionBase:
    """Read the file, on the CPU; errors as of ``load_model``."""
    model, others = load_model(path, MotionNet, FORMAT)
    if COMPONENTS not in others:
        raise LipsyncError(
            f"{path}: one person's network, with no basis; run `dvc repro train_base`"
        )
    return MotionBase(model, Basis(others[COMPONENTS].float().numpy()))


@torch.no_grad()
def adopt(base: MotionBase, data: MotionData, training: np.ndarray) -> MotionNet:
    """The base's networks as a person's, on the CPU, to be trained on.

    Args:
        training: (T,) frames with a face that may be learned from
    """
    config = base.model.config | {"expression_dimension": data.shape.n_components}
    model = MotionNet(**config)
    for name in NETWORKS:
        if name != "head":
            getattr(model, name).load_state_dict(getattr(base.model, name).state_dict())
    expression = data.expression.cpu().numpy()[training].astype(np.float64)
    scale = amplitude(expression @ base.basis.coefficients(data.shape))
    back = torch.from_numpy(scale * base.basis.expressions(data.shape)).float()  # (B, E)
    members, old = model.members, base.model.head
    weight = old.weight[..., 0].unflatten(0, (members, -1))  # (M B, c, 1) -> (M, B, c)
    assert old.bias is not None
    assert model.head.bias is not None
    model.head.weight.copy_((back.T @ weight).flatten(0, 1).unsqueeze(-1))
    model.head.bias.copy_((old.bias.unflatten(0, (members, -1)) @ back).flatten())
    model.standardize.load_state_dict(base.model.standardize.state_dict())
    return model


def choose_share(
    adopted: MotionNet, trained: MotionNet, data: MotionData, targets: Targets
) -> tuple[float, MotionNet]:
    """How much of the adaptation is kept, and the network with so much of it.

    The smallest share whose predictions of the folds are as good as the best one's.

    Args:
        adopted: before training, trained: after it; on the device of ``data``
    """
    models = {share: between(adopted, trained, share) for share in SHARES}
    found = {}
    for share, model in models.items():
        predicted = out_of_fold(model, data, targets)[targets.frames]
        found[share] = targets.fold_agreements(targets.gaps(predicted))  # (F,)
    share = smallest_as_good(found)
    return share, models[share]


@torch.no_grad()
def between(adopted: MotionNet, trained: MotionNet, share: float) -> MotionNet:
    """A copy of ``trained`` whose networks lie between the two."""
    model = copy.deepcopy(trained)
    for name in NETWORKS:
        start: nn.Module = getattr(adopted, name)
        for mine, theirs in zip(getattr(model, name).parameters(), start.parameters(), strict=True):
            mine.copy_(torch.lerp(theirs.to(mine), mine, share))
    return model
