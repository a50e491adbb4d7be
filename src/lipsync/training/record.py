"""The full state that DVC has on record, as something to go on from.

On another machine, in a fresh clone and in the folders of ``dvc exp run --temp`` and of the queue
there are no checkpoints. But the full state of the last finished training is an out of its stage:
dvc.lock names it, and the cache or the remote has it. If it belongs to the very training that is
about to start, it is as good as a checkpoint.
"""

import os
import sys
from pathlib import Path
from typing import BinaryIO, cast

from lipsync.files import atomic_path
from lipsync.training.checkpoints import Checkpoints
from lipsync.training.state import progress_from
from lipsync.training.tensors import read_header_from

REVISIONS = (None, "HEAD")  # dvc.lock as it lies in the working tree, then as it was committed


def take_from_record(checkpoints: Checkpoints, full_state: Path, epochs: int) -> None:
    """Copy the recorded state among the checkpoints, if it is ahead of them.

    Only the beginning of the file is read to find that out, so a remote is not pulled in vain.
    What stands in the way is told on stderr; then the checkpoints are all there is.

    Args:
        full_state: path of the out, relative to the project's folder
        epochs: that are wanted; a state beyond them is of no use
    """
    for revision in REVISIONS:
        try:
            _take(checkpoints, full_state, epochs, revision)
        except FileNotFoundError:  # not in this revision, or in no cache and no remote
            continue
        except Exception as error:  # noqa: BLE001 - a remote has errors of its own, of any type
            reason = " ".join(str(error).split())
            print(
                f"{full_state}: what DVC has on record cannot be used: "
                f"{type(error).__name__}: {reason}",
                file=sys.stderr,
            )


def open_recorded(path: Path, revision: str | None) -> BinaryIO:
    """Open what DVC has on record of an out, in the cache or the remote.

    The project may be a folder of a larger repository, and have a `.dvc` of its own or not.

    Args:
        path: relative to the project's folder, which is the working directory
        revision: of git; None: the working tree
    Raises FileNotFoundError if there is no record, and what a remote raises.
    """
    from dvc.api import DVCFileSystem

    system = DVCFileSystem(rev=revision, subrepos=True)
    place = path.as_posix()
    if revision is not None:  # then paths begin at git's top, not in the working directory
        place = f"/{Path(os.path.relpath(path, system.repo.scm.root_dir)).as_posix()}"
    return cast(BinaryIO, system.open(place, "rb"))


def _take(checkpoints: Checkpoints, full_state: Path, epochs: int, revision: str | None) -> None:
    with open_recorded(full_state, revision) as file:
        progress, fingerprint = progress_from(read_header_from(file))
        ahead = checkpoints.newest_epoch(epochs) < progress.epoch <= epochs
        if fingerprint != checkpoints.fingerprint or not ahead:
            return
        file.seek(0)
        content = file.read()
    with atomic_path(checkpoints.path(progress)) as temporary:
        temporary.write_bytes(content)
