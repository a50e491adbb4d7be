"""What a training is a function of, as one hash.

The stage's entry in dvc.yaml lists what a stage reads: data, its script and its params. The
fingerprint hashes these, but the training's number of epochs, so that more epochs continue it and
anything else starts a new one. Of code, the script and the files that it imports, the syntax trees
count, so that a comment starts no new one. What dvc.yaml cannot list, weights that git ignores and
that only some params ask for, the stage names to it.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lipsync.params import PersonParams, Sections
from lipsync.stage_code import hash_code

if TYPE_CHECKING:
    from dvc.dependency import ParamsDependency
    from dvc.repo import Repo
    from dvc.stage import Stage

_BLOCK = 1 << 20  # bytes


def fingerprint(stage: str, params: Sections, also_read: Mapping[str, Path] | None = None) -> str:
    """SHA-256 (hex) over the stage's dependencies and params as dvc.yaml names them.

    Args:
        stage: name of the stage without the person, as ``train_syncnet``
        params: of the person, or those that all share, of a stage that runs once; the working
            directory must be the project's folder
        also_read: files whose content counts too, by what they are to the training; their places
            do not count
    """
    from dvc.repo import Repo

    person = f"@{params.person}" if isinstance(params, PersonParams) else ""
    repo = Repo()
    entry = repo.stage.load_one(name=f"{stage}{person}")
    digest = hashlib.sha256()
    for dependency in hash_files(repo, entry, digest):
        keys = sorted({name.split(".")[0] for name in dependency.params} - {"people"})
        values = {key: without_epochs(params.dump(key)) for key in keys if key != "epochs"}
        digest.update(json.dumps(values, sort_keys=True).encode())
    for name, path in sorted((also_read or {}).items()):
        digest.update(name.encode())
        hash_path(path, digest)
    return digest.hexdigest()


def hash_files(repo: "Repo", stage: "Stage", digest: Any) -> list["ParamsDependency"]:
    """Feed a stage's code and data to ``digest``; its other dependencies, those on params.

    Data count by their bytes. The code is what the stage's script imports now, whatever dvc.yaml
    says of it. The working directory must be the project's folder.
    """
    from dvc.dependency import ParamsDependency

    params, scripts = [], []
    for dependency in sorted(stage.deps, key=str):
        if isinstance(dependency, ParamsDependency):
            params.append(dependency)
            continue
        path = Path(os.path.relpath(dependency.fs_path))
        if path.suffix == ".py" and path.parts[0] != "src":
            scripts.append(path)
        elif path.parts[0] != "src":
            hash_path(path, digest, repo.dvcignore.is_ignored_file)
    digest.update(hash_code(Path(), scripts).encode())
    return params


def without_epochs(section: Any) -> Any:
    """A section less its own key ``epochs``; deeper ones count."""
    if not isinstance(section, dict):
        return section
    return {key: value for key, value in section.items() if key != "epochs"}


def hash_path(path: Path, digest: Any, ignored: Callable[[str], bool] | None = None) -> None:
    """Feed a file, or all files below a folder with their names, to ``digest``.

    ignored: tells of absolute paths below a folder what DVC leaves out, by .dvcignore
    """
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    for file in files:
        if file.is_dir() or "__pycache__" in file.parts:
            continue
        if ignored is not None and file != path and ignored(str(file.absolute())):
            continue
        digest.update(file.relative_to(path).as_posix().encode())
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
