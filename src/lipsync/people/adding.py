"""Videos into data/videos/ and DVC, people into params.yaml."""

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lipsync.dvc_lock import read_lock
from lipsync.errors import LipsyncError, first_line
from lipsync.files import atomic_path
from lipsync.media.params import FramesParams
from lipsync.params import load_params
from lipsync.people.contents import record_file
from lipsync.people.planning import VIDEOS_FOLDER, Addition, Planner, Refusal
from lipsync.people.sources import Source
from lipsync.people.tracking import alone, dvc_repo, is_dvc_project, refuse_beside_a_run, track
from lipsync.presets import for_one_person
from lipsync.table import table
from lipsync.yaml_edit import rewrite, with_entry

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of a video: ``person`` was added, or ``problem`` says in one line why not.

    twin: the person who has its content already, which is no failure; "" nobody
    note: why the person is not called like the file; "" where it is
    """

    source: Source
    person: str = ""
    video: Path | None = None
    problem: str = ""
    twin: str = ""
    note: str = ""

    @property
    def known(self) -> bool:
        return bool(self.twin)

    @property
    def failed(self) -> bool:
        return bool(self.problem) and not self.known


def add_people(
    sources: Sequence[Source],
    project: Path,
    *,
    link: bool = False,
    again: bool = False,
    checked: bool = False,
) -> Iterator[Outcome]:
    """Make people of videos, one after the other; one that fails does not stop the others.

    All are looked at before the first is written. A person whose video cannot be put in place, or
    not tracked, leaves nothing behind but what DVC's cache may hold.

    Args:
        sources: as of ``read_sources``
        project: the folder with params.yaml
        link: make the video a link into DVC's cache, which saves the second copy of it
        again: add it too where the same content is there already; both use one video
        checked: ``check_video`` has passed the videos, of a stranger in another process; nothing is
            decoded here
    Yields:
        outcomes in the order of ``sources``
    Raises:
        LipsyncError: params.yaml is wrong, a stage is running, or ``link`` without DVC.
    """
    with alone(project):
        params = load_params(project / "params.yaml")
        refuse_beside_a_run(project)
        read_lock(project)  # DVC, which reads it too, would say less of what is wrong with it
        if link and not is_dvc_project(project):
            raise LipsyncError("--link: links lead into DVC's cache, and this is no DVC project")
        people = [params.for_person(name) for name in params.people]
        frames = None if checked else params.shared()[FramesParams]
        planner = Planner.of(project, people, again, frames)
        plans = planner.plan_all(sources)
        with dvc_repo(project, link) as repo:
            for plan in plans:
                if isinstance(plan, Refusal):
                    yield Outcome(plan.source, problem=plan.reason, twin=plan.twin)
                else:
                    yield _add(plan, project, repo)


def _add(addition: Addition, project: Path, repo: Any) -> Outcome:
    try:
        _write(addition, project, repo)
    except LipsyncError as error:
        return Outcome(addition.source, problem=str(error))
    except Exception as error:
        log.exception("%s: a defect of ours, or of DVC's", addition.source.path)
        return Outcome(addition.source, problem=f"{addition.source.path}: {first_line(error)}")
    return Outcome(addition.source, addition.person, addition.video, note=addition.note)


def _write(addition: Addition, project: Path, repo: Any) -> None:
    """The video, DVC's record of it, then params.yaml; or nothing of them, Ctrl+C included."""
    video = project / addition.video
    with ExitStack() as undo:
        if addition.copy:
            undo.callback(video.unlink, missing_ok=True)
            with atomic_path(video) as temporary:
                shutil.copyfile(addition.source.path, temporary)
        elif not video.exists():
            raise LipsyncError(f"{addition.video}: no such file; `dvc pull` brings it")
        if repo is not None and addition.video.parent == VIDEOS_FOLDER:
            for file in (record_file(video), video.with_name(".gitignore")):
                undo.callback(_put_back, file, file.read_bytes() if file.exists() else None)
            track(repo, video)
        _name(addition, project / "params.yaml")
        undo.pop_all()


def _put_back(file: Path, content: bytes | None) -> None:
    if content is None:
        file.unlink(missing_ok=True)
    elif file.read_bytes() != content:
        with atomic_path(file) as temporary:
            temporary.write_bytes(content)


def _name(addition: Addition, params: Path) -> None:
    """The person's entry in params.yaml, behind the others."""
    entry = {"video": addition.video.as_posix()} | overrides(addition.source)
    rewrite(
        params,
        lambda text: with_entry(text, "people", addition.person, entry),
        check=load_params,
    )


def overrides(source: Source) -> dict[str, Any]:
    """What a person's entry in params.yaml says beside the video."""
    found: dict[str, Any] = {}
    if source.preset is not None:
        found |= for_one_person(source.preset)
    if source.encoder is not None:
        found["speech"] = {"encoder": source.encoder}
    if source.audio_track is not None:
        found["frames"] = {"audio_track": source.audio_track}
    if source.base is not None:
        found["base"] = source.base
    return found


def report(outcomes: Sequence[Outcome]) -> str:
    """What became of each, as a table."""
    rows = [("file", "person", "")]
    for outcome in outcomes:
        note = outcome.problem or str(outcome.video)
        if outcome.note:
            note = f"{note} ({outcome.note})"
        if outcome.known:
            note = f"skipped: {note}"
        elif outcome.problem and outcome.source.told:
            note = f"{note} ({outcome.source.told})"
        rows.append((outcome.source.path.name, outcome.person or "-", note))
    return table(rows)
