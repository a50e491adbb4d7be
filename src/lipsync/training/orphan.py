"""Stop training when the ``dvc`` that started it is gone.

DVC starts a stage through a shell. When DVC is killed (out of memory, a closed session), both live
on: hours of training whose result nobody records, and a scratch folder that stays locked. Linux
could signal the death of a parent, but the parent is the shell; so a thread looks.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

INTERVAL = 1.0  # seconds between two looks
SHELLS = {"sh", "bash", "dash", "zsh", "fish", "ksh", "cmd", "powershell", "pwsh"}


def starter() -> psutil.Process | None:
    """The process of DVC above this one, or None where no DVC started it."""
    if "DVC_STAGE" not in os.environ:
        return None
    for process in psutil.Process().parents():
        if process.name().removesuffix(".exe") not in SHELLS:
            return process
    return None


@contextmanager
def no_orphan() -> Iterator[None]:
    """When DVC goes, act as on SIGTERM; nothing is watched where no DVC started the process.

    The loop answers SIGTERM by finishing its batch and writing a checkpoint.
    """
    process, finished = starter(), threading.Event()

    def watch(process: psutil.Process) -> None:
        while alive(process):
            if finished.wait(INTERVAL):
                return
        print(f"dvc (process {process.pid}) is gone", file=sys.stderr)
        signal.raise_signal(signal.SIGTERM)

    if process is not None:
        threading.Thread(target=watch, args=(process,), name="no_orphan", daemon=True).start()
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
