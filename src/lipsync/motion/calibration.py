"""Blend and amplitude, chosen on predictions of frames that were not learned from.

Wolpert, "Stacked generalization", 1992: what a network says of the frames that it learned from is
nearly the truth, and would ask for no gain at all. Of each fold there are predictions by those
that did not see it.
"""

from dataclasses import dataclass

import numpy as np
import torch

from lipsync.motion.data import MotionData
from lipsync.motion.model import MotionNet
from lipsync.motion.params import MotionParams
from lipsync.motion.ridge import fit_ridge
from lipsync.motion.targets import Targets
from lipsync.training.data import AudioData

SHARES = np.linspace(0, 1, 11)
BATCH = 1024


@dataclass(frozen=True)
class Calibration:
    """Attributes:
    share: of ridge regression in the blend, 0..1
    gain: of the amplitude
    r: correlation of predicted and real opening over the folds, their means taken out
    """

    share: float
    gain: float
    r: float


@torch.no_grad()
def network_predictions(model: MotionNet, data: AudioData, frames: np.ndarray) -> np.ndarray:
    """Each network's prediction of frames (B,): (B, M, E) float64."""
    found = []
    for start in range(0, len(frames), BATCH):
        chosen = torch.from_numpy(frames[start : start + BATCH]).to(data.speech.device)
        rows = model.standardized(data.windows(chosen, model.past, model.future))
        found.append(model.networks(rows)[:, :, 0].cpu().double().numpy())
    return np.concatenate(found)


def out_of_fold(model: MotionNet, data: MotionData, targets: Targets) -> np.ndarray:
    """Mean prediction by the networks that did not learn from a frame: (N, E) float64."""
    found = np.zeros_like(targets.expression)
    count = len(targets.folds)
    for number, fold in enumerate(targets.folds):
        predicted = network_predictions(model, data, fold.frames)
        found[fold.frames] = predicted[:, number::count].mean(1)
    return found


def calibrate(
    model: MotionNet, data: MotionData, targets: Targets, params: MotionParams
) -> Calibration:
    """Set share and gain of a trained ``model``, on the device of ``data``."""
    frames = targets.frames
    networks = out_of_fold(model, data, targets)[frames]
    ridge = fit_ridge(model, data, targets, params).out_of_fold[frames]
    blends = {share: (1 - share) * networks + share * ridge for share in SHARES}
    scores = {share: targets.agreement(targets.gaps(blend)) for share, blend in blends.items()}
    share = max(scores, key=lambda each: scores[each])
    model.share.fill_(share)
    gain = find_gain(model, data, targets, blends[share], params.largest_gain)
    model.gain.fill_(gain)
    return Calibration(float(share), gain, scores[share])


@torch.no_grad()
def find_gain(
    model: MotionNet, data: MotionData, targets: Targets, predicted: np.ndarray, largest: float
) -> float:
    """The gain at which predictions (T, E) open the mouth as variously as it really does.

    largest: gain that is never exceeded; where the sound tells little, a larger one would only
        enlarge the errors
    """
    shape, wanted = data.shape, data.shape.opening(targets.expression[targets.frames]).std()
    blend = torch.from_numpy(predicted).float().to(model.centre.device)

    def spread(gain: float) -> float:
        model.gain.fill_(gain)
        return float(shape.opening(model.calibrate(blend).cpu().numpy()).std())

    low, high = 0.5, largest
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if spread(middle) < wanted else (low, middle)
    return (low + high) / 2
