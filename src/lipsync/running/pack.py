"""The project as an archive for other machines: what git keeps or would keep, as it lies here.

So a node needs neither the git server nor a commit of what is being tried. Results are left out:
they are DVC's, and come from its remote. Keys are left out too: .dvc/config.local is not git's.
"""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

from lipsync.dvc_lock import LOCK
from lipsync.errors import LipsyncError


def tracked_files(project: Path) -> list[str]:
    """Files that git keeps and new ones that it does not ignore, dvc.lock left out.

    Raises LipsyncError if the folder is no git repository.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=project,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        why = " ".join(listed.stderr.split())
        raise LipsyncError(f"{project}: {why}; the project must be in git")
    names = sorted(set(filter(None, listed.stdout.split("\0"))) - {LOCK})
    return [name for name in names if (project / name).is_file()]


def copy_tracked(project: Path, folder: Path, without: tuple[str, ...] = ()) -> None:
    """``tracked_files`` into a folder, but those whose path begins like one of ``without``."""
    for name in tracked_files(project):
        if not name.startswith(without):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(project / name, folder / name)


def pack(project: Path, names: list[str]) -> bytes:
    """A compressed tar of files of the project."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for name in names:
            archive.add(project / name, arcname=name, recursive=False)
    return buffer.getvalue()


def unpack(archive: bytes, folder: Path) -> None:
    """Into a folder, as a git repository with one commit: DVC and dvclive want one."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    me = ("-c", "user.name=lipsync", "-c", "user.email=lipsync@localhost")
    for command in (["init", "-q"], ["add", "-A"], [*me, "commit", "-q", "-m", "as it was sent"]):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
