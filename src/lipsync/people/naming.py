"""Names of people: folders, keys in params.yaml and parts of stage names at once."""

import re
import unicodedata
from collections.abc import Collection
from itertools import count
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.params import MAX_NAME, check_name


def name_from(path: Path) -> str:
    """A legal name from a file's: lower case, without accents, _ for all that is not legal, cut off
    after MAX_NAME letters. Files of different names may fold to one (``numbered``).

    Raises LipsyncError where nothing is left of it (another script) or the name is reserved.
    """
    plain = unicodedata.normalize("NFKD", path.stem).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9_-]+", "_", plain).strip("_-")
    name = name[:MAX_NAME].rstrip("_-")
    if not name:
        raise LipsyncError(f"{path}: makes no name of a-z, 0-9, - and _; give one")
    return check_name(name, f"name {name}")


def numbered(name: str, taken: Collection[str]) -> str:
    """``name`` if it is not taken, else the first free one of name_2, name_3, ..."""
    if name not in taken:
        return name
    ends = (f"_{number}" for number in count(2))
    others = (f"{name[: MAX_NAME - len(end)]}{end}" for end in ends)
    return next(other for other in others if other not in taken)
