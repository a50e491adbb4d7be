"""What `lipsync add` is given: files, folders, lists, JSON."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pydantic

from lipsync.errors import LipsyncError
from lipsync.rendering.sound import VIDEOS

LIST, MANIFEST = ".txt", ".json"


@dataclass(frozen=True)
class Source:
    """A video that shall become a person.

    Attributes:
        name: that was asked for; None: from the file's name
        encoder: value of people.<name>.speech.encoder; None: as everybody's
        told: which list named it, and where; empty for the command line
    """

    path: Path
    name: str | None = None
    encoder: str | None = None
    told: str = ""


class _Entry(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    path: Path
    name: str | None = None
    encoder: str | None = None


class _Manifest(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    videos: list[_Entry]


def read_sources(
    given: Sequence[Path], name: str | None = None, encoder: str | None = None
) -> list[Source]:
    """All videos that are meant; whether they are there is not looked at.

    Args:
        given: each a video; a folder, of which all videos are taken; a list (.txt: `path name` a
            line, the name may be left out, # for comments); or JSON ({"videos": [{"path": ...,
            "name": ..., "encoder": ...}]}, a path is enough). Paths are relative to the list.
        name: of the person; for a single video
        encoder: where an entry names none
    Raises:
        LipsyncError: a list cannot be read or has an unknown key; there is no video; there is one
            name for several.
    """
    found = []
    for path in given:
        videos = list(_videos(path))
        if not videos:
            raise LipsyncError(f"{path}: no video in there")
        found += videos
    if name is not None and len(found) != 1:
        raise LipsyncError(
            f"--name {name}: is for one video, here are {len(found)}; give names in a list"
        )
    return [Source(one.path, name or one.name, one.encoder or encoder, one.told) for one in found]


def _videos(given: Path) -> Iterator[Source]:
    if given.is_dir():
        for path in sorted(given.iterdir()):
            if path.suffix.lower() in VIDEOS and path.is_file():
                yield Source(path)
    elif given.suffix.lower() == LIST:
        for number, line in enumerate(_text(given).splitlines(), start=1):
            if content := re.sub(r"(^|\s)#.*", "", line).strip():
                path, name = _path_and_name(given.parent, content)
                yield Source(path, name, told=f"{given} line {number}")
    elif given.suffix.lower() == MANIFEST:
        for i, entry in enumerate(_manifest(given).videos):
            path = given.parent / entry.path
            yield Source(path, entry.name, entry.encoder, told=f"{given} videos[{i}]")
    else:
        yield Source(given)


def _path_and_name(folder: Path, content: str) -> tuple[Path, str | None]:
    """The last word of a line is a name, unless the whole line is the path of a video."""
    words = content.rsplit(maxsplit=1)
    if len(words) == 1 or Path(content).suffix.lower() in VIDEOS:
        return folder / content, None
    return folder / words[0], words[1]


def _manifest(path: Path) -> _Manifest:
    try:
        return _Manifest.model_validate(json.loads(_text(path)))
    except pydantic.ValidationError as error:
        problem = error.errors()[0]
        place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in problem["loc"])
        why = problem["msg"][0].lower() + problem["msg"][1:]
        if problem["type"] == "extra_forbidden":
            model = _Manifest if len(problem["loc"]) == 1 else _Entry
            why = f"unknown key; legal keys: {', '.join(model.model_fields)}"
        raise LipsyncError(f"{path}: {place.lstrip('.') or 'content'}: {why}") from None
    except ValueError as error:
        raise LipsyncError(f"{path}: not valid JSON: {error}") from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise LipsyncError(f"{path}: cannot be read: {reason}") from None
