"""What `lipsync add` is given: files, folders, lists, JSON."""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lipsync.errors import LipsyncError, printable
from lipsync.files import UNFINISHED, files_in, is_hidden
from lipsync.listing import LIST, MANIFEST, Entry, read_list, read_manifest
from lipsync.rendering.sound import VIDEOS

# Suffixes of what may be video and is not taken from a folder: rare, raw, or without a container
OTHER_VIDEOS = (".264", ".265", ".amv", ".braw", ".divx", ".gif", ".h264", ".h265", ".hevc",
                ".insv", ".ivf", ".lrv", ".m1v", ".m2v", ".mjpeg", ".mjpg", ".mk3d", ".mod",
                ".mpe", ".mpv", ".nut", ".ogm", ".qt", ".r3d", ".rm", ".rmvb", ".tod")  # fmt: skip
NAMED = 10  # files that a warning names at most


@dataclass(frozen=True)
class Source:
    """A video that shall become a person.

    Attributes:
        name: that was asked for; None: from the file's name
        encoder: value of people.<name>.speech.encoder; None: as everybody's
        audio_track: value of people.<name>.frames.audio_track; None: as everybody's
        base: value of people.<name>.base; None: as if it were not there, true
        preset: name of the preset whose values the person gets; None: everybody's values
        told: which list named it, and where; empty for the command line
    """

    path: Path
    name: str | None = None
    encoder: str | None = None
    told: str = ""
    audio_track: int | None = None
    base: bool | None = None
    preset: str | None = None


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
        _say_left_out(given)
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
    """The last word of a line is a name, unless the whole line is the path of a video or file."""
    words = content.rsplit(maxsplit=1)
    whole = Path(content).suffix.lower() in VIDEOS or (folder / content).is_file()
    if len(words) == 1 or whole:
        return folder / content, None
    return folder / words[0], words[1]


def _say_left_out(folder: Path) -> None:
    """Warn of files that are videos by their names, and that are not taken from the folder."""
    names = sorted(path.name for path in folder.iterdir() if not is_hidden(path) and path.is_file())
    found = [name for name in names if _may_be_video(name, names)]
    if not found:
        return
    shown = ", ".join(found[:NAMED])
    if len(found) > NAMED:
        shown += f" and {len(found) - NAMED} more"
    line = (
        f"warning: {folder}: not taken for videos by their names, and left out: {shown}; rename "
        "or convert them, or give them one by one"
    )
    print(printable(line), file=sys.stderr)


def _may_be_video(name: str, others: Sequence[str]) -> bool:
    """Of a name that no folder's video has: a.rmvb, a.mp4.crdownload, `a.mp4 (1)`."""
    unfinished = next((end for end in UNFINISHED if name.lower().endswith(end)), "")
    rest = name[: len(name) - len(unfinished)]
    suffix = Path(rest).suffix.lower()
    if rest in others if unfinished else suffix in VIDEOS:
        return False  # `files_in` has told of the former, and taken the latter
    plain = re.match(r"\.[a-z0-9]+", suffix)
    return plain is not None and plain[0] in {*VIDEOS, *OTHER_VIDEOS}
