"""Lay aside what the base learns from one person."""

from pathlib import Path

from lipsync.base.gather import gather
from lipsync.base.params import BaseParams
from lipsync.params import PersonParams
from lipsync.stage import stage


@stage
def gather_base(params: PersonParams) -> None:
    """Read faces, geometry and speech; write what the base may see, at most base.frames a part."""
    data = Path("data")
    gather(
        data / params.person,
        data / "base" / f"{params.person}.npz",
        params[BaseParams].frames,
    )


if __name__ == "__main__":
    gather_base()
