"""Publishing a person's SyncNet, or the whole base, for others to take over."""

import shutil
from pathlib import Path

import torch

from lipsync.alignment.prediction import FPS
from lipsync.base.inherited import (
    BASE,
    BASE_INFO,
    GENERATOR,
    MOTION,
    SHARED,
    SHIPPED,
    SYNCNET,
    read_base,
)
from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.lock_holders import in_one_line
from lipsync.params import SYNCNET_SUFFIX
from lipsync.speech.mel import BANDS, COLUMNS
from lipsync.training.tensors import read_tensors, write_tensors

BASE_NAME = "base"  # which no person may have


def share_syncnet(person: str) -> Path:
    """Copy the SyncNet to ``models/shared`` and have DVC track it; the copy's path.

    Raises:
        LipsyncError: it was not trained yet, or DVC cannot track the copy.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    source = Path("models") / person / SYNCNET
    if not source.is_file():
        raise LipsyncError(
            f"{source}: no such file; run `dvc repro train_syncnet@{person}` or `dvc pull`"
        )
    target = SHARED / f"{person}{SYNCNET_SUFFIX}"
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)
    try:
        with Repo() as repo:
            repo.add(target.as_posix())
    except DvcException as error:
        reason = in_one_line(error, Path())
        raise LipsyncError(f"{target}: DVC cannot track it: {reason}") from error
    return target


def share_base() -> Path:
    """Copy the base's networks to ``models/shared/base``, weights in half precision; that folder.

    It is part of the project, so git tracks it.

    Raises:
        LipsyncError: there is no base, it learned from other audio features or another frame rate
            than offsets are measured with, or one of its files is damaged.
    """
    info = read_base()
    if not info["people"]:
        raise LipsyncError(
            f"{BASE}: a base of nobody; name people in base.people and run `dvc repro train_base`"
        )
    kind = info["kind"]
    if (kind["frames.fps"], kind["the number of speech features"]) != (FPS, COLUMNS * BANDS):
        raise LipsyncError(
            f"{BASE}: a base that ships also measures offsets, so it needs speech.encoder: mel and "
            f"frames.fps: {FPS:.0f}; set them, or keep your base in base.people"
        )
    networks = {name: read_tensors(BASE / name) for name in (SYNCNET, MOTION, GENERATOR)}
    for name, (header, tensors) in networks.items():
        header.pop("sha256")
        write_tensors(
            SHIPPED / name, {key: _halved(value) for key, value in tensors.items()}, header
        )
    with atomic_path(SHIPPED / BASE_INFO) as temporary:
        shutil.copyfile(BASE / BASE_INFO, temporary)
    return SHIPPED


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    """Matrices in half precision; what there is little of stays exact."""
    return tensor.half() if tensor.dtype == torch.float32 and tensor.dim() > 1 else tensor
