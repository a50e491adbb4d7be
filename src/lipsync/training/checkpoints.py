"""Checkpoints of one training, in a scratch folder outside of DVC's outs.

DVC deletes a stage's outs before it runs the stage, so a checkpoint that is to survive an
interruption lives in ``${LIPSYNC_SCRATCH:-.scratch}/<stage>/<person>/<fingerprint>/``:

    epoch_00012_step_00000.safetensors   full state after 12 epochs; the newest 3 are kept
    best.safetensors                     full state at the lowest validation value

The fingerprint stands for everything but the number of epochs, so a folder never mixes trainings.
``LIPSYNC_FRESH=1`` deletes what is there.
"""

import os
import re
import sys
from pathlib import Path

import filelock

from lipsync.errors import LipsyncError
from lipsync.training import distributed
from lipsync.training.state import Progress, TrainingState, read_progress

KEEP = 3
_NAME = re.compile(r"epoch_(\d+)_step_(\d+)\.safetensors")


def scratch_folder(stage: str, person: str, fingerprint: str) -> Path:
    """Where checkpoints of this very training live."""
    root = project_folder() / (os.environ.get("LIPSYNC_SCRATCH") or ".scratch")
    return root / stage / person / fingerprint[:16]


def project_folder() -> Path:
    """The working directory, or where DVC copied it from for ``dvc exp run --temp`` or the queue.

    Such copies are thrown away; checkpoints that lived in them could not be continued.
    """
    here = Path.cwd()
    for folder in here.parents:
        if here.relative_to(folder).parts[:3] == (".dvc", "tmp", "exps"):
            return folder
    return here


def start_fresh() -> bool:
    """Whether the user wants nothing to be continued."""
    return os.environ.get("LIPSYNC_FRESH") == "1"


class Checkpoints:
    """Saves and finds checkpoints in ``folder``; holds its lock while open.

    Use as a context manager. A second trainer on the same folder gets a LipsyncError, or waits:
    two experiments that differ in the number of epochs alone share their work. Of several processes
    that train together rank 0 holds the lock and writes; all read.
    """

    def __init__(self, folder: Path, fingerprint: str, *, wait: bool = False) -> None:
        self.folder = folder
        self.fingerprint = fingerprint
        self._lock = filelock.FileLock(folder / "lock")
        self._wait = wait

    def __enter__(self) -> "Checkpoints":
        if not distributed.is_main():
            return self
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._acquire()
            remains = list(self.folder.glob(".*.safetensors"))  # of a process that was killed
            if start_fresh():
                remains += self.folder.glob("*.safetensors")
            for file in remains:
                file.unlink()
        except OSError as error:
            self._lock.release()
            raise LipsyncError(
                f"{self.folder}: cannot write checkpoints: {error.strerror or error}; "
                "set LIPSYNC_SCRATCH to a folder that can be written"
            ) from error
        return self

    def _acquire(self) -> None:
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            if not self._wait:
                raise LipsyncError(
                    f"{self.folder}: another training is using these checkpoints; "
                    "wait for it or stop it"
                ) from None
            print(f"{self.folder}: waits for the training that is using it", file=sys.stderr)
            self._lock.acquire()

    def __exit__(self, *exception: object) -> None:
        self._lock.release()

    def load_newest(self, state: TrainingState, epochs: int) -> None:
        """Take over the newest checkpoint of at most ``epochs`` epochs, if there is one.

        A damaged one is reported on stderr and the one before it used.
        """
        found = distributed.from_main(lambda: self._load_newest(state, epochs))
        if found and not distributed.is_main():
            state.load(self.folder / found, self.fingerprint)

    def _load_newest(self, state: TrainingState, epochs: int) -> str | None:
        """The name of the file that was taken over."""
        for path in self.usable(epochs):
            try:
                state.load(path, self.fingerprint)
            except LipsyncError as error:
                print(f"{error}; it is left out", file=sys.stderr)
                continue
            return path.name
        return None

    def usable(self, epochs: int) -> list[Path]:
        """Checkpoints that can be continued to ``epochs`` epochs, the newest first."""
        saved = sorted(self._saved().items(), reverse=True)
        return [path for position, path in saved if position <= (epochs, 0)]

    def newest_epoch(self, epochs: int) -> int:
        """Finished epochs of the newest usable checkpoint; 0 where there is none."""
        return max(
            (epoch for epoch, step in self._saved() if (epoch, step) <= (epochs, 0)), default=0
        )

    def path(self, progress: Progress) -> Path:
        """The file of a checkpoint with this progress."""
        return self.folder / f"epoch_{progress.epoch:05d}_step_{progress.step:05d}.safetensors"

    def save(self, state: TrainingState) -> None:
        """Write the state under its epoch and step and keep the 3 that were written last."""
        if not distributed.is_main():
            return
        state.save(self.path(state.progress), self.fingerprint)
        written = sorted(self._saved().values(), key=lambda path: path.stat().st_mtime_ns)
        for path in written[:-KEEP]:
            path.unlink(missing_ok=True)

    def save_best(self, state: TrainingState) -> None:
        """Keep this state as the best, unless one that is as good is there.

        A training with fewer epochs, or one taken from DVC's record, may know less of the past than
        the file does.
        """
        if not distributed.is_main():
            return
        path = self.folder / "best.safetensors"
        try:
            if path.exists() and read_progress(path)[0].best_value <= state.progress.best_value:
                return
        except LipsyncError as error:
            print(f"{error}; it is replaced", file=sys.stderr)
        state.save(path, self.fingerprint)

    def _saved(self) -> dict[tuple[int, int], Path]:
        matches = ((_NAME.fullmatch(path.name), path) for path in self.folder.iterdir())
        return {(int(m[1]), int(m[2])): path for m, path in matches if m}
