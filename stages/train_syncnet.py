"""Train the audio-visual sync expert of one person, or take over another's."""

import sys
from pathlib import Path

from lipsync.base.inherited import read_inherited
from lipsync.params import PersonParams
from lipsync.stage import stage
from lipsync.syncnet.model import SyncNet
from lipsync.syncnet.params import SyncNetParams
from lipsync.syncnet.report import write_offset_curve
from lipsync.syncnet.score import AVERAGE, summarise
from lipsync.syncnet.task import SyncNetTask, held_out_scan
from lipsync.syncnet.trust import measure_trust
from lipsync.syncnet.weights import load_fitting_syncnet, save_syncnet
from lipsync.training.launch import several_processes
from lipsync.training.session import load_faces_and_speech, open_session


@stage
@several_processes(most=lambda params: params[SyncNetParams].batch_size)
def train_syncnet(params: PersonParams) -> None:
    """Read faces and speech; write weights, full state, history and the held-out offset curve."""
    chosen, models = params[SyncNetParams], Path("models") / params.person
    inherited = read_inherited(models)
    session = open_session("train_syncnet", params, load_faces_and_speech(params.person))
    data = session.data
    taken = inherited.syncnet(Path("data") / params.person, data.kind)
    if taken is None:
        model = SyncNet(data.size, data.speech_dimension, **chosen.architecture())
        model.standardize.fit(session.training_rows())
    else:
        model = load_fitting_syncnet(taken, data)
    model.to(session.compute.device)
    task = SyncNetTask(model, data, session.split, chosen, session.compute, session.seed)
    if taken is None:
        state = session.train(model, task, chosen, chosen.epochs)
    else:
        print(f"takes over the SyncNet of {inherited.syncnet_of}; trains nothing", file=sys.stderr)
        state = session.take_over(model, task, chosen)
    cosines = held_out_scan(state.ema, data, task.held_out)
    trust = measure_trust(cosines, task.held_out, AVERAGE, data.fps)
    save_syncnet(models / "syncnet.safetensors", state.ema, trust)
    about = {"syncnet_of": inherited.syncnet_of} if taken else {}
    session.write(state, {"top1_low": trust.low, "top1_high": trust.high}, about)
    write_offset_curve(session.metrics, summarise(cosines, task.held_out, AVERAGE), trust)
    print(f"syncnet {trust}")
    if not trust.better_than_chance:
        print(
            f"warning: {params.video}: this may be chance, so the generator will do without its "
            "sync loss; more minutes of clear speech help, and see metrics/"
            f"{params.person}/offset.json",
            file=sys.stderr,
        )


if __name__ == "__main__":
    train_syncnet()
