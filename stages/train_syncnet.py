"""Train the audio-visual sync expert of one person."""

import sys
from pathlib import Path

from lipsync.params import PersonParams
from lipsync.stage import stage
from lipsync.syncnet.model import SyncNet
from lipsync.syncnet.params import SyncNetParams
from lipsync.syncnet.report import write_offset_curve
from lipsync.syncnet.score import AVERAGE, summarise
from lipsync.syncnet.task import SyncNetTask, held_out_scan
from lipsync.syncnet.trust import measure_trust
from lipsync.syncnet.weights import save_syncnet
from lipsync.training.launch import several_processes
from lipsync.training.session import open_session


@stage
@several_processes(most=lambda params: params[SyncNetParams].batch_size)
def train_syncnet(params: PersonParams) -> None:
    """Read faces and speech; write weights, full state, history and the held-out offset curve."""
    chosen = params[SyncNetParams]
    session = open_session("train_syncnet", params)
    data = session.data
    model = SyncNet(data.size, data.speech_dimension, **chosen.architecture())
    model.standardize.fit(session.training_rows())
    model.to(session.compute.device)
    task = SyncNetTask(model, data, session.split, chosen, session.compute, session.seed)
    state = session.train(model, task, chosen, chosen.epochs)
    cosines = held_out_scan(state.ema, data, task.held_out)
    trust = measure_trust(cosines, task.held_out, AVERAGE, data.fps)
    save_syncnet(Path("models") / params.person / "syncnet.safetensors", state.ema, trust)
    session.write(state, {"top1_low": trust.low, "top1_high": trust.high})
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
