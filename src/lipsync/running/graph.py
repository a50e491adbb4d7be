"""Which stages there are, what waits for what, and which are stale: as DVC itself sees it.

dvc.yaml stays the only place that knows stages; nothing here names one, but for `OPTIONAL`.
"""

import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lipsync.errors import LipsyncError
from lipsync.lock_holders import explain_lock, in_one_line

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc.stage import Stage
    from networkx import DiGraph

# (stage, the one it waits for): key under people.<p> without which it need not. `inherit` reads the
# folder models/base, base or no base, for DVC knows no dep that hangs on a param; a person who does
# not build on the base is not held up by its training. Such a stage comes before the other one, as
# DVC lets none read what another writes; the last round runs it again if that changed its dep.
OPTIONAL = {("inherit", "train_base"): "base"}


@dataclass(frozen=True)
class Input:
    """What a step reads of another's outs. ``cached``: the cache, and so a remote, has it."""

    path: str
    step: str
    cached: bool


@dataclass(frozen=True)
class Step:
    """A stage of one person, one that belongs to nobody, or a .dvc file.

    Attributes:
        name: as DVC calls it
        stage, person: its two halves; no person is ""
        after: names of the steps that it waits for
        behind: names of the steps that have to be over before, however they ended: DVC lets none
            read what another one writes
        stale: for a reason of its own; one that follows a stale step may turn out to be
        gpu: it computes, and compute.device lets it use a GPU
        computes: torch works in it, so its bytes depend on the number of threads
        inputs: of other steps
        sources: paths that it reads and no step makes
        uncached: its outs that git keeps, not DVC
    """

    name: str
    stage: str
    person: str
    after: frozenset[str]
    stale: bool
    gpu: bool = False
    computes: bool = False
    inputs: tuple[Input, ...] = ()
    sources: tuple[str, ...] = ()
    uncached: tuple[str, ...] = ()
    behind: frozenset[str] = frozenset()


def read_steps(
    project: Path, people: Sequence[str] | None = None, *, missing_is_stale: bool = True
) -> list[Step]:
    """The steps of people and all that they wait for, each after those.

    Args:
        people: names; None for all that `dvc repro` would bring up to date
        missing_is_stale: False takes an out that is not here, but in dvc.lock, for fresh

    Raises LipsyncError if DVC cannot read the pipeline or is at work in it, or there is no stage of
    a person.
    """
    from dvc.dvcfile import PROJECT_FILE
    from dvc.repo.reproduce import get_active_graph
    from networkx import ancestors, descendants, topological_sort

    with locked_repo(project) as repo:
        graph = get_active_graph(repo.index.graph)  # an edge goes to what a stage waits for
        names = {stage: _name(stage, project) for stage in graph}
        params = {stage: _params(stage) for stage in graph}
        cut = _cut_optional(graph, names, params)
        main = (project / PROJECT_FILE).resolve()
        wanted = {
            stage
            for stage in graph
            if Path(stage.path).resolve() == main
            and (people is None or _person(names[stage]) in people)
        }
        if not wanted and not people:
            raise LipsyncError(f"{PROJECT_FILE}: no pipeline in this folder; run in a project's")
        for person in people or ():
            if not any(_person(names[stage]) == person for stage in wanted):
                raise LipsyncError(f"{PROJECT_FILE}: no stage of {person} in there")
        chosen = wanted.union(*(descendants(graph, stage) for stage in wanted))
        behind: dict[Stage, set[Stage]] = {}
        apart = graph.copy()
        for reader, writer in cut:  # of stages that do not wait for each other otherwise
            if reader not in ancestors(apart, writer) | descendants(apart, writer):
                apart.add_edge(writer, reader)
                behind.setdefault(writer, set()).add(reader)
        order = [stage for stage in topological_sort(apart.reverse()) if stage in chosen]
        stale = {stage: stage.changed(allow_missing=not missing_is_stale) for stage in order}
        # What such a stage would read of the other one is not there yet, unless it is fresh.
        unread = {(names[r], names[w]) for r, w in cut if stale.get(w, True)}
        outs = _Outs(graph)
        position = {stage: i for i, stage in enumerate(repo.index.stages)}
        steps = []
        for stage in order:
            read = tuple(outs.read_by(stage, names, project))
            made = {item.path for item in read}
            inputs = tuple(item for item in read if (names[stage], item.step) not in unread)
            local = {_relative(dep.fs_path, project) for dep in stage.deps if _is_file(dep)}
            steps.append(
                Step(
                    name=names[stage],
                    stage=names[stage].partition("@")[0],
                    person=_person(names[stage]),
                    after=frozenset(names[other] for other in graph[stage] if other in chosen),
                    stale=stale[stage],
                    gpu=_device(params[stage]) in ("auto", "cuda"),
                    computes=_device(params[stage]) is not None,
                    inputs=inputs,
                    sources=tuple(sorted(local - made)),
                    uncached=tuple(
                        _relative(out.fs_path, project) for out in stage.outs if not out.use_cache
                    ),
                    behind=frozenset(names[other] for other in behind.get(stage, ())),
                )
            )
    people_order = {_person(name): position[stage] for stage, name in reversed(names.items())}
    return _by_person(steps, people_order)


def up_to(steps: Sequence[Step], names: Collection[str]) -> list[Step]:
    """Steps of these names and all that they wait for, in the same order.

    Raises LipsyncError if there is no step of one of the names.
    """
    for name in names:
        if not any(step.name == name for step in steps):
            raise LipsyncError(f"dvc.yaml: no stage {name} in there; is this a project of lipsync?")
    wanted = set(names)
    for step in reversed(steps):  # each stands after those that it waits for
        if step.name in wanted:
            wanted |= step.after
    return [step for step in steps if step.name in wanted]


@contextmanager
def locked_repo(project: Path) -> Iterator["Repo"]:
    """DVC's own view of the project, with its lock held. DVC's errors become LipsyncErrors.

    Waits for whoever holds the lock, and says who that is.
    """
    from dvc.exceptions import DvcException
    from dvc.lock import LockError

    try:
        with ExitStack() as stack:
            try:
                repo = stack.enter_context(_locked(project, wait=False))
            except LockError:
                print(f"waiting: {explain_lock(project)}", file=sys.stderr, flush=True)
                repo = stack.enter_context(_locked(project, wait=True))
            yield repo
    except DvcException as error:
        raise LipsyncError(in_one_line(error, project)) from error


@contextmanager
def _locked(project: Path, *, wait: bool) -> Iterator["Repo"]:
    """wait: for the lock, however long; else LockError after 3 seconds"""
    from dvc.repo import Repo, lock_repo

    with Repo(str(project), _wait_for_lock=wait) as repo, lock_repo(repo):
        yield repo


def _cut_optional(
    graph: "DiGraph", names: dict["Stage", str], params: dict["Stage", dict[str, Any]]
) -> list[tuple["Stage", "Stage"]]:
    """Take out edges that a person does not need; (who waited, for whom) of each."""
    cut = []
    for reader, writer in graph.edges:
        stages = (names[reader].partition("@")[0], names[writer].partition("@")[0])
        key = OPTIONAL.get(stages)
        person = params[reader].get(f"people.{_person(names[reader])}")
        if key and isinstance(person, dict) and not person.get(key, True):
            cut.append((reader, writer))
    graph.remove_edges_from(cut)
    return cut


def _name(stage: "Stage", project: Path) -> str:
    """Of a stage in dvc.yaml its name; else the path of its file before it."""
    from dvc.dvcfile import PROJECT_FILE

    file = _relative(stage.path, project)
    name = getattr(stage, "name", None)
    if name is None:
        return file
    return str(name) if file == PROJECT_FILE else f"{file}:{name}"


def _person(name: str) -> str:
    return "" if ":" in name or name.endswith(".dvc") else name.partition("@")[2]


def _relative(path: str, project: Path) -> str:
    try:
        return Path(path).resolve().relative_to(project.resolve()).as_posix()
    except ValueError:
        return path  # outside of the project


def _params(stage: "Stage") -> dict[str, Any]:
    """Values of all params that a stage depends on, by the keys that dvc.yaml names."""
    from dvc.dependency.param import ParamsDependency

    found: dict[str, Any] = {}
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            found |= dep.read_params()
    return found


def _is_file(dep: Any) -> bool:
    from dvc.dependency.param import ParamsDependency

    return dep.protocol == "local" and not isinstance(dep, ParamsDependency)


def _device(params: dict[str, Any]) -> str | None:
    """compute.device as it holds for a stage; None of one that does not depend on it."""
    if not any(key.split(".")[0] == "compute" for key in params):
        return None
    section = params.get("compute")
    device = section.get("device") if isinstance(section, dict) else params.get("compute.device")
    for key, person in params.items():
        if key.startswith("people.") and isinstance(person, dict):
            override = person.get("compute")
            device = override.get("device", device) if isinstance(override, dict) else device
    return str(device or "auto")


class _Outs:
    """All outs, found by what a dep has to do with them."""

    def __init__(self, graph: "DiGraph") -> None:
        self._makers: dict[Path, tuple[Stage, bool]] = {}
        self._within: dict[Path, list[Path]] = {}  # outs below a folder
        for stage in graph:
            for out in stage.outs:
                path = Path(out.fs_path)
                self._makers[path] = (stage, out.use_cache)
                for folder in path.parents:
                    self._within.setdefault(folder, []).append(path)

    def read_by(self, stage: "Stage", names: dict["Stage", str], project: Path) -> Iterator[Input]:
        """What a stage reads of outs: one, a part of one, or all those in a folder."""
        for dep in filter(_is_file, stage.deps):
            path = Path(dep.fs_path)
            own = [(path, out) for out in (path, *path.parents) if out in self._makers]
            for taken, out in own or [(out, out) for out in self._within.get(path, ())]:
                maker, cached = self._makers[out]
                yield Input(_relative(str(taken), project), names[maker], cached)


def _by_person(steps: list[Step], order: dict[str, int]) -> list[Step]:
    """Person by person as DVC lists them, each step still after those that must come before."""
    rank = {step.name: i for i, step in enumerate(steps)}
    left = sorted(steps, key=lambda step: (order[step.person], rank[step.name]))
    placed: dict[str, Step] = {}
    while left:
        step = next(
            step for step in left if step.after | step.behind & rank.keys() <= placed.keys()
        )
        placed[step.name] = step
        left.remove(step)
    return list(placed.values())
