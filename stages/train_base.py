"""Train SyncNet, motion and refiner over all people of base.people, for others to adapt."""

from pathlib import Path

import torch

from lipsync.base.params import BaseParams
from lipsync.base.people import load_people
from lipsync.base.session import BaseSession
from lipsync.base.train import (
    train_base_generator,
    train_base_motion,
    train_base_syncnet,
    write_base,
)
from lipsync.generator.experts import vgg_if_wanted
from lipsync.generator.params import GeneratorParams
from lipsync.params import Params
from lipsync.stage import shared_stage
from lipsync.training.device import choose_compute, make_deterministic
from lipsync.training.distributed import refuse_several
from lipsync.training.params import ComputeParams, Seed


@shared_stage
def train_base(everything: Params) -> None:
    """Read data/base; write the networks and their history, or that there are none."""
    refuse_several("train_base")
    params = everything.shared()
    compute = choose_compute(params[ComputeParams])
    people = load_people(Path("data/base"), params[BaseParams].people, compute.device)
    if not people:
        write_base(None, {})
        print("base.people is empty: nothing to train")
        return
    make_deterministic(compute.device)
    session = BaseSession(params, people, compute, params[Seed].root)
    vgg, also_read = vgg_if_wanted(params[GeneratorParams])
    torch.manual_seed(session.seed)
    figures = {"syncnet": train_base_syncnet(session)}
    torch.manual_seed(session.seed)
    figures["motion"] = train_base_motion(session)
    torch.manual_seed(session.seed)
    figures["generator"] = train_base_generator(session, vgg, also_read)
    write_base(session, figures)


if __name__ == "__main__":
    train_base()
