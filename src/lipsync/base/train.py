"""The three trainings of the base, and what they leave in ``models/base/networks``.

    base.json                  who taught it, and what crops and speech have to be like
    syncnet.safetensors        EMA weights, and held-out top-1 over all people
    motion.safetensors         EMA weights of the motion network, and the basis of expressions
    generator.safetensors      EMA weights of the refiner; a factor of detail of 1, for who adapts
                               the base finds their own
    *_state.safetensors        full states

Without people there is base.json alone.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from lipsync.base.inherited import BASE, BASE_INFO, GENERATOR, MOTION, SYNCNET
from lipsync.base.motion import motion_people
from lipsync.base.params import BaseParams
from lipsync.base.session import HISTORY, BaseSession, statistics
from lipsync.base.task import GeneratorsTogether
from lipsync.files import atomic_path
from lipsync.generator.experts import drop_sync_loss_at_chance
from lipsync.generator.model import Refiner
from lipsync.generator.params import GeneratorParams
from lipsync.generator.perceptual import VGGFeatures
from lipsync.generator.task import GeneratorTask
from lipsync.generator.weights import save_generator
from lipsync.motion.adaptation import MotionBase, save_motion_base
from lipsync.motion.model import MotionNet
from lipsync.motion.params import MotionParams
from lipsync.motion.task import MotionTask
from lipsync.syncnet.model import SyncNet
from lipsync.syncnet.params import SyncNetParams
from lipsync.syncnet.score import AVERAGE
from lipsync.syncnet.task import SyncNetTask, held_out_scan
from lipsync.syncnet.trust import measure_trust
from lipsync.syncnet.weights import load_syncnet, save_syncnet
from lipsync.training.split import in_one_row
from lipsync.training.together import Together

FIGURES = Path("metrics/base/figures/metrics.json")


def train_base_syncnet(session: BaseSession) -> dict[str, Any]:
    """Train and write the base's SyncNet; its figures."""
    chosen, people, data = session.params[SyncNetParams], session.people, session.people[0].data
    model = SyncNet(data.size, data.speech_dimension, **chosen.architecture())
    model.standardize.take(*session.speech_statistics())
    model.to(session.device)
    tasks = {
        person.name: SyncNetTask(
            model, person.data, person.split, chosen, session.compute, session.seed
        )
        for person in people
    }
    # SyncNet needs many moments of a person: 3 s, looked at a hundred times, taught nothing.
    task = Together(tasks, session.seed, evenly=False)
    state = session.train("syncnet", model, task, chosen, chosen.epochs)
    averaged = state.ema
    assert isinstance(averaged, SyncNet)
    scans = [held_out_scan(averaged, each.data, each.held_out) for each in tasks.values()]
    starts = in_one_row([each.held_out for each in tasks.values()])
    trust = measure_trust(np.concatenate(scans), starts, AVERAGE, data.fps)
    save_syncnet(BASE / SYNCNET, averaged, trust)
    print(f"syncnet {trust}")
    return session.write_history("syncnet", state, {"top1_low": trust.low, "top1_high": trust.high})


def train_base_motion(session: BaseSession) -> dict[str, Any]:
    """Train and write the base's motion network; its figures."""
    chosen, first = session.params[MotionParams], session.people[0].data
    basis, people = motion_people([each.speaker for each in session.people])
    model = MotionNet(
        first.speech_dimension, first.instants, len(basis.components), **chosen.architecture()
    )
    parts = [person.data.rows(person.split.training) for person in people]
    model.standardize.take(*statistics(parts))
    model.to(session.device)
    tasks = {
        person.name: MotionTask(model, person.data, person.split, chosen, session.seed, of="base")
        for person in people
    }
    state = session.train("motion", model, Together(tasks, session.seed), chosen, chosen.epochs)
    averaged = state.ema
    assert isinstance(averaged, MotionNet)
    save_motion_base(BASE / MOTION, MotionBase(averaged.cpu(), basis))
    return session.write_history("motion", state, {})


def train_base_generator(
    session: BaseSession, vgg: VGGFeatures | None, also_read: dict[str, Path]
) -> dict[str, Any]:
    """Train and write the base's refiner; its figures.

    Args:
        vgg: on the CPU, for the perceptual loss in place of SyncNet
        also_read: files whose content the training is a function of
    """
    people, device = session.people, session.device
    chosen = drop_sync_loss_at_chance(session.params[GeneratorParams], BASE / SYNCNET)
    syncnet = load_syncnet(BASE / SYNCNET).to(device)
    model = Refiner(people[0].data.size, **chosen.architecture()).to(device)
    vgg = vgg.to(device) if vgg else None
    tasks = {
        person.name: GeneratorTask(
            model,
            syncnet,
            person.data,
            person.material,
            person.exemplars(chosen.exemplars),
            person.split,
            chosen,
            session.compute,
            session.seed,
            vgg,
        )
        for person in people
    }
    task = GeneratorsTogether(tasks, session.seed)
    epochs = session.params[BaseParams].epochs
    # What the SyncNet says is in the losses, so another one makes another training.
    also_read = also_read | {"syncnet": BASE / SYNCNET}
    state = session.train("generator", model, task, chosen, epochs, also_read)
    assert isinstance(state.ema, Refiner)
    save_generator(BASE / GENERATOR, state.ema, detail=1.0)
    return session.write_history("generator", state, {"sync_weight": chosen.losses.sync})


def write_base(session: BaseSession | None, figures: dict[str, Any]) -> None:
    """Write base.json and the stage's metrics; without a session, that there is no base."""
    people = session.people if session else []
    info: dict[str, Any] = {"people": [person.name for person in people]}
    info |= {"kind": people[0].data.kind} if people else {}
    for path, content in ((BASE / BASE_INFO, info), (FIGURES, {"people": len(people)} | figures)):
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    HISTORY.mkdir(parents=True, exist_ok=True)
