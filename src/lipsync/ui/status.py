"""`dvc status`, asked in the background, never beside a run of DVC."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lipsync.lock_holders import in_one_line
from lipsync.running.command import dvc, environment, reason

WATCHED = ("dvc.yaml", "dvc.lock", "params.yaml", "src/lipsync", "stages")  # what status depends on
PATIENCE = 600.0  # seconds that `dvc status` may take
SIGINT_TIMEOUT = 10.0  # seconds that one may take to end after SIGINT
RETRY = 20.0  # seconds after which a status that failed is asked for again


@dataclass
class Status:
    """What was last heard of `dvc status`: None before the first time; an error in one line."""

    stages: dict[str, Any] | None = None
    checked: float = 0.0  # unix seconds
    checking: bool = False
    error: str = ""


class Check:
    """One `dvc status`, begun when made. Raises OSError if it cannot be."""

    def __init__(self, project: Path) -> None:
        self.stopped, self._project = False, project
        self._process = subprocess.Popen(
            dvc("status", "--json"),
            cwd=project,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def answer(self) -> tuple[dict[str, Any] | None, str]:
        """(what `dvc status --json` prints, "") or (None, one line on why not); takes seconds."""
        try:
            out, err = self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            return None, f"no answer within {PATIENCE:.0f} seconds"
        if self._process.returncode == 0:
            try:
                return dict(json.loads(out)), ""
            except (ValueError, TypeError) as error:
                return None, f"no answer: {error}"
        why = in_one_line(reason(err), self._project)
        return None, why or f"exit code {self._process.returncode}"

    def stop(self) -> None:
        """End it as Ctrl+C would, or by SIGKILL; it holds no lock of DVC's afterwards."""
        self.stopped = True
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(SIGINT_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass
class StatusCache:
    """`dvc status` in a process of its own, asked again when params, lock or code have changed.

    Never while DVC runs: a run that finds DVC's lock taken, at its start or when it records a
    stage, gives up after 3 seconds.

    Attributes:
        busy: whether a DVC is at work in the project; called with the cache locked
    """

    project: Path
    busy: Callable[[], bool]
    _status: Status = field(default_factory=Status)
    _check: Check | None = None
    _signature: object = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self, again: bool = False) -> Status:
        """What is known now, at once; a check is begun in a thread where it is due, or wanted."""
        with self._lock:
            signature = self._now()
            failed = self._status.error and time.time() - self._status.checked > RETRY
            due = again or failed or signature != self._signature
            if self.busy():
                self._signature = None  # a run may change what no watched file tells
            elif due and self._check is None:
                self._signature = signature
                self._begin()
            return Status(**vars(self._status))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """No check runs or begins inside; one that runs is stopped, and made again afterwards.

        Whoever starts a DVC here does so inside, and is ``busy`` before it leaves.
        """
        with self._lock:
            if self._check is not None:
                self._check.stop()
                self._check, self._signature, self._status.checking = None, None, False
            yield

    def close(self) -> None:
        """Stop the check that runs, if one does."""
        with self.paused():
            pass

    def _begin(self) -> None:
        try:
            self._check = Check(self.project)
        except OSError as error:
            self._status.error, self._status.checked = f"no answer: {error}", time.time()
            return
        self._status.checking = True
        threading.Thread(
            target=self._finish, args=(self._check,), name="dvc status", daemon=True
        ).start()

    def _finish(self, check: Check) -> None:
        stages, error = check.answer()
        with self._lock:
            if check.stopped:
                return  # what it said is of its being stopped
            if stages is not None:
                self._status.stages = stages
            self._status.error = error
            self._status.checked = time.time()
            self._check, self._status.checking = None, False

    def _now(self) -> object:
        """Sizes and times of the files that a status depends on."""
        files = []
        for name in WATCHED:
            top = self.project / name
            files += [top] if top.is_file() else sorted(top.rglob("*.py"))
        return [(file, s.st_mtime_ns, s.st_size) for file in files if (s := _stat(file))]


def _stat(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:
        return None  # gone meanwhile
