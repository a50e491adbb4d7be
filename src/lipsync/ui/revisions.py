"""Commits and experiments that hold a person's figures, and what git and DVC keep of each.

git and the files of DVC's cache are read, and no DVC is run: nothing here takes DVC's lock, so a
training may go on meanwhile.
"""

import json
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lipsync.dvc_lock import LOCK
from lipsync.errors import LipsyncError
from lipsync.evaluation.bootstrap import INTERVAL
from lipsync.running.command import environment
from lipsync.yaml_edit import LOADER

WORKING_TREE = "workspace"  # as `dvc exp show` calls the files as they lie there
COMMITS = 30  # the newest that changed the person's figures
PATIENCE = 30.0  # seconds that git may take
SUBJECT = 60  # characters of a commit's subject that are shown
_EXPERIMENT = re.compile(r"refs/exps/[0-9a-f]{2}/[0-9a-f]{38}/(?P<name>.+)")


@dataclass(frozen=True)
class Revision:
    """A state of the project.

    Attributes:
        commit: its full hash; WORKING_TREE for the files as they lie there
        label: for people, in a list
        title: for people, short
        name: of the experiment, else a short hash; for commands
        experiment: whether it is one of `dvc exp`
    """

    commit: str
    label: str
    title: str
    name: str
    experiment: bool = False


HERE = Revision(WORKING_TREE, "This folder as it is", "This folder", WORKING_TREE)


@dataclass(frozen=True)
class Figures:
    """evaluation.json and export.json, and the intervals of details.json where it is at hand."""

    values: dict[str, Any]
    details: dict[str, Any]

    def value(self, key: str) -> float | None:
        """The figure of a key such as "sync.top1"; None where there is none."""
        return _at(self.values, key)

    def detail(self, key: str, witness: str) -> float | None:
        """A figure of details.json alone, where that agrees with evaluation.json in another one."""
        same = _at(self.details, witness) == self.value(witness)
        return _at(self.details, key) if same else None

    def interval(self, key: str) -> tuple[float, float] | None:
        """Its 95 % interval; None where there is none, or details.json is of another evaluation."""
        found = _at(self.details, key + INTERVAL)
        if not found or _at(self.details, key) != self.value(key):
            return None
        low, high = found
        return float(low), float(high)


def revisions(project: Path, person: str) -> list[Revision]:
    """The working tree, experiments of `dvc exp`, and commits that changed the person's figures.

    The newest come first. Raises LipsyncError if the folder is not in a git repository.
    """
    found = [HERE]
    format_ = "--format=%(refname)%09%(objectname)%09%(creatordate:unix)"
    refs = git(project, "for-each-ref", "--sort=-creatordate", format_, "refs/exps").splitlines()
    for line in refs:
        ref, commit, seconds = line.split("\t")
        if match := _EXPERIMENT.fullmatch(ref):
            name = match["name"]
            found.append(
                Revision(
                    commit, f"Experiment {name}, {_day(seconds)}", f"Experiment {name}", name, True
                )
            )
    path = f"metrics/{person}/evaluation.json"
    log = ("log", f"-{COMMITS}", "--format=%H%x09%h%x09%ct%x09%s", "--branches", "--tags")
    if git(project, "rev-parse", "--verify", "-q", "HEAD", may_fail=True):
        for line in git(project, *log, "HEAD", "--", path).splitlines():
            commit, short, seconds, subject = line.split("\t", 3)
            words = subject if len(subject) <= SUBJECT else f"{subject[: SUBJECT - 1]}…"
            label = f"Commit {short}, {_day(seconds)}: {words}"
            found.append(Revision(commit, label, f"Commit {short}", short))
    return found


def find_revision(project: Path, person: str, commit: object) -> Revision:
    """The one of this hash among ``revisions``; LipsyncError if it is not one of them."""
    for revision in revisions(project, person):
        if revision.commit == commit:
            return revision
    raise LipsyncError("experiment: choose one of those in the list")


def read_figures(project: Path, person: str, revision: Revision) -> Figures:
    """A person's figures in a revision. Raises LipsyncError if there are none, or damaged ones."""
    folder = f"metrics/{person}"
    values = _json(project, revision, f"{folder}/evaluation.json")
    if values is None:
        raise LipsyncError(
            f"{revision.title}: {person} is not evaluated in it; choose another, or run `dvc repro "
            f"evaluate@{person}`"
        )
    values["export"] = _json(project, revision, f"{folder}/export.json") or {}
    details = find_out(project, f"evaluate@{person}", f"{folder}/evaluation/details.json", revision)
    try:
        text = details.read_text(encoding="utf-8") if details else "{}"
        return Figures(values, dict(json.loads(text)))
    except (OSError, ValueError):
        return Figures(values, {})  # the figures stand by themselves


def find_out(project: Path, stage: str, path: str, revision: Revision) -> Path | None:
    """Where a stage's out lies as it was in a revision, a file of the folder or of DVC's cache.

    None where it is not on this computer. Raises LipsyncError if dvc.lock or git cannot be read.
    """
    if revision.commit == WORKING_TREE:
        return project / path if (project / path).is_file() else None
    try:
        text = git(project, "show", f"{revision.commit}:./{LOCK}", may_fail=True)
        outs = (yaml.load(text, LOADER) or {}).get("stages", {}).get(stage, {}).get("outs", [])
    except (yaml.YAMLError, AttributeError):
        raise LipsyncError(f"{revision.title}: its {LOCK} is damaged; choose another") from None
    md5 = next((out.get("md5") for out in outs if out.get("path") == path), None)
    if md5 is None:
        return None
    try:
        from dvc.exceptions import DvcException
        from dvc.repo import Repo
    except ModuleNotFoundError:
        return None  # this page has figures and avatars, but no DVC
    try:
        with Repo(str(project)) as repo:  # knows where the cache is; takes no lock
            file = Path(repo.cache.local.oid_to_path(md5))
    except DvcException:
        return None
    return file if file.is_file() else None


def git(project: Path, *arguments: str, may_fail: bool = False) -> str:
    """What git prints; "" of one that failed where it may. Raises LipsyncError otherwise."""
    try:
        result = subprocess.run(
            ["git", "-C", str(project), *arguments],
            env=environment(GIT_OPTIONAL_LOCKS="0"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LipsyncError(f"git: {error}; experiments are read from git") from None
    if result.returncode == 0:
        return result.stdout.decode("utf-8", "replace")
    if may_fail:
        return ""
    said = (result.stderr.decode("utf-8", "replace").strip().splitlines() or ["no answer"])[-1]
    raise LipsyncError(f"git: {said}; experiments are compared in a git repository with DVC")


def _json(project: Path, revision: Revision, path: str) -> dict[str, Any] | None:
    if revision.commit == WORKING_TREE:
        file = project / path
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
    else:
        text = git(project, "show", f"{revision.commit}:./{path}", may_fail=True)
    if not text:
        return None
    try:
        return dict(json.loads(text))
    except ValueError:
        raise LipsyncError(f"{revision.title}: {path} is damaged; choose another") from None


def _day(seconds: str) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(int(seconds)))


def _at(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values
