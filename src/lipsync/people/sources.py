"""What `lipsync add` is given: files, folders, lists, JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lipsync.errors import LipsyncError
from lipsync.files import files_in
from lipsync.listing import LIST, MANIFEST, Entry, read_list, read_manifest
from lipsync.rendering.sound import VIDEOS


@dataclass(frozen=True)
class Source:
    """A video that shall become a person.

    Attributes:
        name: that was asked for; None: from the file's name
        encoder: value of people.<name>.speech.encoder; None: as everybody's
        audio_track: value of people.<name>.frames.audio_track; None: as everybody's
        told: which list named it, and where; empty for the command line
        overrides: further values of people.<name>
    """

    path: Path
    name: str | None = None
    encoder: str | None = None
    told: str = ""
    audio_track: int | None = None
    overrides: dict[str, Any] = field(default_factory=dict, hash=False)


class _Video(Entry):
    path: Path
    name: str | None = None
    encoder: str | None = None


class _Manifest(Entry):
    videos: list[_Video]


def read_sources(
    given: Sequence[Path],
    name: str | None = None,
    encoder: str | None = None,
    audio_track: int | None = None,
) -> list[Source]:
    """All videos that are meant; whether they are there is not looked at.

    Args:
        given: each a video; a folder, of which all videos are taken; a list (.txt: `path name` a
            line, the name may be left out, # for comments); or JSON ({"videos": [{"path": ...,
            "name": ..., "encoder": ...}]}, a path is enough). Paths are relative to the list.
        name: of the person; for a single video
        encoder: where an entry names none
        audio_track: of all of them
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
    return [
        Source(one.path, name or one.name, one.encoder or encoder, one.told, audio_track)
        for one in found
    ]


def _videos(given: Path) -> Iterator[Source]:
    if given.is_dir():
        yield from map(Source, files_in(given, VIDEOS))
    elif given.suffix.lower() == LIST:
        for number, content in read_list(given):
            path, name = _path_and_name(given.parent, content)
            yield Source(path, name, told=f"{given} line {number}")
    elif given.suffix.lower() == MANIFEST:
        for i, entry in enumerate(read_manifest(given, _Manifest).videos):
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
