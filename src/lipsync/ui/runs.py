"""Starting `dvc repro` for a person, and stopping a training as Ctrl+C would.

A run lives in a process group of its own and goes on when the page ends. Stopping sends one SIGINT:
a second one would end the training without its checkpoint. `.scratch/page/run.json` says what was
started last, so that a page that is started later shows it and can stop it.
"""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.lock_holders import in_one_line
from lipsync.pipeline import read_stages, writers
from lipsync.processes import created
from lipsync.running.command import dvc, environment, lipsync, reason
from lipsync.telemetry import Telemetry, newest_telemetry, scratch_root, training_process
from lipsync.ui.adopted import UNKNOWN, Adopted, Process

TRAININGS = ("train_syncnet", "train_motion", "train_generator")
What = Literal["generator", "everything", "person"]


@dataclass
class Run:
    """One `dvc repro` of this page, or `lipsync run` where ``what`` is "person"."""

    person: str
    what: What
    process: Process
    log: Path
    started: float  # unix seconds
    stopped: bool = False  # whether somebody asked
    project: Path = Path()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def outcome(self) -> str:
        """One line; of one that has ended, how."""
        if self.alive:
            return "stopping after this batch" if self.stopped else "running"
        if self.process.returncode == 0:
            return "finished"
        if self.stopped:
            return "stopped; what was trained is kept, and starting again goes on from there"
        why = in_one_line(reason(self.tail(40)), self.project)
        if self.process.returncode == UNKNOWN:
            return f"ended while no page was open; it said last: {why or 'nothing'}"
        return f"failed: {why or f'exit code {self.process.returncode}'}"

    def tail(self, lines: int) -> str:
        """The last lines of what it said."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - 20_000))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return ""
        return "\n".join(text.replace("\r", "\n").splitlines()[-lines:])


@dataclass
class Runs:
    """Of one page; at most one at a time, whoever clicks at once.

    Attributes:
        quiet: a run is started inside it, with no `dvc status` of the page beside
    """

    project: Path
    quiet: Callable[[], AbstractContextManager[None]] = nullcontext
    current: Run | None = None
    _signalled: set[tuple[int, float]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, person: str, what: What) -> None:
        """`dvc repro` of a person's trainings or of all the stages, or `lipsync run` of the person.

        Raises LipsyncError if a run of this page or another DVC is at work here, or there is no
        pipeline.
        """
        with self._lock:
            self._start(person, what)

    def refuse_if_busy(self) -> None:
        """LipsyncError if a run of this page, or another DVC, is at work in the project."""
        if self.current is not None and self.current.alive:
            raise LipsyncError(f"{self.current.person} is being trained; stop that, or wait for it")
        for pid, command in writers(self.project).values():
            raise LipsyncError(
                f"DVC is at work in this project already (process {pid}: {command}); wait for it"
            )

    def _start(self, person: str, what: What) -> None:
        self.refuse_if_busy()
        stages = [stage for stage in read_stages(self.project) if stage.each]
        names = [stage.name for stage in stages]
        wanted = [n for n in TRAININGS if n in names] if what == "generator" else names
        if not wanted:
            raise LipsyncError("dvc.yaml: no pipeline in this folder; start the page in a project")
        command = dvc("repro", *(f"{name}@{person}" for name in wanted))
        if what == "person":
            command = lipsync("run", person)
        log = scratch_root(self.project) / "page" / f"{person}.log"
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("wb") as output, self.quiet():
                process = subprocess.Popen(
                    command,
                    cwd=self.project,
                    env=environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                self.current = Run(person, what, process, log, time.time(), project=self.project)
            self._remember(self.current)
        except OSError as error:
            raise LipsyncError(f"{log}: {error.strerror}; the training was not started") from None

    def restore(self) -> None:
        """Take over what a page before this one has started last."""
        try:
            told: dict[str, Any] = json.loads(self._memory.read_text(encoding="utf-8"))
            process = Adopted(int(told.pop("pid")), float(told.pop("created")))
            log = Path(told.pop("log"))
            self.current = Run(**told, process=process, log=log, project=self.project)
        except (OSError, ValueError, KeyError, TypeError):
            return  # there is none, or it is of another version

    @property
    def _memory(self) -> Path:
        return scratch_root(self.project) / "page" / "run.json"

    def _remember(self, run: Run) -> None:
        told = {
            "person": run.person,
            "what": run.what,
            "pid": run.process.pid,
            "created": created(run.process.pid),
            "log": str(run.log),
            "started": run.started,
            "stopped": run.stopped,
        }
        with atomic_path(self._memory) as temporary:
            temporary.write_text(json.dumps(told), encoding="utf-8")

    def stop(self, person: str) -> str:
        """Stop what is run for a person; one line on what was done.

        Raises LipsyncError if nothing runs, or it is not this user's to stop.
        """
        with self._lock:
            return self._stop(person)

    def _stop(self, person: str) -> str:
        run = self.current
        if run is not None and run.alive and run.person == person:
            if not run.stopped:
                run.stopped = True
                try:
                    os.killpg(run.process.pid, signal.SIGINT)
                except ProcessLookupError:
                    run.stopped = False  # it came to its own end
                    return f"{person}: it has ended meanwhile"
                self._remember(run)
            return "stopping after this batch; the checkpoint is written first"
        for telemetry in trainings(self.project, person):
            process = training_process(telemetry)
            if process is not None:
                self._interrupt(process, telemetry)
                return (
                    f"{telemetry.stage} (process {process.pid}, not started here) stops after this "
                    "batch; the checkpoint is written first"
                )
        raise LipsyncError(f"{person}: no training runs that could be stopped")

    def _interrupt(self, process: psutil.Process, telemetry: Telemetry) -> None:
        """Once. The stage alone: who knows what else is in a stranger's process group."""
        mark = (process.pid, telemetry.started)
        if mark in self._signalled:
            return
        try:
            words = process.cmdline()
            script = any(word.endswith(f"{telemetry.stage}.py") for word in words)
            if not script or telemetry.person not in words:
                raise LipsyncError(f"process {process.pid} is not {telemetry.stage}; left alone")
            process.send_signal(signal.SIGINT)
        except psutil.AccessDenied:
            raise LipsyncError(
                f"{telemetry.stage} (process {process.pid}) is another user's; only they stop it"
            ) from None
        except psutil.NoSuchProcess:
            return  # it has ended meanwhile
        self._signalled.add(mark)


def trainings(project: Path, person: str) -> list[Telemetry]:
    """What the trainings of a person last said of themselves, in the order of the pipeline."""
    found = (newest_telemetry(project, stage, person) for stage in TRAININGS)
    return [telemetry for telemetry in found if telemetry is not None]
