"""Train the network that predicts a person's expression from speech, or adapt the base's."""

import copy
from pathlib import Path
from typing import cast

import numpy as np

from lipsync.base.inherited import read_inherited
from lipsync.motion.adaptation import adopt, choose_share, load_motion_base
from lipsync.motion.calibration import calibrate
from lipsync.motion.data import load_motion_data, matched_prediction
from lipsync.motion.figures import held_out_figures
from lipsync.motion.model import MotionNet
from lipsync.motion.params import MotionParams
from lipsync.motion.targets import CLOSED
from lipsync.motion.task import Learner, MotionTask
from lipsync.motion.weights import save_motion
from lipsync.params import PersonParams
from lipsync.stage import stage
from lipsync.training.distributed import refuse_several
from lipsync.training.session import open_session


@stage
def train_motion(params: PersonParams) -> None:
    """Read geometry and speech; write weights, full state and history."""
    refuse_several("train_motion")
    chosen, folder = params[MotionParams], Path("data") / params.person
    data = load_motion_data(folder / "geometry.npz", folder / "speech.npz")
    inherited = read_inherited(Path("models") / params.person)
    begun = inherited.motion(folder / "speech.npz", data.kind)
    session = open_session("train_motion", params, data)
    data, device = session.data, session.compute.device
    if begun is None:
        model = MotionNet(
            data.speech_dimension,
            data.instants,
            data.shape.n_components,
            **chosen.architecture(),
        ).to(device)
    else:
        base = load_motion_base(begun)
        training = np.flatnonzero(data.valid[: session.split.training_end])
        model = adopt(base, data, training).to(device)
    adopted = copy.deepcopy(model)
    of: Learner = "own" if begun is None else "adapted"
    task = MotionTask(model, data, session.split, chosen, session.seed, of=of)
    state = session.train(model, task, chosen, chosen.epochs)
    trained, share = cast(MotionNet, state.ema), 1.0
    if begun is not None:
        share, trained = choose_share(adopted, trained, data, task.targets)
    calibration = calibrate(trained, data, task.targets, chosen, trusted=begun is not None)
    save_motion(Path("models") / params.person / "motion.safetensors", trained)
    real = task.targets.expression
    figures = held_out_figures(
        data.shape,
        matched_prediction(trained, data, task.held_out)(task.held_out),
        real[task.held_out],
        closed_below=float(np.quantile(data.shape.opening(real[task.targets.frames]), CLOSED)),
    ) | {
        "cross_validated_r": calibration.r,
        "gain": calibration.gain,
        "ridge_share": calibration.share,
    }
    if begun is not None:
        figures["adaptation"] = share
    session.write(state, figures)
    print(
        f"motion: held out, r {figures['opening_r']:.2f} of the mouth's opening and "
        f"{figures['width_r']:.2f} of its width; it opens {figures['opening_spread']:.2f} times as "
        f"variously as the real one; r {calibration.r:.2f} cross-validated"
    )


if __name__ == "__main__":
    train_motion()
