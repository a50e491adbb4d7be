"""Which stages of a person are fresh or stale, and why: dvc.yaml, and what `dvc status` says."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil
import yaml

from lipsync.errors import LipsyncError

WATCHED = ("dvc.yaml", "dvc.lock", "params.yaml", "src/lipsync", "stages")  # what status depends on
PATIENCE = 600.0  # seconds that `dvc status` may take
RETRY = 20.0  # seconds after which a status that failed is asked for again
_WORDS = {
    "modified": "changed",
    "new": "new",
    "deleted": "missing",
    "not in cache": "not in the cache",
    "changed": "changed",
}

State = Literal["fresh", "stale", "follows", "unknown"]


@dataclass(frozen=True)
class Stage:
    """An entry of dvc.yaml; with ``each``, one for every person, whose name stands for ${key}."""

    name: str
    each: bool
    deps: tuple[str, ...]
    outs: tuple[str, ...]

    def key(self, person: str) -> str:
        """How DVC calls it."""
        return f"{self.name}@{person}" if self.each else self.name


@dataclass(frozen=True)
class StageState:
    """fresh; stale, for its own reasons; or it follows a stage that is stale, named in reasons."""

    stage: Stage
    state: State
    reasons: tuple[str, ...] = ()


def read_stages(project: Path) -> list[Stage]:
    """Stages in dvc.yaml's order; none where there is no dvc.yaml.

    Raises LipsyncError if it cannot be read.
    """
    path = project / "dvc.yaml"
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))["stages"]
        stages = []
        for name, entry in entries.items():
            body = entry.get("do", entry)
            outs = [
                out if isinstance(out, str) else next(iter(out))
                for kind in ("outs", "metrics", "plots")
                for out in body.get(kind, [])
            ]
            each = "foreach" in entry
            stages.append(Stage(name, each, tuple(map(str, body.get("deps", []))), tuple(outs)))
    except FileNotFoundError:
        return []
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        raise LipsyncError(f"{path}: cannot be read as a pipeline; see `dvc status`") from None
    return stages


def stage_states(stages: list[Stage], status: dict[str, Any], person: str) -> list[StageState]:
    """Each stage's state for a person; ``status`` as `dvc status --json` prints it."""
    states: list[StageState] = []
    for stage in stages:
        reasons = tuple(reasons_of(status.get(stage.key(person), [])))
        before = [
            other.stage.name
            for other in states
            if other.state != "fresh" and _reads(stage, other.stage)
        ]
        if reasons:
            states.append(StageState(stage, "stale", reasons))
        elif before:
            states.append(StageState(stage, "follows", tuple(before)))
        else:
            states.append(StageState(stage, "fresh"))
    return states


def reasons_of(entries: list[Any]) -> list[str]:
    """What DVC says of a stage: a few words for each dependency, and one for the results."""
    reasons: list[str] = []
    results: set[str] = set()
    for entry in entries:
        if not isinstance(entry, dict):
            reasons.append(str(entry))
            continue
        for kind, things in entry.items():
            for path, how in things.items() if isinstance(things, dict) else []:
                if isinstance(how, dict):  # params of a file
                    reasons += [f"{key} {_WORDS.get(v, v)}" for key, v in how.items()]
                elif kind == "changed outs":
                    results.add(_WORDS.get(how, str(how)))
                else:
                    reasons.append(f"{path} {_WORDS.get(how, how)}")
    return reasons + [f"results {word}" for word in sorted(results)]


def _reads(stage: Stage, other: Stage) -> bool:
    return any(dep == out or dep.startswith(f"{out}/") for dep in stage.deps for out in other.outs)


def dvc(*arguments: str) -> list[str]:
    """The command line of this Python's own DVC."""
    return [sys.executable, "-m", "dvc", *arguments]


def environment() -> dict[str, str]:
    """Of a child: stages are run by this Python; the page's password stays here."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    ours = {name: value for name, value in os.environ.items() if name != "LIPSYNC_PASSWORD"}
    return ours | {"PATH": programs}


def writers(project: Path) -> dict[Path, tuple[int, str]]:
    """Outputs that a living DVC is writing: absolute path -> (pid, its command line).

    DVC notes them in .dvc/tmp/rwlock for the time that a stage runs.
    """
    try:
        text = (project / ".dvc" / "tmp" / "rwlock").read_text(encoding="utf-8")
        entries = json.loads(text).get("write", {})
        found = {project / path: (int(by["pid"]), str(by["cmd"])) for path, by in entries.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {path: by for path, by in found.items() if psutil.pid_exists(by[0])}


def stages_at_work(
    project: Path, stages: list[Stage], person: str, writing: dict[Path, tuple[int, str]]
) -> set[str]:
    """Names of the stages of a person whose outputs are being written."""
    return {
        stage.name
        for stage in stages
        if any(project / out.replace("${key}", person) in writing for out in stage.outs)
    }


@dataclass
class Status:
    """What was last heard of `dvc status`: None before the first time; an error in one line."""

    stages: dict[str, Any] | None = None
    checked: float = 0.0  # unix seconds
    checking: bool = False
    error: str = ""


@dataclass
class StatusCache:
    """`dvc status` in a process of its own, asked again when params, lock or code have changed.

    Never while a stage runs: DVC needs its lock to record the stage, and gives up after 3 seconds.
    """

    project: Path
    busy: Callable[[], bool]
    _status: Status = field(default_factory=Status)
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
            elif due and not self._status.checking:
                self._signature = signature
                self._status.checking = True
                threading.Thread(target=self._check, name="dvc status", daemon=True).start()
            return Status(**vars(self._status))

    def _check(self) -> None:
        stages, error = ask_status(self.project)
        with self._lock:
            if stages is not None:
                self._status.stages = stages
            self._status.error = error
            self._status.checked = time.time()
            self._status.checking = False

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


def ask_status(project: Path) -> tuple[dict[str, Any] | None, str]:
    """(what `dvc status --json` prints, "") or (None, one line on why not); takes seconds."""
    try:
        result = subprocess.run(
            dvc("status", "--json"),
            cwd=project,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        if result.returncode == 0:
            return dict(json.loads(result.stdout)), ""
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        said = next((line for line in lines if line.startswith("ERROR")), "".join(lines[-1:]))
        return None, said.removeprefix("ERROR: ") or f"exit code {result.returncode}"
    except subprocess.TimeoutExpired:
        return None, f"no answer within {PATIENCE:.0f} seconds"
    except (OSError, ValueError) as error:
        return None, f"no answer: {error}"
