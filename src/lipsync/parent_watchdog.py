"""Stop a stage when the ``dvc`` that started it is gone, or torchrun's process above it.

DVC starts a stage through a shell. When DVC is killed (out of memory, a closed session), both live
on: hours of training whose result nobody records, and a scratch folder that stays locked. Linux
could signal the death of a parent, but the parent is the shell; so a thread looks.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

# Who started this process, by a variable that each sets for those that it starts. Torchrun is the
# first to be asked: DVC's variable reaches those below it as well.
MARKS = {"torchrun": "TORCHELASTIC_RUN_ID", "dvc": "DVC_STAGE"}
INTERVAL = 1.0  # seconds between two looks
SHELLS = {"sh", "bash", "dash", "zsh", "fish", "ksh", "cmd", "powershell", "pwsh"}


def starter() -> psutil.Process | None:
    """The process of DVC above this one; None where no DVC started it, or where it is gone."""
    parents = psutil.Process().parents()
    for process in parents:
        if any(Path(word).stem == "dvc" for word in _command(process)[:3]):
            return process
    # A program that uses DVC's Python API, like a notebook: the first one that is no shell.
    for process in parents:
        if process.pid != 1 and process.name().removesuffix(".exe") not in SHELLS:
            return process
    return None


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@contextmanager
def ends_with_parent() -> Iterator[None]:
    """When DVC goes, act as on SIGTERM; nothing is watched where no DVC started the process.

    One of several processes that torchrun started watches torchrun's, which watches DVC, or passes
    its signals on: a second SIGTERM would leave no time for a checkpoint.

    A training answers SIGTERM by finishing its batch and writing a checkpoint, any other stage by
    ending.
    """
    finished = threading.Event()

    def watch(process: psutil.Process | None) -> None:
        while process is not None and alive(process):
            if finished.wait(INTERVAL):
                return
        signal.raise_signal(signal.SIGTERM)
        with suppress(OSError):  # the terminal may have gone with DVC
            os.write(2, b"dvc is gone\n" if watched != "torchrun" else b"torchrun is gone\n")

    watched = next((who for who, mark in MARKS.items() if mark in os.environ), None)
    if watched:
        above = starter() if watched == "dvc" else psutil.Process().parent()
        thread = threading.Thread(target=watch, args=(above,), name="parent watchdog", daemon=True)
        thread.start()
    try:
        yield
    finally:
        finished.set()


def alive(process: psutil.Process) -> bool:
    """Whether it still runs; a dead one whose parent has not asked for its exit code does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
