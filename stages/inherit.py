"""Lay out what one person takes over: the base's networks, or somebody's SyncNet, or nothing."""

from pathlib import Path

from lipsync.base.inherited import (
    BASE,
    OF_BASE,
    SHARED,
    SHIPPED,
    SYNCNET,
    Inherited,
    read_base,
    write_inherited,
)
from lipsync.base.params import AdapterParams, BaseParams
from lipsync.params import SYNCNET_SUFFIX, PersonParams
from lipsync.stage import stage


@stage
def inherit(params: PersonParams) -> None:
    """Copy what the person inherits; write about.json, which the trainings go by."""
    folder, adapter = Path("models") / params.person / "inherited", params[AdapterParams]
    source = BASE if params[BaseParams].people else SHIPPED
    base = read_base(source) if params.base else None
    syncnet, of = None, params.syncnet_of
    if of is not None:
        syncnet = Path(of) if of.endswith(SYNCNET_SUFFIX) else SHARED / f"{of}{SYNCNET_SUFFIX}"
    elif base is not None:
        syncnet, of = source / SYNCNET, OF_BASE
    inherited = Inherited(
        folder,
        base=base,
        adapter=adapter.model_dump() if base else None,
        syncnet_of=of,
        source=source.as_posix() if base else None,
    )
    write_inherited(inherited, syncnet)


if __name__ == "__main__":
    inherit()
