"""This machine as an engine: a `dvc repro -s` process for each step, its log in a file."""

import os
import shutil
import subprocess
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.lock_holders import locked_out
from lipsync.running.child import Child, said
from lipsync.running.command import environment
from lipsync.running.graph import Step
from lipsync.running.scheduler import Ended, Share
from lipsync.telemetry import scratch_root


class Process:
    """A step on this machine; ``gpu``: the one that is lent to it, "" for none."""

    def __init__(self, project: Path, step: Step, log: Path, env: dict[str, str], gpu: str) -> None:
        self.gpu = gpu
        self._project, self._log = project, log
        log.unlink(missing_ok=True)
        arguments = ["repro", "-s", step.name]
        self._child = Child(project, step, arguments, log, env, scratch_root(project))

    @property
    def alive(self) -> bool:
        return self._child.code is None

    def ended(self) -> Ended | None:
        code = self._child.code
        if code is None:
            return None
        text = said(self._log)
        if code and (who := locked_out(text, self._project)):
            text += f"\nERROR: {who}\n"
        return Ended(code, text)

    def share(self) -> Share | None:
        return self._child.share()

    def stop(self) -> None:
        self._child.stop()


class LocalEngine:
    """Processes on this machine; at most one step at a time on each GPU.

    Args:
        threads: of torch, for each step; None is as many as `dvc repro` takes here. The bytes of a
            training depend on it (docs/scale.md).
        gpus: their names for CUDA_VISIBLE_DEVICES; with none, steps that compute share the cores
        crowded: whether steps will share cores
    """

    def __init__(
        self, project: Path, threads: int | None, gpus: list[str], *, crowded: bool
    ) -> None:
        self._project, self._gpus = project, gpus
        self._works: list[Process] = []
        self._environment = environment(**threads_environment(threads, crowded=crowded))
        self._logs = log_folder(project)

    def has_room(self, step: Step) -> bool:
        return not (step.gpu and self._gpus) or bool(self._free())

    def begin(self, step: Step) -> Process:
        gpu = self._free()[0] if step.gpu and self._gpus else ""
        env = self._environment | ({"CUDA_VISIBLE_DEVICES": gpu} if gpu else {})
        work = Process(self._project, step, self._logs / log_name(step), env, gpu)
        self._works.append(work)
        return work

    def _free(self) -> list[str]:
        lent = {work.gpu for work in self._works if work.alive}
        return [gpu for gpu in self._gpus if gpu not in lent]


def threads_environment(threads: int | None, *, crowded: bool) -> dict[str, str]:
    """OpenMP's settings of a step.

    Threads that wait for each other by spinning bring shared cores to a near halt; sleeping ones do
    not, and compute the same bytes. What the user has set is left alone.
    """
    wanted = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    if crowded and "OMP_WAIT_POLICY" not in os.environ:
        wanted["OMP_WAIT_POLICY"] = "PASSIVE"
    return wanted


def torch_threads() -> int:
    """As many as torch takes in a `dvc repro` that is started here."""
    try:
        return max(1, int(os.environ["OMP_NUM_THREADS"].split(",")[0]))
    except (KeyError, ValueError):
        return available_cores()


def available_cores() -> int:
    """Of this machine, that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def visible_gpus() -> list[str]:
    """GPUs that CUDA would find, as CUDA_VISIBLE_DEVICES calls them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip() not in ("", "-1")]
    if not (tool := shutil.which("nvidia-smi")):
        return []
    asked = subprocess.run(
        [tool, "--query-gpu=index", "--format=csv,noheader"], capture_output=True, text=True
    )
    return asked.stdout.split() if asked.returncode == 0 else []


def log_name(step: Step) -> str:
    return f"{step.name.replace('/', '_').replace(':', '_')}.log"


def log_folder(project: Path) -> Path:
    """Where each step's log lies, named like the step; made if need be."""
    folder = scratch_root(project) / "run"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LipsyncError(
            f"{folder}: {error.strerror}; set LIPSYNC_SCRATCH to a folder that can be written"
        ) from None
    return folder
