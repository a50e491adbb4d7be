"""What a person takes over from others: a file that says it, and copies of the networks.

There are two bases: the one of this project, over ``base.people``, and the one that ships with it.
The own one is for people of its kind and refuses others. Of the shipped one a person takes what
fits; what was made for other crops or audio features is trained from nothing.

``models/<person>/inherited/`` changes only where the person really inherits something else. So a
base that is trained again makes nobody's trainings stale but those of the people who use it.
"""

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path, sha256

Kind = Mapping[str, str | int | float]
OF_BASE = "base"  # whose SyncNet is taken over

ABOUT, BASE_INFO = "about.json", "base.json"
GENERATOR, SYNCNET = "generator.safetensors", "syncnet.safetensors"
MOTION = "motion.safetensors"
BASE = Path("models/base/networks")  # what stage train_base leaves
SHARED = Path("models/shared")  # published SyncNets, NAME.safetensors
SHIPPED = SHARED / "base"  # the base that comes with the project
CROPS = "crop.size"  # key of a base's kind that the motion network does not care about


@dataclass(frozen=True)
class Inherited:
    """What a person inherits, in ``folder``.

    Attributes:
        base: what base.json says of the base whose networks are adapted, or None
        source: the folder of that base; None without one
        adapter: section ``adapter`` of params.yaml; None without a base
        syncnet_of: "base", a person's name, or a path; None for an own SyncNet
    """

    folder: Path
    base: dict[str, Any] | None = None
    adapter: dict[str, Any] | None = None
    syncnet_of: str | None = None
    source: str | None = None

    def generator(self, path: Path, kind: Kind) -> Path | None:
        """The base's generator, if the person's is an adapter of it.

        Args:
            path: of the person's data, for the message
            kind: of it, as ``PersonData.kind`` says
        Raises:
            LipsyncError: the project's own base was made for other crops or speech.
        """
        return self._fitting(GENERATOR, path, {CROPS: kind[CROPS]})

    def motion(self, path: Path, kind: Kind) -> Path | None:
        """The base's motion network, if the person's begins as that; as ``generator``."""
        return self._fitting(MOTION, path, {what: kind[what] for what in kind if what != CROPS})

    def syncnet(self, path: Path, kind: Kind) -> Path | None:
        """The SyncNet that is taken over, if any; as ``generator``."""
        if self.syncnet_of is None:
            return None
        if self.syncnet_of != OF_BASE:
            return self.folder / SYNCNET
        return self._fitting(SYNCNET, path, kind)

    def _fitting(self, name: str, path: Path, kind: Kind) -> Path | None:
        if self.base is None:
            return None
        wanted = self.base["kind"]
        for what, value in kind.items():
            if wanted.get(what) == value:
                continue
            found = f"{path}: {what} is {value}, but {wanted.get(what)} for the base"
            if self.source == BASE.as_posix():
                raise LipsyncError(f"{found}; give both the same params, or set base: false")
            print(f"{found} that ships: {Path(name).stem} is trained from nothing", file=sys.stderr)
            return None
        return self.folder / name


def read_base(folder: Path = BASE) -> dict[str, Any]:
    """What stage train_base said of a base; LipsyncError if there is none."""
    path = folder / BASE_INFO
    remedy = f"`git checkout {folder}`" if folder == SHIPPED else "run `dvc repro train_base`"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LipsyncError(f"{path}: no such file; {remedy}") from None
    except (OSError, ValueError) as error:
        raise LipsyncError(f"{path}: damaged: {error}; {remedy}") from error


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
        copies |= {name: Path(inherited.source or BASE) / name for name in (GENERATOR, MOTION)}
    if syncnet is not None:
        copies[SYNCNET] = syncnet
    for source in copies.values():
        if not source.is_file():
            raise LipsyncError(f"{source}: no such file; {remedy(source)}")
    about = {key: value for key, value in asdict(inherited).items() if key != "folder"}
    about["sha256"] = {name: sha256(source) for name, source in copies.items()}
    for name, source in copies.items():
        with atomic_path(folder / name) as temporary:
            shutil.copyfile(source, temporary)
    with atomic_path(folder / ABOUT) as temporary:
        temporary.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def remedy(source: Path) -> str:
    """How a network's file that is missing or no good is replaced."""
    if source.parent == SHIPPED:
        return f"`git checkout {SHIPPED}` brings it back"
    if source.parent == SHARED:
        return (
            f"`lipsync share {source.stem}` publishes that person's SyncNet, and `dvc pull` "
            "fetches one that is published"
        )
    if source.parent == BASE:
        return "run `dvc repro train_base`"
    return "give another path"


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
