"""Train the face generator of one person."""

import sys
from pathlib import Path

import torch

from lipsync.generator.model import Generator
from lipsync.generator.params import GeneratorParams
from lipsync.generator.perceptual import load_vgg, vgg_file
from lipsync.generator.reference import choose_reference
from lipsync.generator.task import GeneratorTask
from lipsync.generator.weights import save_generator
from lipsync.params import PersonParams
from lipsync.stage import stage
from lipsync.syncnet.weights import load_syncnet, load_trust
from lipsync.training.data import to_unit
from lipsync.training.distributed import main_first
from lipsync.training.launch import several_processes
from lipsync.training.params import Epochs
from lipsync.training.session import open_session

PRETRAINED = Path("models/pretrained/vgg")


@stage
@several_processes(most=lambda params: params[GeneratorParams].clips)
def train_generator(params: PersonParams) -> None:
    """Read faces, speech and SyncNet; write weights, full state, history and sample pictures."""
    chosen, models = params[GeneratorParams], Path("models") / params.person
    # Before the session, whose fingerprint hashes the weights, which may have to be fetched.
    vgg, also_read = None, {}
    if chosen.losses.perceptual and chosen.perceptual.features == "vgg19":
        with main_first():
            vgg = load_vgg(chosen.perceptual.weights, PRETRAINED)
        also_read["vgg19"] = vgg_file(chosen.perceptual.weights, PRETRAINED)
    session = open_session("train_generator", params, also_read)
    data, device = session.data, session.compute.device
    syncnet = load_syncnet(models / "syncnet.safetensors").to(device)
    trust = load_trust(models / "syncnet.safetensors")
    if chosen.losses.sync and not trust.better_than_chance:
        chosen = chosen.without_sync()
        print(
            f"warning: generator.losses.sync is switched off: {models / 'syncnet.safetensors'} "
            f"{trust}; its opinion may be chance",
            file=sys.stderr,
        )
    training = slice(0, session.split.training_end)
    number = choose_reference(data.crops[training], data.seen[training], data.mouth[training])
    reference = data.crops[number : number + 1]  # (1, 3, S, S)
    model = Generator(data.size, data.speech_dimension, **chosen.architecture())
    model.lips.standardize.fit(session.training_rows())
    model.to(device, memory_format=torch.channels_last)
    task = GeneratorTask(
        model,
        syncnet,
        data,
        to_unit(reference),
        session.split,
        chosen,
        session.compute,
        session.seed,
        vgg.to(device) if vgg else None,
    )
    state = session.train(model, task, chosen, params[Epochs].root)
    picture = reference[0].permute(1, 2, 0).cpu().numpy()  # (S, S, 3)
    save_generator(models / "generator.safetensors", state.ema, picture)
    lips = task.lips_figures(state.ema)
    session.write(state, {"sync_weight": chosen.losses.sync} | lips)


if __name__ == "__main__":
    train_generator()
