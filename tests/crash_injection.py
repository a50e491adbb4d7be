"""A stage that is killed with SIGKILL at a chosen moment, in a process of its own.

Processes are forked from a server that has imported everything, so that a dozen deaths take
seconds. The moments are reached by wrapping what the stage calls; nothing in it knows of them.
"""

import multiprocessing
import os
import runpy
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "dvc.repo",
        "dvclive",
        "lipsync.generator.task",
        "lipsync.syncnet.task",
        "lipsync.training.session",
        "matplotlib.figure",
        "tests.crash_injection",
    ]
)


@dataclass(frozen=True)
class CrashPoint:
    """When to die.

    Attributes:
        moment: "batch": in the ``count``-th step, before the optimiser moves; "write": when the
            ``count``-th safetensors file is half written; "rename": complete, but not yet under its
            name; "history": after model and state, before the metrics; "plot": amid the metrics;
            "seconds": after so many, wherever that is; "never"
    """

    moment: Literal["batch", "write", "rename", "history", "plot", "seconds", "never"]
    count: float = 1


def run_stage(folder: Path, script: str, crash: CrashPoint, *person: str) -> int:
    """Exit code of ``stages/<script>.py <person>`` in ``folder``; -SIGKILL when it was killed."""
    process = _FORKS.Process(target=_live, args=(folder, script, crash, *person))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _live(folder: Path, script: str, crash: CrashPoint, *person: str) -> None:
    os.chdir(folder)
    log = os.open("stage.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.pop("LIPSYNC_SCRATCH", None)
    sys.argv = [f"stages/{script}.py", *person]
    _prepare(crash)
    runpy.run_path(sys.argv[0], run_name="__main__")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _prepare(crash: CrashPoint) -> None:
    """Wrap what the stage calls, so that the crash comes true."""
    from lipsync.training import history, session, state

    seen = 0

    def is_now() -> bool:
        nonlocal seen
        seen += 1
        return seen == crash.count

    if crash.moment == "seconds":
        timer = threading.Timer(crash.count, _die)
        timer.daemon = True
        timer.start()
    elif crash.moment == "batch":
        clip = state.nn.utils.clip_grad_norm_

        def dying_clip(*args, **kwargs):
            if is_now():
                _die()
            return clip(*args, **kwargs)

        state.nn.utils.clip_grad_norm_ = dying_clip
    elif crash.moment in ("write", "rename"):
        write = Path.write_bytes

        def dying_write(path, data):
            if path.suffix != ".safetensors" or not is_now():
                return write(path, data)
            write(path, data if crash.moment == "rename" else data[: len(data) // 2])
            return _die()

        Path.write_bytes = dying_write
    elif crash.moment == "history":
        session.write_history = lambda *args: _die()
    elif crash.moment == "plot":
        history.plot_losses = lambda *args: _die()
