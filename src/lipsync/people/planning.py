"""What is to be done for each video, before anything is written."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from lipsync.errors import LipsyncError, first_line
from lipsync.media.resample import check_source
from lipsync.params import PersonParams
from lipsync.people.contents import Contents, read_record, record_file
from lipsync.people.naming import check_name, name_from
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
    """

    source: Source
    person: str
    video: Path
    copy: bool


@dataclass(frozen=True)
class Refusal:
    """A video that does not become a person. ``known``: its content is there already."""

    source: Source
    reason: str
    known: bool = False


@dataclass
class Planner:
    """Looks at one video after the other; what it has accepted counts for the next."""

    project: Path
    people: dict[str, Path]  # video of each, relative to the project
    again: bool = False  # the same content may become another person
    _contents: Contents = field(default_factory=Contents)
    _accepted: list[Addition] = field(default_factory=list)

    @classmethod
    def of(cls, project: Path, people: Sequence[PersonParams], again: bool = False) -> "Planner":
        return cls(project, {one.person: one.video for one in people}, again)

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
        check_source(path, "auto" if source.audio_track is None else source.audio_track)
        if source.encoder is not None and source.encoder not in ENCODERS:
            raise LipsyncError(f"encoder {source.encoder}: legal values: {', '.join(ENCODERS)}")
        twin = self._twin(path)
        if twin is not None and not self.again:
            return Refusal(source, f"same content as {twin[0]} ({twin[1]})", known=True)
        name = (
            name_from(path)
            if source.name is None
            else check_name(source.name, f"name {source.name}")
        )
        taken = self.people | {one.person: one.source.path for one in self._accepted}
        if name in taken:
            raise LipsyncError(f"name {name}: is taken, by {taken[name]}; give another")
        if twin is not None:
            return Addition(source, name, twin[1], copy=False)
        return self._place(source, name)

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
            return Addition(source, name, VIDEOS_FOLDER / path.name, copy=False)
        video = VIDEOS_FOLDER / f"{name}{path.suffix.lower()}"
        target = self.project / video
        if target.exists() or read_record(target):
            if not self._contents.same(path, target):
                there = video if target.exists() else record_file(video)
                raise LipsyncError(f"{there}: is there, of another video; give another name")
            return Addition(source, name, video, copy=not target.exists())
        return Addition(source, name, video, copy=True)
