"""What goes to the nodes of a cluster and comes back, by DVC's remote and dvc.lock."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lipsync.dvc_lock import LOCK
from lipsync.errors import LipsyncError
from lipsync.lock_holders import in_one_line
from lipsync.running.command import dvc, environment, reason
from lipsync.running.graph import Step, locked_repo, read_steps
from lipsync.running.pack import tracked_files


def check(project: Path, steps: Sequence[Step]) -> None:
    """Raise LipsyncError if something that a stale step reads would not reach a node."""
    with locked_repo(project) as repo:
        sent_config = repo.config.load_one("repo")  # .dvc/config, without config.local's keys
        if sent_config["core"].get("remote") not in sent_config["remote"]:
            raise LipsyncError(
                "--engine ray: nodes share data through DVC's default remote, and .dvc/config has "
                "none; `dvc remote add -d shared ...`, see docs/sharing.md"
            )
    for step in steps:
        if step.stale and step.name.endswith(".dvc"):
            video = step.name.removesuffix(".dvc")
            raise LipsyncError(f"{video}: changed since `dvc add`; `dvc add {video}` again")
        if step.stale and ":" in step.name:
            raise LipsyncError(f"{step.name}: only stages of dvc.yaml are sent; `dvc repro` it")
    sent = set(tracked_files(project))
    folders = {parent.as_posix() for name in sent for parent in Path(name).parents}
    for step in steps:
        for source in step.sources:
            exists = (project / source).exists()
            if exists and source not in sent and source not in folders:
                raise LipsyncError(
                    f"{source}: {step.name} reads it, and nodes would not have it; `dvc add` it"
                )


def share_inputs(project: Path, steps: Sequence[Step]) -> None:
    """Push what fresh steps have made that others read, so that nodes can pull it."""
    stale = {step.name for step in steps if step.stale}
    for step in steps:
        if stale & step.after:
            stale.add(step.name)
    wanted = {item.step for step in steps if step.name in stale for item in step.inputs}
    targets = sorted(wanted - stale)
    if targets:
        _dvc(project, "push", *targets)


def fetch(project: Path, people: Sequence[str] | None) -> None:
    """Pull results that fit dvc.lock and are not here, so that `dvc repro` has nothing to do."""
    right = {s.name for s in read_steps(project, people, missing_is_stale=False) if not s.stale}
    here = {s.name for s in read_steps(project, people) if not s.stale}
    if targets := sorted(right - here):
        _dvc(project, "pull", "--force", *targets)


def _dvc(project: Path, *arguments: str) -> None:
    result = subprocess.run(
        dvc("--wait-for-lock", *arguments),
        cwd=project,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl+C is for this process to answer
    )
    if result.returncode:
        print(result.stdout, file=sys.stderr)
        why = in_one_line(reason(result.stdout), project)
        raise LipsyncError(f"dvc {arguments[0]}: {why}; see above")


def write_lock(project: Path, name: str, entry: dict[str, Any]) -> None:
    """Put an entry into dvc.lock as DVC itself does."""
    from dvc.utils.serialize import modify_yaml

    with locked_repo(project), modify_yaml(str(project / LOCK)) as data:
        data["schema"] = "2.0"
        data.setdefault("stages", {})[name] = entry
