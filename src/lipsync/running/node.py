"""What a machine of the cluster does with one step: fetch its inputs, run it, send its outs away.

A step has a copy of the project of its own, thrown away afterwards; what is worth keeping on the
machine (files that DVC has fetched or made, checkpoints) lies beside it, in `node_folder`.
"""

import getpass
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lipsync.dvc_lock import LOCK, read_lock
from lipsync.running.child import Child, said
from lipsync.running.command import environment
from lipsync.running.graph import Step
from lipsync.running.pack import unpack
from lipsync.running.scheduler import Share

LOOK = 1.0  # seconds between two looks at a step that runs
ADVICE = "see the log; the DVC remote must be reached from every node of the cluster"


@dataclass(frozen=True)
class Order:
    """One step, to be done elsewhere.

    Attributes:
        lock: entries of dvc.lock, its own old one and of the steps that it reads from
        files: content of inputs that git keeps, not DVC
        variables: of the environment
    """

    step: Step
    lock: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Delivery:
    """What comes back. ``lock``: its entry of dvc.lock; ``files``: outs that git keeps."""

    code: int
    text: str
    lock: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


def node_folder(node: str) -> Path:
    """Where a node works; may be deleted while no run is on. ``node``: Ray's id of it."""
    return Path(tempfile.gettempdir()) / f"lipsync-{getpass.getuser()}" / node[:12]


def carry_out(
    order: Order, archive: bytes, home: Path, again: bool, tell: Callable[[Share], bool]
) -> Delivery:
    """Do a step.

    Args:
        home: the node's folder
        again: somebody began it before and was lost; perhaps its outs are in the remote already
        tell: is told how far it is about once a second; False means that it shall stop
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    project = Path(tempfile.mkdtemp(prefix="step-", dir=home))
    try:
        prepare(project, order, archive, home)
        return _run(project, order, home, again, tell)
    finally:
        shutil.rmtree(project, ignore_errors=True)


def prepare(project: Path, order: Order, archive: bytes, home: Path) -> None:
    """The project as it was sent, with the node's cache behind it."""
    unpack(archive, project)
    (project / LOCK).write_text(yaml.safe_dump({"schema": "2.0", "stages": order.lock}))
    for name, content in order.files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_bytes(content)
    # Files are shared by all steps here; the run-cache is the step's own, so that a push sends
    # one run, and not all that the node has ever seen.
    (home / "files").mkdir(exist_ok=True)
    cache = project / ".dvc" / "cache"
    cache.mkdir(parents=True)
    (cache / "files").symlink_to(home / "files")
    local = f"[core]\n    site_cache_dir = {home / 'site'}\n"
    (project / ".dvc" / "config.local").write_text(local)


def _run(
    project: Path, order: Order, home: Path, again: bool, tell: Callable[[Share], bool]
) -> Delivery:
    step = order.step
    path = os.pathsep.join(filter(None, [str(project / "src"), os.environ.get("PYTHONPATH")]))
    env = environment(PYTHONPATH=path, LIPSYNC_SCRATCH=str(home / "scratch")) | order.variables
    log = project / "step.log"
    inputs = sorted({item.path for item in step.inputs if item.cached})
    commands = [["repro", "-s", *(["--pull"] if again else []), step.name]]
    if inputs:
        commands.insert(0, ["pull", *inputs])
    commands.append(["push", "--run-cache", step.name])
    code = 0
    for command in commands:
        code = _dvc(command, project, env, log, step, tell)
        if code:
            break
    text = said(log)
    if code:
        return Delivery(code, text + ("" if command[0] == "repro" else f"\nERROR: {ADVICE}\n"))
    entry = read_lock(project)[step.name]
    return Delivery(0, text, entry, {n: (project / n).read_bytes() for n in step.uncached})


def _dvc(
    arguments: list[str],
    project: Path,
    env: dict[str, str],
    log: Path,
    step: Step,
    tell: Callable[[Share], bool],
) -> int:
    """Run one DVC command; its exit code. What it says is appended to the log."""
    child = Child(project, step, arguments, log, env, project / env["LIPSYNC_SCRATCH"])
    wanted = True
    while (code := child.code) is None:
        go_on = tell(child.share() or Share())
        if wanted and not go_on:
            child.stop()
            wanted = False
        time.sleep(LOOK)
    return code if wanted else 130
