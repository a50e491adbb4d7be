"""The full state that DVC has on record, as something to go on from.

On another machine, in a fresh clone and in the folders of ``dvc exp run --temp`` and of the queue
there are no checkpoints. But the full state of the last finished training is an out of its stage:
dvc.lock names it, and the cache or the remote has it. If it belongs to the very training that is
about to start, it is as good as a checkpoint.
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from lipsync.files import atomic_path
from lipsync.training.checkpoints import Checkpoints
from lipsync.training.state import progress_from
from lipsync.training.tensors import read_header_from

REVISIONS = (None, "HEAD")  # dvc.lock as it lies in the working tree, then as it was committed


def take_from_record(checkpoints: Checkpoints, full_state: Path, epochs: int) -> None:
    """Copy the recorded state among the checkpoints, if it can be continued to ``epochs``.

    Only the beginning of the file is read to find that out, so a remote is not pulled in vain.
    Whatever stands in the way is told on stderr, and the training starts at the beginning.

    Args:
        full_state: path of the out, relative to the project's folder
    """
    try:
        for file in recorded(full_state):
            header = read_header_from(file)
            progress, mark = progress_from(header)
            if mark == checkpoints.fingerprint and progress.epoch <= epochs:
                file.seek(0)
                with (
                    atomic_path(checkpoints.path(progress)) as temporary,
                    temporary.open("wb") as copy,
                ):
                    shutil.copyfileobj(file, copy)
                return
    except Exception as error:  # noqa: BLE001 - a remote has errors of its own, of any type
        print(
            f"{full_state}: what DVC has on record cannot be used, so training starts at epoch 1: "
            f"{type(error).__name__}: {error}",
            file=sys.stderr,
        )


def recorded(full_state: Path) -> Iterator[BinaryIO]:
    """The out as each of ``REVISIONS`` has it, open for reading, from cache or remote."""
    from dvc.api import DVCFileSystem

    for revision in REVISIONS:
        system = DVCFileSystem(rev=revision)
        try:
            file = system.open(full_state.as_posix(), "rb")
        except FileNotFoundError:  # not in this revision, or in no cache and no remote
            continue
        with file:
            yield file
