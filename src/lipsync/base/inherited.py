"""What a person takes over from others: a file that says it, and copies of the networks.

``models/<person>/inherited/`` changes only where the person really inherits something else. So a
base that is trained again makes nobody's trainings stale but those of the people who use it.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path, sha256

ABOUT, BASE_INFO = "about.json", "base.json"
GENERATOR, SYNCNET = "generator.safetensors", "syncnet.safetensors"
MOTION = "motion.safetensors"
BASE = Path("models/base/networks")  # what stage train_base leaves
SHARED = Path("models/shared")  # published SyncNets, NAME.safetensors


@dataclass(frozen=True)
class Inherited:
    """What a person inherits, in ``folder``.

    Attributes:
        base: what base.json says of the base whose networks are adapted, or None
        adapter: section ``adapter`` of params.yaml; None without a base
        syncnet_of: "base", a person's name, or a path; None for an own SyncNet
    """

    folder: Path
    base: dict[str, Any] | None = None
    adapter: dict[str, Any] | None = None
    syncnet_of: str | None = None

    @property
    def generator(self) -> Path | None:
        """The base's generator, if the person's is an adapter of it."""
        return self.folder / GENERATOR if self.base else None

    @property
    def motion(self) -> Path | None:
        """The base's motion network, if the person's begins as that."""
        return self.folder / MOTION if self.base else None

    @property
    def syncnet(self) -> Path | None:
        """The SyncNet that is taken over, if any."""
        return self.folder / SYNCNET if self.syncnet_of else None

    def refuse_other_kind(self, path: Path, found: Mapping[str, str | int | float]) -> None:
        """LipsyncError if the base, where there is one, was made for other crops or speech.

        Args:
            path: of the person's data, for the message
            found: as ``PersonData.kind`` says
        """
        if self.base is None:
            return
        wanted = self.base["kind"]
        for what, value in found.items():
            if wanted.get(what) != value:
                raise LipsyncError(
                    f"{path}: {what} is {value}, but {wanted.get(what)} for the base; give both "
                    "the same params, or set base: false"
                )


def read_base() -> dict[str, Any]:
    """What stage train_base says of the base; LipsyncError if there is none."""
    path = BASE / BASE_INFO
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LipsyncError(f"{path}: no such file; run `dvc repro train_base`") from None
    except (OSError, ValueError) as error:
        raise LipsyncError(f"{path}: damaged: {error}; run `dvc repro train_base`") from error


def write_inherited(inherited: Inherited, syncnet: Path | None) -> None:
    """Write ``inherited.folder`` anew.

    Args:
        syncnet: the file that is copied where ``inherited.syncnet_of`` is set
    Raises:
        LipsyncError: a network is missing; nothing is left in the folder.
    """
    folder = inherited.folder
    shutil.rmtree(folder, ignore_errors=True)
    copies: dict[str, Path] = {}
    if inherited.base:
        copies |= {name: BASE / name for name in (GENERATOR, MOTION)}
    if syncnet is not None:
        copies[SYNCNET] = syncnet
    for source in copies.values():
        if not source.is_file():
            raise LipsyncError(f"{source}: no such file; {_remedy(source)}")
    about = {key: value for key, value in asdict(inherited).items() if key != "folder"}
    about["sha256"] = {name: sha256(source) for name, source in copies.items()}
    for name, source in copies.items():
        with atomic_path(folder / name) as temporary:
            shutil.copyfile(source, temporary)
    with atomic_path(folder / ABOUT) as temporary:
        temporary.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _remedy(source: Path) -> str:
    if source.parent == SHARED:
        return (
            f"`lipsync share {source.stem}` publishes that person's SyncNet, and `dvc pull` "
            "fetches one that is published"
        )
    if source.parent == BASE:
        return "run `dvc repro train_base`"
    return "give another path, or a person's name"


def read_inherited(models: Path) -> Inherited:
    """What the person of a folder ``models/<person>`` inherits; LipsyncError if that is unknown."""
    folder = models / "inherited"
    path = folder / ABOUT
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        del values["sha256"]
        return Inherited(folder, **values)
    except FileNotFoundError:
        raise LipsyncError(f"{path}: no such file; run `dvc repro` or `dvc pull`") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LipsyncError(f"{path}: damaged: {error}; run `dvc repro`") from error
