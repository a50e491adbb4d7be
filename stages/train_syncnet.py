"""Train the audio-visual sync expert of one person."""

from pathlib import Path

from lipsync.params import PersonParams
from lipsync.stage import stage
from lipsync.syncnet.model import SyncNet
from lipsync.syncnet.params import SyncNetParams
from lipsync.syncnet.task import SyncNetTask
from lipsync.syncnet.weights import save_syncnet
from lipsync.training.session import open_session


@stage
def train_syncnet(params: PersonParams) -> None:
    """Read faces and speech; write weights, full state and history."""
    chosen = params[SyncNetParams]
    session = open_session("train_syncnet", params)
    model = SyncNet(session.data.size, session.data.speech_dimension, **chosen.architecture())
    model.standardize.fit(session.training_rows())
    model.to(session.compute.device)
    task = SyncNetTask(model, session.data, session.split, chosen, session.compute, session.seed)
    state = session.train(model, task, chosen, chosen.epochs)
    save_syncnet(Path("models") / params.person / "syncnet.safetensors", state.ema)
    session.write(state)


if __name__ == "__main__":
    train_syncnet()
