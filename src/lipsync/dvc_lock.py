"""dvc.lock as it lies there."""

from pathlib import Path
from typing import Any

import yaml

from lipsync.errors import LipsyncError

LOCK = "dvc.lock"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # that of many people is long


def read_lock(project: Path) -> dict[str, Any]:
    """Its entries by the stages' names; none where there is none. LipsyncError if it is damaged."""
    path = project / LOCK
    try:
        return dict(yaml.load(path.read_text(encoding="utf-8"), _Loader)["stages"])
    except FileNotFoundError:
        return {}
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError):
        raise LipsyncError(f"{path}: damaged; take it from git, or delete it") from None
