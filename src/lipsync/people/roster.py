"""Who is in a project, and how far each is, from what lies there; DVC is not asked."""

from collections.abc import Collection
from pathlib import Path

from lipsync.dvc_lock import read_lock
from lipsync.errors import LipsyncError
from lipsync.media.video import probe
from lipsync.params import load_params
from lipsync.people.contents import read_record
from lipsync.pipeline import Stage, read_stages
from lipsync.table import table


def print_roster(project: Path) -> str:
    """A table: person, video, its megabytes and minutes, and stages that are done.

    Done is a stage whose results dvc.lock names and that lie there; whether they are stale is
    `dvc status`'s to say. Raises LipsyncError if a file of the project cannot be read.
    """
    params = load_params(project / "params.yaml")
    stages = [stage for stage in read_stages(project) if stage.each]
    locked = read_lock(project)
    rows = [("person", "video", "MB", "min:s", "stages done")]
    for person in params.people:
        video = params.for_person(person).video
        rows.append(
            (
                person,
                video.as_posix(),
                *_size(project / video),
                _done(project, stages, locked, person),
            )
        )
    return table(rows, right=(2, 3))


def _size(video: Path) -> tuple[str, str]:
    """Megabytes and minutes:seconds as shown."""
    if not video.is_file():
        record = read_record(video)
        return (f"{record.size / 1e6:.1f}", "not pulled") if record else ("-", "missing")
    try:
        seconds = round(probe(video).seconds)
    except LipsyncError:
        return f"{video.stat().st_size / 1e6:.1f}", "unreadable"
    return f"{video.stat().st_size / 1e6:.1f}", f"{seconds // 60}:{seconds % 60:02}"


def _done(project: Path, stages: list[Stage], locked: Collection[str], person: str) -> str:
    if not stages:
        return "-"
    left = stages_left(project, stages, locked, person)
    count = f"{len(stages) - len(left)} of {len(stages)}"
    return f"{count}, next {left[0]}" if left else count


def stages_left(
    project: Path, stages: list[Stage], locked: Collection[str], person: str
) -> list[str]:
    """Names of the stages whose results are not in dvc.lock, or not there."""
    return [
        stage.name
        for stage in stages
        if stage.key(person) not in locked
        or not all((project / out.replace("${key}", person)).exists() for out in stage.outs)
    ]
