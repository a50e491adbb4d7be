"""Which stages of a person are fresh or stale, and why: dvc.yaml, and what DVC says of itself."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from lipsync.errors import LipsyncError
from lipsync.lock_holders import holders

_WORDS = {
    "modified": "changed",
    "new": "new",
    "deleted": "missing",
    "not in cache": "not in the cache",
    "changed": "changed",
}

BASE_PEOPLE = "${base.people}"  # the foreach of stages for those whom a base learns from

State = Literal["fresh", "stale", "never", "follows", "unknown"]


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
    """fresh; stale, for its own reasons; never run; or it follows one that is not fresh.

    ``reasons`` of one that follows are the names of the stages before it.
    """

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
            if entry.get("foreach") == BASE_PEOPLE:
                continue  # not a stage of every person
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


def stage_states(
    stages: list[Stage], status: dict[str, Any], person: str, recorded: Collection[str]
) -> list[StageState]:
    """Each stage's state for a person.

    Args:
        status: as `dvc status --json` prints it
        recorded: names of the stages that dvc.lock knows; DVC says of the others, too, that their
            files have changed
    """
    states: list[StageState] = []
    for stage in stages:
        reasons = tuple(reasons_of(status.get(stage.key(person), [])))
        before = [
            other.stage.name
            for other in states
            if other.state != "fresh" and _reads(stage, other.stage)
        ]
        if reasons and stage.key(person) not in recorded:
            states.append(StageState(stage, "never"))
        elif reasons:
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


def writers(project: Path) -> dict[Path, tuple[int, str]]:
    """Outputs that a living DVC is writing: absolute path -> (pid, its command line)."""
    return {
        path: (holder.pid, holder.command)
        for holder in holders(project)
        if holder.lives
        for path in holder.writes
    }


def stages_at_work(
    project: Path, stages: list[Stage], person: str, writing: dict[Path, tuple[int, str]]
) -> set[str]:
    """Names of the stages of a person whose outputs are being written."""
    return {
        stage.name
        for stage in stages
        if any(project / out.replace("${key}", person) in writing for out in stage.outs)
    }
