"""Whose DVC's locks are, and how to remove one whose owner was killed.

DVC (3.67) has two of them in `.dvc/tmp` of its root, which may lie above the project:

- `rwlock`, JSON: {"write": {path: {"pid": N, "cmd": words}}, "read": {path: [{"pid", "cmd"}]}}.
  While a stage runs, what it reads and writes stands there. DVC drops the entry of a process that
  was killed when its number is in nobody's use. But a container's process is number 1, which is
  always in use, and other numbers come round again: such an entry blocks for ever.
- `lock`, held for moments, in a push or pull for long. The system frees it when its process
  dies, but with `core.hardlink_lock`: then the file is the lock, and stays.

An entry is a living DVC's if the process of its number runs these words and began before the
file was last written. Nothing is ever removed here: the processes of a container, or of another
machine that mounts the folder, cannot be seen, and may be at work.
"""

import json
import re
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from lipsync.errors import printable

BUSY = "is busy, it is being blocked by"  # DVC's words where rwlock stands in the way
CANNOT_LOCK = "Unable to acquire lock"  # and where the other one does
NO_GIT = "is not a git repository"  # a project that came as an archive
DAMAGED = re.compile(r"Unable to read RWLock-file|RWLock-file .* format error")  # and of its file
SHOWN = 60  # letters of the words of a process that has nothing to do with it
CLOCK = 60.0  # seconds by which the times of files and of processes may differ


@dataclass(frozen=True)
class Holder:
    """A process that stands in rwlock.

    Attributes:
        command: its words
        reads, writes: absolute paths
        lives: whether it is at work, as far as can be seen from here
        now: what the process of its number runs instead; "" if there is none
    """

    pid: int
    command: str
    reads: tuple[Path, ...]
    writes: tuple[Path, ...]
    lives: bool
    now: str = ""


def dvc_folder(project: Path) -> Path | None:
    """The `.dvc` of the repository that the project belongs to: its own, or one above."""
    here = project.resolve()
    return next((f / ".dvc" for f in (here, *here.parents) if (f / ".dvc").is_dir()), None)


def holders(project: Path) -> list[Holder]:
    """All that stand in rwlock; none where there is no such file, or it is damaged."""
    try:
        return _read(project)
    except _Damaged:
        return []


class _Damaged(Exception):  # noqa: N818  what happened is no error of ours
    """rwlock is no JSON, or not of DVC's shape."""


def _read(project: Path) -> list[Holder]:
    """As ``holders``; raises _Damaged."""
    path = _rwlock(project)
    found: dict[tuple[int, str], dict[str, list[Path]]] = {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        written = path.stat().st_mtime
        for kind in ("read", "write"):
            for name, by in content.get(kind, {}).items():
                for one in by if kind == "read" else [by]:
                    pid, command = one["pid"], one["cmd"]
                    if not isinstance(pid, int) or not isinstance(command, str):
                        raise _Damaged
                    own = found.setdefault((pid, command), {})
                    own.setdefault(kind, []).append(project.resolve() / name)
    except OSError:
        return []
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _Damaged from None
    return [
        Holder(
            pid,
            command,
            tuple(own.get("read", ())),
            tuple(own.get("write", ())),
            *_look(pid, command, written),
        )
        for (pid, command), own in found.items()
    ]


def explain(project: Path) -> str:
    """One line on who holds DVC's locks here, and what to do about it; "" if nobody seems to."""
    path = _rwlock(project)
    try:
        found = _read(project)
    except _Damaged:
        return f"{path}: damaged; if no DVC works in this folder, `rm {path}`"
    # The living first: where one lives, the file holds its entry too and is not to be removed.
    for holder in sorted(found, key=lambda one: not one.lives):
        place = (*holder.writes, *holder.reads)[0]
        what = f"`{holder.command}` (process {holder.pid}) is at work on {place}"
        if holder.lives:
            return printable(f"{what}; wait until it has ended")
        now = f"process {holder.pid} is {holder.now}" if holder.now else "there is no such process"
        return printable(
            f"{path}: says that {what}, but {now}: it was killed, with its container perhaps; if "
            f"no other container or machine works in this folder, `rm {path}`"
        )
    return ""


def explain_lock(project: Path) -> str:
    """One line on `lock` for who finds it taken."""
    folder = dvc_folder(project) or project / ".dvc"
    path = folder / "tmp" / "lock"
    try:
        said = path.read_text(encoding="utf-8", errors="replace").strip()
        age = time.time() - path.stat().st_ctime
    except OSError:
        return "another DVC has been at work here; try again"
    command = _words(int(said)) if said.isdigit() else ""
    if "dvc" in command or "lipsync" in command:
        return printable(f"{path}: DVC's lock is taken, by `{command}` (process {said}); wait")
    return (
        f"{path}: DVC's lock was taken {age / 60:.0f} minutes ago by a process that cannot be seen "
        "from here; if no other container or machine has DVC at work in this folder, "
        f"`rm {path}`"
    )


def in_one_line(error: Exception | str, project: Path) -> str:
    """What DVC says, without colours; where a lock stands in its way, whose it is and how to remove
    it, and where git is missing, how to begin."""
    words = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split())
    if words.endswith(NO_GIT):
        words += "; DVC wants one: `git init && git add . && git commit -m start`"
    return locked_out(words, project) or words


def locked_out(text: str, project: Path) -> str:
    """One line if DVC says in a text that it found a lock taken; "" if it does not."""
    if BUSY in text or DAMAGED.search(text):
        return explain(project)
    return explain_lock(project) if CANNOT_LOCK in text else ""


def _rwlock(project: Path) -> Path:
    return (dvc_folder(project) or project / ".dvc") / "tmp" / "rwlock"


def _look(pid: int, command: str, written: float) -> tuple[bool, str]:
    """Whether the process of this number is the one that wrote ``command``; else what it is."""
    try:
        process = psutil.Process(pid)
        words = process.cmdline()
        later = process.create_time() > written + CLOCK
    except psutil.NoSuchProcess:
        return False, ""
    except psutil.Error:
        return True, ""  # another user's: it may be
    # DVC notes sys.argv. Its first word is a script, where the process has Python and options.
    script, *arguments = command.split() or [""]
    if arguments:
        same = " ".join(words).split()[-len(arguments) :] == arguments
    else:
        same = Path(script).name in {Path(word).name for word in words}
    if same and not later:
        return True, ""
    shown = f"`{textwrap.shorten(' '.join(words) or process.name(), SHOWN, placeholder=' ...')}`"
    return False, f"{shown}, begun later" if later else shown


def _words(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""
