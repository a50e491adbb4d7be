"""Train the face generator of one person, from nothing or as an adapter of the base."""

from pathlib import Path

import torch

from lipsync.base.inherited import read_inherited
from lipsync.generator.adapter import AdapterShape
from lipsync.generator.experts import heed_trust, vgg_if_wanted
from lipsync.generator.lips import known_basis
from lipsync.generator.model import Generator
from lipsync.generator.params import GeneratorParams
from lipsync.generator.reference import choose_reference
from lipsync.generator.task import GeneratorTask
from lipsync.generator.teaching import known_line
from lipsync.generator.weights import adapt_base, save_adapter, save_generator
from lipsync.params import PersonParams
from lipsync.stage import stage
from lipsync.syncnet.weights import load_syncnet
from lipsync.training.data import to_unit
from lipsync.training.launch import several_processes
from lipsync.training.params import Epochs
from lipsync.training.session import open_session


@stage
@several_processes(most=lambda params: params[GeneratorParams].clips)
def train_generator(params: PersonParams) -> None:
    """Read faces, speech and SyncNet; write weights, full state, history and sample pictures."""
    chosen, models = params[GeneratorParams], Path("models") / params.person
    # Before the session, whose fingerprint hashes the weights, which may have to be fetched.
    vgg, also_read = vgg_if_wanted(chosen)
    session = open_session("train_generator", params, also_read)
    inherited = read_inherited(models)
    data, device = session.data, session.compute.device
    inherited.refuse_other_kind(Path("data") / params.person, data.kind)
    syncnet = load_syncnet(models / "syncnet.safetensors").to(device)
    chosen = heed_trust(chosen, models / "syncnet.safetensors")
    training = slice(0, session.split.training_end)
    number = choose_reference(data.crops[training], data.seen[training], data.mouth[training])
    reference = data.crops[number : number + 1]  # (1, 3, S, S)
    if inherited.generator is None:
        model = Generator(data.size, data.speech_dimension, **chosen.architecture())
        basis = prior = None
    else:
        wanted = dict(inherited.adapter)
        lips_epochs = wanted.pop("lips_epochs")
        adapter = AdapterShape(**wanted)
        model = adapt_base(inherited.generator, adapter)
        chosen = chosen.of_base(model.config, lips_epochs)
        basis, prior = known_basis(model.lips), known_line(model.lips)
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
        basis,
        prior,
    )
    state = session.train(model, task, chosen, params[Epochs].root)
    picture = reference[0].permute(1, 2, 0).cpu().numpy()  # (S, S, 3)
    if inherited.generator is None:
        save_generator(models / "generator.safetensors", state.ema, picture)
    else:
        base = inherited.generator
        save_adapter(models / "generator.safetensors", state.ema, base, adapter, picture)
    lips = task.lips_figures(state.ema)
    session.write(state, {"sync_weight": chosen.losses.sync} | lips)


if __name__ == "__main__":
    train_generator()
