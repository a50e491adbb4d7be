"""Hash what a DVC remote holds, where it lies.

With ``verify = true`` a damaged file does not get past ``dvc pull``, which then names the outs that
it could not check out, but neither the file nor the remedy. This does.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from lipsync.errors import LipsyncError
from lipsync.progress import progress

_BLOCK = 1 << 20  # bytes


@dataclass(frozen=True)
class Fault:
    """A file that the remote should hold.

    Attributes:
        out: path in the project
        place: path or address in the remote
        missing: not there; otherwise its content is not what its name says
    """

    out: str
    place: str
    missing: bool

    def __str__(self) -> str:
        if self.missing:
            return f"{self.out}: missing in the remote; run `dvc push` where it is complete"
        return (
            f"{self.out}: damaged in the remote; delete {self.place}, then run `dvc push` where "
            "it is whole"
        )


def check_remote(name: str | None = None) -> list[Fault]:
    """Read and hash every file of the remote that dvc.lock, as it lies there, names.

    Args:
        name: of the remote; by default the default one
    Raises:
        LipsyncError: there is no project or no such remote.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            remote = repo.cloud.get_remote_odb(name, "lipsync check-remote")
            wanted = {
                out.hash_info.value: str(out)
                for out in repo.index.outs
                if out.use_cache and out.hash_info
            }
            return _check(remote, wanted)
    except DvcException as error:
        raise LipsyncError(f"{error}") from error
    except Exception as error:
        reason = " ".join(str(error).split())
        raise LipsyncError(
            f"remote {name or 'by default'}: cannot be read: {type(error).__name__}: {reason}; "
            "check its address and your keys"
        ) from error


def _check(remote: Any, wanted: dict[str, str]) -> list[Fault]:
    """Faults among the remote's objects; ``wanted`` maps MD5 to a path in the project."""
    faults, files = [], dict(wanted)
    for oid, out in wanted.items():
        if oid.endswith(".dir"):  # the list of a folder's files, itself an object
            listing = _read(remote, oid)
            files.pop(oid)
            if listing is None or hashlib.md5(listing).hexdigest() != oid.removesuffix(".dir"):
                faults.append(Fault(out, remote.oid_to_path(oid), missing=listing is None))
                continue
            files |= {entry["md5"]: f"{out}/{entry['relpath']}" for entry in json.loads(listing)}
    for oid, out in progress(files.items(), total=len(files), desc="check"):
        place = remote.oid_to_path(oid)
        try:
            with remote.fs.open(place, "rb") as file:
                digest = hashlib.md5()
                while block := file.read(_BLOCK):
                    digest.update(block)
        except FileNotFoundError:
            faults.append(Fault(out, place, missing=True))
            continue
        if digest.hexdigest() != oid:
            faults.append(Fault(out, place, missing=False))
    return faults


def _read(remote: Any, oid: str) -> bytes | None:
    try:
        with remote.fs.open(remote.oid_to_path(oid), "rb") as file:
            return bytes(file.read())
    except FileNotFoundError:
        return None
