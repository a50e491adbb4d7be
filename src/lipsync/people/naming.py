"""Names of people: folders, keys in params.yaml and parts of stage names at once."""

import re
import unicodedata
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.params import check_name


def name_from(path: Path) -> str:
    """A legal name from a file's: lower case, without accents, _ for all that is not legal.

    Raises LipsyncError where nothing is left of it (another script) or the name is reserved.
    """
    plain = unicodedata.normalize("NFKD", path.stem).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9_-]+", "_", plain).strip("_-")
    if not name:
        raise LipsyncError(f"{path}: makes no name of a-z, 0-9, - and _; give one")
    return check_name(name, f"name {name}")
