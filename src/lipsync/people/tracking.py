"""DVC's side of the videos: `dvc add` and `dvc remove`, where the project is one of DVC's."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock

from lipsync.errors import LipsyncError
from lipsync.lock_holders import dvc_folder, in_one_line
from lipsync.people.contents import record_file

# Kinds of links into the cache, best first. Copying comes last: where no link can be made, DVC
# (3.67) would leave no file at all.
LINKS = ["reflink", "hardlink", "symlink", "copy"]


def is_dvc_project(project: Path) -> bool:
    """Whether the folder, or one above it, is a DVC repository."""
    return dvc_folder(project) is not None


@contextmanager
def dvc_repo(project: Path, link: bool = False) -> Iterator[Any]:
    """DVC's repository (``dvc.repo.Repo``) of a project, or None where it is none.

    link: files that are added become links into the cache, whatever ``cache.type`` says
    """
    if not is_dvc_project(project):
        yield None
        return
    try:
        from dvc.exceptions import DvcException
        from dvc.repo import Repo
    except ImportError:
        raise LipsyncError("DVC is not installed; install the extra `train`") from None

    try:
        opened = Repo(str(project), config={"cache": {"type": LINKS}} if link else None)
        _ = opened.scm  # found only now, and perhaps missing
    except DvcException as error:
        raise LipsyncError(in_one_line(error, project)) from error
    with opened as repo:
        repo.scm_context.quiet = True  # what to commit is said once, at the end
        yield repo


def track(repo: Any, video: Path) -> None:
    """`dvc add`; nothing to do for a video that is in git.

    Afterwards the file is DVC's own: a copy of what is in the cache, or a link to it. So a
    symbolic link to a file elsewhere, left in its place, becomes a copy of that file.

    Raises LipsyncError with DVC's words, or if .gitignore hides the record from DVC.
    """
    from dvc.exceptions import DvcException, OutputNotFoundError

    target = str(video.absolute())
    for folder in video.absolute().parents:
        if folder.is_symlink() and folder.is_relative_to(repo.root_dir):
            raise LipsyncError(
                f"{folder}: is a link, and DVC (3.67) tracks nothing below it; put the folder "
                "back, and DVC's cache where there is room: `dvc cache dir --local /large/disk`"
            )
    if repo.scm.is_tracked(target):
        return
    try:
        repo.add(target)
        repo.find_outs_by_path(target)
    except OutputNotFoundError:
        raise LipsyncError(
            f"{record_file(video)}: DVC does not see it, for .gitignore hides its folder; "
            "write `folder/?*` there in place of `folder/*`"
        ) from None
    except (DvcException, OSError) as error:
        reason = in_one_line(error, Path(repo.root_dir))
        raise LipsyncError(f"{video}: `dvc add` failed: {reason}") from error


def untrack(repo: Any, video: Path) -> None:
    """`dvc remove --outs`: the record, the line in .gitignore and the file; the cache keeps it."""
    from dvc.exceptions import DvcException

    try:
        repo.remove(str(record_file(video).absolute()), outs=True)
    except (DvcException, OSError) as error:
        reason = in_one_line(error, Path(repo.root_dir))
        raise LipsyncError(f"{video}: `dvc remove` failed: {reason}") from error


@contextmanager
def alone(project: Path) -> Iterator[None]:
    """Nobody else adds or removes people meanwhile; waits for who does, and says so.

    Two at once would choose one name, or write params.yaml over each other's change.
    """
    folder = dvc_folder(project)
    path = (folder / "tmp" if folder else project / ".scratch") / "lipsync_people.lock"
    lock = filelock.FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=1)
        except filelock.Timeout:
            print(f"waiting: {path}: people are added or removed just now", file=sys.stderr)
            lock.acquire()
    except OSError as error:
        raise LipsyncError(f"{path}: {error.strerror}; check the folder") from None
    try:
        yield
    finally:
        lock.release()


def refuse_beside_a_run(project: Path) -> None:
    """LipsyncError while a stage is running: DVC gives up a run that finds its lock taken."""
    from lipsync.pipeline import writers

    for path, (pid, command) in writers(project).items():
        raise LipsyncError(
            f"{path}: is being written by `{command}` (process {pid}); wait until it has ended"
        )
