"""Choose a person's exemplars and train the refiner, from nothing or as an adapter of the base."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from lipsync.base.inherited import read_inherited
from lipsync.generator.adapter import AdapterShape
from lipsync.generator.calibration import FRAMES, find_detail, read_filmed
from lipsync.generator.experts import drop_sync_loss_at_chance, vgg_if_wanted
from lipsync.generator.model import Refiner
from lipsync.generator.params import GeneratorParams
from lipsync.generator.refine import torch_refine
from lipsync.generator.task import GeneratorTask, choose_apart, material_of
from lipsync.generator.weights import adapt_base, save_adapter, save_generator
from lipsync.geometry.storage import read_geometry
from lipsync.media.reader import read_planes
from lipsync.params import PersonParams
from lipsync.retrieval.exemplars import write_exemplars
from lipsync.stage import stage
from lipsync.syncnet.weights import load_syncnet
from lipsync.training.launch import several_processes
from lipsync.training.params import Epochs
from lipsync.training.session import load_faces_and_speech, open_session
from lipsync.training.split import evenly


@stage
@several_processes(most=lambda params: params[GeneratorParams].clips)
def train_generator(params: PersonParams) -> None:
    """Read faces, geometry, speech, film and SyncNet; write exemplars, weights, state, history."""
    chosen, models = params[GeneratorParams], Path("models") / params.person
    folder = Path("data") / params.person
    # Before the session, whose fingerprint hashes the weights, which may have to be fetched.
    vgg, also_read = vgg_if_wanted(chosen)
    loaded = load_faces_and_speech(params.person)
    session = open_session("train_generator", params, loaded, also_read)
    inherited = read_inherited(models)
    data, device = session.data, session.compute.device
    base = inherited.generator(folder, data.kind)
    syncnet = load_syncnet(models / "syncnet.safetensors").to(device)
    chosen = drop_sync_loss_at_chance(chosen, models / "syncnet.safetensors")
    material = material_of(loaded, read_geometry(folder / "geometry.npz"), session.split.cuts)
    covered = material.covered
    data = replace(data, valid=data.valid & ~covered, seen=data.seen & ~covered)
    seen = np.flatnonzero(data.seen[: session.split.training_end])
    numbers = material.choose(seen, chosen.exemplars)
    if base is None:
        model = Refiner(data.size, **chosen.architecture())
    else:
        adapter = AdapterShape(**(inherited.adapter or {}))
        model = adapt_base(base, adapter)
    model.to(device)
    training = np.flatnonzero(data.valid[: session.split.training_end])
    samples = evenly(training, FRAMES)
    filmed = read_filmed(read_planes(folder / "frames.mp4"), data.boxes, numbers, samples)
    pictures = [filmed.exemplars[number] for number in numbers.tolist()]
    task = GeneratorTask(
        model,
        syncnet,
        data,
        material,
        numbers,
        session.split,
        chosen,
        session.compute,
        session.seed,
        vgg.to(device) if vgg else None,
        adapted=base is not None,
    )
    state = session.train(model, task, chosen, params[Epochs].root)
    refiner = state.ema
    assert isinstance(refiner, Refiner)

    exemplars = material.exemplars(numbers, pictures)
    choices = choose_apart(material, exemplars, training, round(chosen.apart * data.fps))
    write_exemplars(models / "exemplars.npz", exemplars)
    refine = torch_refine(refiner, device)
    detail = find_detail(exemplars, material, refine, data.size, filmed.samples, choices)
    if base is None:
        save_generator(models / "generator.safetensors", refiner, detail)
    else:
        save_adapter(models / "generator.safetensors", refiner, base, adapter, detail)
    figures = {"sync_weight": chosen.losses.sync, "detail": detail}
    session.write(state, figures)
    print(f"{len(numbers)} exemplars, their detail shown {detail:.2f} times")
    if covered.any():
        print(
            f"warning: {params.video}: something covers the mouth in {covered.sum()} frames; "
            "the refiner does not learn from them, and the avatar shows them as they were filmed",
            file=sys.stderr,
        )


if __name__ == "__main__":
    train_generator()
