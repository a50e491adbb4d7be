"""Whether two videos are the same file, byte by byte. A video encoded anew is another one."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from lipsync.errors import LipsyncError


@dataclass(frozen=True)
class Record:
    """What DVC says of a file that it tracks: bytes, and MD5 in hexadecimal."""

    size: int
    md5: str


def record_file(video: Path) -> Path:
    """Where `dvc add` says what it tracks."""
    return video.with_name(f"{video.name}.dvc")


def read_record(video: Path) -> Record | None:
    """What DVC has on record of a video; None if it does not track it.

    Raises LipsyncError if the record is damaged.
    """
    path = record_file(video)
    try:
        (out,) = yaml.safe_load(path.read_text(encoding="utf-8"))["outs"]
        return Record(int(out["size"]), str(out["md5"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        raise LipsyncError(f"{path}: damaged; run `dvc add {video}`") from None


@dataclass
class Contents:
    """Compares files; each is hashed at most once, and only where another has its size."""

    _known: dict[tuple[Path, str], str] = field(default_factory=dict)

    def digest(self, path: Path, algorithm: str = "sha256") -> str:
        """Hexadecimal hash of a file, read piece by piece."""
        key = path.resolve(), algorithm
        if key not in self._known:
            with path.open("rb") as file:
                self._known[key] = hashlib.file_digest(file, algorithm).hexdigest()
        return self._known[key]

    def same(self, path: Path, other: Path) -> bool:
        """Whether a file has the content of ``other``, which may be known to DVC alone."""
        if other.is_file():
            if path.stat().st_size != other.stat().st_size:
                return False
            same_file = path.resolve() == other.resolve()
            return same_file or self.digest(path) == self.digest(other)
        return self.is_recorded(path, other)

    def is_recorded(self, path: Path, video: Path) -> bool:
        """Whether a file has the content that DVC has on record of ``video``."""
        record = read_record(video)
        return (
            record is not None
            and path.stat().st_size == record.size
            and self.digest(path, "md5") == record.md5
        )
