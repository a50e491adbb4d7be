"""Writing files so that a final name never holds half a file."""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from lipsync.errors import LipsyncError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success flush it to disk and rename it there.

    The temporary name keeps the suffix, since encoders choose the container by it. On an error
    the temporary file is removed and ``path`` is left as it was; what a killed process could not
    remove goes with the next write of ``path``. Parent folders are made. A full disk or an
    unwritable folder is a LipsyncError.
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
        where = error.filename or path
        if Path(where) == temporary:
            where = path
        raise LipsyncError(
            f"{where}: {error.strerror or error}; free some space or check the folder of {path}"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


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
