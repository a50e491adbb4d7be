"""Publishing a person's SyncNet for others to take over."""

import shutil
from pathlib import Path

from lipsync.base.inherited import SHARED, SYNCNET
from lipsync.errors import LipsyncError, first_line
from lipsync.files import atomic_path
from lipsync.params import SYNCNET_SUFFIX


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
        raise LipsyncError(f"{target}: DVC cannot track it: {first_line(error)}") from error
    return target
