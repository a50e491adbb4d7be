"""Blend and amplitude, chosen on predictions of frames that were not learned from.

Wolpert, "Stacked generalization", 1992: what a network says of the frames that it learned from is
nearly the truth, and would ask for no gain at all. Of each fold there are predictions by those
that did not see it.
"""

from dataclasses import dataclass

import numpy as np
import torch

from lipsync.motion.data import MotionData, network_predictions, voiced
from lipsync.motion.model import MotionNet
from lipsync.motion.opening import QUANTILES
from lipsync.motion.params import MotionParams
from lipsync.motion.ridge import fit_ridge
from lipsync.motion.targets import MIN_FRAMES, Targets

SHARES = np.linspace(0, 1, 11)
LEAST_R = 0.3  # in the folds, below which one share proves nothing over another


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


def out_of_fold(model: MotionNet, data: MotionData, targets: Targets) -> np.ndarray:
    """Mean prediction by the networks that did not learn from a frame: (N, E) float64."""
    found = np.zeros_like(targets.expression)
    count = len(targets.folds)
    for number, fold in enumerate(targets.folds):
        predicted = network_predictions(model, data, fold.frames)
        found[fold.frames] = predicted[:, number::count].mean(1)
    return found


def smallest_as_good(found: dict[float, np.ndarray]) -> float:
    """The first share that is no worse than the best one by more than a standard error.

    Breiman et al., "Classification and regression trees", 1984: seconds of speech are easily
    learned by heart. Where even the best one predicts next to nothing, it proves nothing: a head
    that is turned away for 15 s teaches ridge regression its angle. Then it is the first share.

    found: shares, ascending, and r (F,) in the folds with each
    """
    best = max(found.values(), key=lambda each: float(each.mean()))
    if best.mean() < LEAST_R:
        return next(iter(found))
    for share, each in found.items():
        worse = best - each
        if worse.mean() <= worse.std(ddof=1) / np.sqrt(len(worse)):
            return share
    raise AssertionError("the best share is as good as itself")


def calibrate(
    model: MotionNet,
    data: MotionData,
    targets: Targets,
    params: MotionParams,
    *,
    trusted: bool = False,
) -> Calibration:
    """Set share, gain and range of a trained ``model``, on the device of ``data``.

    trusted: whether the networks come from a base; then ridge regression has to be certainly better
    """
    frames = targets.frames
    networks = out_of_fold(model, data, targets)[frames]
    ridge = fit_ridge(model, data, targets, params).out_of_fold[frames]
    blends = {share: (1 - share) * networks + share * ridge for share in SHARES}
    scores = {share: targets.agreement(targets.gaps(blend)) for share, blend in blends.items()}
    share = max(scores, key=lambda each: scores[each])
    if trusted:
        share = smallest_as_good(
            {each: targets.fold_agreements(targets.gaps(blend)) for each, blend in blends.items()}
        )
    model.share.fill_(share)
    gain = find_gain(model, data, targets, blends[share], params.largest_gain)
    model.gain.fill_(gain)
    _set_range(model, data, targets, blends[share])
    return Calibration(float(share), gain, scores[share])


@torch.no_grad()
def _set_range(model: MotionNet, data: MotionData, targets: Targets, predicted: np.ndarray) -> None:
    """Quantiles of predicted (T, E) and filmed openings, where somebody speaks if ever."""
    frames = targets.frames
    spoken = voiced(data, frames)
    if spoken.sum() < MIN_FRAMES:
        spoken[:] = True
    blend = torch.from_numpy(predicted).float().to(model.centre.device)
    gaps = targets.gaps(model.calibrate(blend).cpu().double().numpy())
    for name, values in (("predicted_gaps", gaps), ("filmed_gaps", targets.gap[frames])):
        quantiles = np.quantile(values[spoken], QUANTILES)
        model.get_buffer(name).copy_(torch.from_numpy(quantiles).float())


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
