"""dvc.lock as it lies there."""

from pathlib import Path
from typing import Any

import yaml

from lipsync.errors import LipsyncError
from lipsync.yaml_edit import LOADER

LOCK = "dvc.lock"


def read_lock(project: Path) -> dict[str, Any]:
    """Its entries by the stages' names; none where there is none. LipsyncError if it is damaged."""
    path = project / LOCK
    try:
        return dict(yaml.load(path.read_text(encoding="utf-8"), LOADER)["stages"])
    except FileNotFoundError:
        return {}
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError):
        raise LipsyncError(f"{path}: damaged; take it from git, or delete it") from None
