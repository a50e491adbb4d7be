"""Files that people mean in a folder, and writing so that no final name holds half a file."""

import errno
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from lipsync.errors import LipsyncError, printable

# What browsers and downloaders put behind the name of a file while it is on its way: Firefox and
# yt-dlp, Chrome, Safari, older Edge, aria2, Opera, uTorrent, qBittorrent
UNFINISHED = (".part", ".crdownload", ".download", ".partial", ".aria2", ".opdownload", ".!ut",
              ".!qB")  # fmt: skip

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success flush it to disk and rename it there.

    The temporary name keeps the suffix, since encoders choose the container by it. On an error
    the temporary file is removed and ``path`` is left as it was; what a killed process could not
    remove goes with the next write of ``path``. Parent folders are made. A full disk or an
    unwritable folder is a LipsyncError; what libav raises of media passes unchanged.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem}.{os.getpid()}.", suffix=path.suffix, dir=path.parent
        )
    except OSError as error:
        raise LipsyncError(f"{path}: cannot write: {error.strerror}; check the folder") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if _is_of_libav(error) and error.errno not in FULL:
            raise
        where = error.filename or path
        if Path(where) == temporary or error.errno in FULL:  # of a copy the source is named
            where = path
        raise LipsyncError(
            f"{where}: {error.strerror or error}; free some space or check the folder of {path}"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _is_of_libav(error: OSError) -> bool:
    """Some of its errors are OSErrors by type, whatever a decoder or filter means by them."""
    from av.error import FFmpegError

    return isinstance(error, FFmpegError)


def files_in(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """The files of a folder that have one of these suffixes (lower case), by name.

    Hidden files are no one's choice and are left out without a word: `._alice.mp4` is what macOS
    keeps of alice.mp4 on other file systems. A file that is still being downloaded, by what lies
    beside it, a link that leads nowhere and a pipe are left out with a warning. Folders are left
    out: nothing here looks below.

    Raises LipsyncError if the folder cannot be read.
    """
    try:
        listed = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise LipsyncError(f"{folder}: cannot be read: {error.strerror}") from None
    names = {path.name for path in listed}
    found = []
    for path in listed:
        if is_hidden(path) or path.suffix.lower() not in suffixes or path.is_dir():
            continue
        rest = next((f"{path.name}{end}" for end in UNFINISHED if f"{path.name}{end}" in names), "")
        if rest:
            _left_out(path, f"is still being downloaded, for {rest} lies beside it")
        elif path.is_file():
            found.append(path)
        else:
            _left_out(path, "a link that leads nowhere" if path.is_symlink() else "no regular file")
    return found


def visible_below(folder: Path) -> Iterator[Path]:
    """Everything below a folder, at any depth, but what is hidden and what lies in it."""
    for path in folder.rglob("*"):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def is_hidden(path: Path) -> bool:
    """Whether a name is one that folders' views hide: .DS_Store, ._alice.mp4, .trash."""
    return path.name.startswith(".")


def _left_out(path: Path, why: str) -> None:
    print(printable(f"warning: {path}: {why}; it is left out"), file=sys.stderr)


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove_leftovers(path: Path) -> None:
    """Temporary files of ``path`` whose process is no more."""
    pattern = re.compile(rf"\.{re.escape(path.stem)}\.(\d+)\.\w+{re.escape(path.suffix)}")
    for file in path.parent.iterdir():
        match = pattern.fullmatch(file.name)
        if match and not psutil.pid_exists(int(match[1])):
            file.unlink(missing_ok=True)
