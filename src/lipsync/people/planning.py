"""What is to be done for each video, before anything is written."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

from lipsync.errors import LipsyncError, first_line
from lipsync.media.params import FramesParams
from lipsync.params import PersonParams
from lipsync.people.checking import check_video
from lipsync.people.contents import Contents, read_record, record_file
from lipsync.people.naming import check_name, name_from, numbered
from lipsync.people.sources import Source
from lipsync.speech.params import SpeechParams

log = logging.getLogger(__name__)

VIDEOS_FOLDER = Path("data/videos")
ENCODERS: tuple[str, ...] = get_args(SpeechParams.model_fields["encoder"].annotation)


@dataclass(frozen=True)
class Addition:
    """A person to add.

    Attributes:
        video: where it will lie, relative to the project
        copy: whether the source has to be copied there; else it is there
        note: why the person is not called like the file; "" where it is
    """

    source: Source
    person: str
    video: Path
    copy: bool
    note: str = ""


@dataclass(frozen=True)
class Refusal:
    """A video that does not become a person. ``twin``: who has its content already, "" nobody."""

    source: Source
    reason: str
    twin: str = ""


@dataclass
class Planner:
    """Looks at one video after the other; what it has accepted counts for the next."""

    project: Path
    people: dict[str, Path]  # video of each, relative to the project
    again: bool = False  # the same content may become another person
    frames: FramesParams | None = None  # by which videos are checked; None: they have been
    _contents: Contents = field(default_factory=Contents)
    _accepted: list[Addition] = field(default_factory=list)
    _wanted: set[str] = field(default_factory=set)  # names that the files of the batch make

    @classmethod
    def of(
        cls,
        project: Path,
        people: Sequence[PersonParams],
        again: bool = False,
        frames: FramesParams | None = None,
    ) -> "Planner":
        return cls(project, {one.person: one.video for one in people}, again, frames)

    def plan_all(self, sources: Sequence[Source]) -> list[Addition | Refusal]:
        """What is to be done for each, in their order. Reads them, writes nothing.

        Of files whose names fold to one (Alice.mp4 and alice.mp4, `a b.mp4` and a_b.mp4, one
        accent written in two ways) the first has it, the others are numbered, past all names
        that the batch's other files make or ask for.
        """
        self._wanted |= {name for source in sources if (name := _own_name(source))}
        return [self.plan(source) for source in sources]

    def plan(self, source: Source) -> Addition | Refusal:
        """What is to be done for a video. Reads it, writes nothing."""
        try:
            decided = self._decide(source)
        except LipsyncError as error:
            decided = Refusal(source, str(error))
        except Exception as error:
            log.exception("%s: a defect of ours, or a file that cannot be read", source.path)
            decided = Refusal(source, f"{source.path}: {first_line(error)}")
        if isinstance(decided, Addition):
            self._accepted.append(decided)
        return decided

    def _decide(self, source: Source) -> Addition | Refusal:
        path = source.path
        _check_file(path)
        if self.frames is not None:
            own = {} if source.audio_track is None else {"audio_track": source.audio_track}
            check_video(path, self.frames.model_copy(update=own))
        if source.encoder is not None and source.encoder not in ENCODERS:
            raise LipsyncError(f"encoder {source.encoder}: legal values: {', '.join(ENCODERS)}")
        twin = self._twin(path)
        if twin is not None and not self.again:
            return Refusal(source, f"same content as {twin[0]} ({twin[1]})", twin[0])
        name, note = self._name(source)
        if twin is not None:
            return Addition(source, name, twin[1], copy=False, note=note)
        return replace(self._place(source, name), note=note)

    def _name(self, source: Source) -> tuple[str, str]:
        """The person's name, and why it is numbered, if it is."""
        taken = self.people | {one.person: one.source.path for one in self._accepted}
        if source.name is not None:
            name = check_name(source.name, f"name {source.name}")
            if name in taken:
                raise LipsyncError(f"name {name}: is taken, by {taken[name]}; give another")
            return name, ""
        wanted = name_from(source.path)
        if wanted not in taken:
            return wanted, ""
        name = numbered(wanted, {*taken, *self._wanted})
        return name, f"not {wanted}, which is of {taken[wanted]}"

    def _twin(self, path: Path) -> tuple[str, Path] | None:
        """Who has this content already, and the video that holds it or will."""
        for person, video in self.people.items():
            if self._contents.same(path, self.project / video):
                return person, video
        for other in self._accepted:
            if self._contents.same(path, other.source.path):
                return other.person, other.video
        return None

    def _place(self, source: Source, name: str) -> Addition:
        path, folder = source.path, self.project / VIDEOS_FOLDER
        if path.absolute().parent.resolve() == folder.resolve():
            if re.search("[\ud800-\udfff]", path.name):  # how Python reads bytes that are no UTF-8
                raise LipsyncError(f"{path}: its name is not UTF-8, as YAML wants it; rename it")
            return Addition(source, name, VIDEOS_FOLDER / path.name, copy=False)
        video = VIDEOS_FOLDER / f"{name}{_suffix(path)}"
        target = self.project / video
        if target.exists() or read_record(target):
            if not self._contents.same(path, target):
                there = video if target.exists() else record_file(video)
                raise LipsyncError(f"{there}: is there, of another video; give another name")
            return Addition(source, name, video, copy=not target.exists())
        return Addition(source, name, video, copy=True)


def _check_file(path: Path) -> None:
    """LipsyncError for what is no file with content, whose reading would wait or say little."""
    if path.exists() and not path.is_file():
        raise LipsyncError(f"{path}: is no regular file; give a video")
    if path.is_file() and path.stat().st_size == 0:
        raise LipsyncError(f"{path}: is empty; if it is still being downloaded, wait for it")


def _own_name(source: Source) -> str:
    """The name that was asked for, or that the file makes; "" where it makes none."""
    try:
        return source.name or name_from(source.path)
    except LipsyncError:
        return ""


def _suffix(path: Path) -> str:
    """A file's suffix as far as every file system and shell takes it: `.mp4` of `a.MP4 (1)`."""
    match = re.match(r"\.[a-z0-9]+", path.suffix.lower())
    return match[0] if match else ""
