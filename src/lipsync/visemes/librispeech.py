"""LibriSpeech (Panayotov et al., 2015; CC BY 4.0) from OpenSLR, and its alignments from Zenodo.

The alignments are Lugosch et al.'s, made with the Montreal Forced Aligner (CC BY 4.0,
https://doi.org/10.5281/zenodo.2619474). A download goes on where it stopped (HTTP Range), and its
MD5 is checked before anything is unpacked.
"""

import hashlib
import http.client
import sys
import tarfile
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from lipsync.errors import LipsyncError, first_line
from lipsync.progress import progress
from lipsync.stage import MENDABLE

BLOCK = 1 << 20  # bytes
TIMEOUT = 60.0  # seconds without a byte after which a server counts as gone
ATTEMPTS = 5  # of one download, in which a broken connection is taken up again
PAUSE = 1.0  # seconds before the second attempt, and twice as long before each further one


class Archive(NamedTuple):
    """Where an archive lies, and the MD5 that its publisher states."""

    url: str
    md5: str


_OPENSLR = "https://www.openslr.org/resources/12"
# https://www.openslr.org/resources/12/md5sum.txt
SPLITS = {
    name: Archive(f"{_OPENSLR}/{name}.tar.gz", md5)
    for name, md5 in (
        ("dev-clean", "42e2234ba48799c1f50f24a7926300a1"),
        ("dev-other", "c8d0bcc9cca99d4f8b62fcc847357931"),
        ("test-clean", "32fa31d27d2e1cad72775fee3f4849a9"),
        ("test-other", "fb5a50374b501bb3bac4815ee91d3135"),
        ("train-clean-100", "2a93770f6d5c6c964bc36631d331a522"),
        ("train-clean-360", "c0e676e450a7ff2f54aeade5171606fa"),
        ("train-other-500", "d1a0fd59409feb2c614ce4d30c387708"),
    )
}
ARCHIVES = SPLITS | {
    "alignments": Archive(
        "https://zenodo.org/records/2619474/files/librispeech_alignments.zip",
        "2bab567d0ace651a4ba254e813629f46",
    )
}


def fetch(archive: Archive, downloads: Path, folder: Path) -> None:
    """Download an archive into ``downloads``, check it and unpack it into ``folder``.

    The archive is deleted when it is unpacked; ``.<name>.md5`` in ``folder`` says that it was, and
    then nothing is done. What an interrupted run left is taken up.
    """
    name = archive.url.rpartition("/")[2]
    done = folder / f".{name}.md5"
    if done.is_file() and done.read_text().strip() == archive.md5:
        return
    path = downloads / name
    if not path.exists():
        download(archive, path)
    unpack(path, folder)
    done.write_text(archive.md5 + "\n")
    path.unlink()


def download(archive: Archive, path: Path) -> None:
    """Download to ``path``, which appears when it is whole and its MD5 is right.

    Until then ``<path>.part`` grows. Raises LipsyncError where the server cannot be reached, the
    disk is full, or the content is not what the publisher states; a wrong content is deleted.
    """
    part = path.with_name(path.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    problem = ""
    for attempt in range(ATTEMPTS):
        time.sleep(PAUSE * 2 ** (attempt - 1) if attempt else 0)
        try:
            if _continue(archive.url, part):
                break
            problem = "the connection broke off"
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and error.errno in MENDABLE:
                raise LipsyncError(
                    f"{part}: cannot write: {error.strerror}; make room or check the folder, and "
                    "run again: it goes on where it stopped"
                ) from error
            problem = first_line(error)
    else:
        raise LipsyncError(
            f"{archive.url}: cannot download: {problem}; check the network and run again, "
            f"{part.stat().st_size if part.exists() else 0} bytes are there"
        )
    found = md5(part)
    if found != archive.md5:
        part.unlink()
        raise LipsyncError(
            f"{archive.url}: its MD5 is {found}, expected {archive.md5}; it was deleted, run again"
        )
    part.replace(path)


def _continue(url: str, part: Path) -> bool:
    """Append what is missing; whether the file is whole now."""
    there = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={there}-"} if there else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            if there and answer.status != 206:  # a server that knows no ranges sends all again
                there = 0
            length = answer.headers.get("Content-Length")
            whole = there + int(length) if length else None
            blocks = iter(lambda: answer.read(BLOCK), b"")
            total = (whole - there) // BLOCK + 1 if whole else None
            with part.open("ab" if there else "wb") as file:
                for block in progress(blocks, total=total, desc=f"fetch {part.stem} (MiB)"):
                    file.write(block)
            return whole is None or part.stat().st_size >= whole
    except urllib.error.HTTPError as error:
        if error.code == 416 and there:  # nothing lies beyond what is there
            return True
        raise


def md5(path: Path) -> str:
    """Hexadecimal MD5 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .tar.gz or .zip into ``folder``; names that lead out of it are refused."""
    print(f"unpacking {archive.name}", file=sys.stderr)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if archive.suffix == ".zip":
            with zipfile.ZipFile(archive) as file:
                for name in file.namelist():
                    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                        raise LipsyncError(f"{archive}: {name!r} leads out of the archive")
                file.extractall(folder)
        else:
            with tarfile.open(archive) as file:
                file.extractall(folder, filter="data")
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise LipsyncError(f"{archive}: cannot unpack: {error}; delete it and run again") from error
