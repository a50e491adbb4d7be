"""People out of a project: params.yaml, dvc.lock, results, and the video that nobody else uses."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lipsync.dvc_lock import LOCK, read_lock
from lipsync.errors import LipsyncError
from lipsync.params import load_params
from lipsync.people.contents import Contents, read_record, record_file
from lipsync.people.planning import VIDEOS_FOLDER
from lipsync.people.tracking import dvc_repo, is_dvc_project, refuse_beside_a_run, untrack
from lipsync.telemetry import scratch_root
from lipsync.yaml_edit import rewrite, without_entries


@dataclass(frozen=True)
class Removal:
    """What removing a person takes away. Paths as they are reached from where the command runs.

    Attributes:
        folders: of results and checkpoints
        stages: names of entries in dvc.lock
        video: of params.yaml
        kept: why the video stays; empty: it goes, and its .dvc file with it
    """

    person: str
    folders: tuple[Path, ...]
    stages: tuple[str, ...]
    video: Path
    kept: str


def plan_removal(names: Sequence[str], project: Path, *, keep_video: bool = False) -> list[Removal]:
    """What removing these people means; reads only.

    Raises:
        LipsyncError: no such person; others are built on one; nobody would be left; a stage runs.
    """
    params = load_params(project / "params.yaml")
    videos = {name: params.for_person(name).video for name in params.people}
    for name in names:
        params.for_person(name)
        if users := params.built_on(name, leaving=names):
            raise LipsyncError(f"{name}: is used by {', '.join(users)}; change that first")
    staying = {name: video for name, video in videos.items() if name not in names}
    if not staying:
        raise LipsyncError(
            f"{', '.join(names)}: nobody would be left, and params.yaml wants one person; add "
            "another first"
        )
    refuse_beside_a_run(project)
    locked = read_lock(project)
    contents = Contents()
    return [
        Removal(
            person=name,
            folders=_folders(name, project),
            stages=tuple(sorted(stage for stage in locked if stage.endswith(f"@{name}"))),
            video=videos[name],
            kept="asked for" if keep_video else _kept(videos[name], project, staying, contents),
        )
        for name in dict.fromkeys(names)
    ]


def _folders(name: str, project: Path) -> tuple[Path, ...]:
    results = [project / top / name for top in ("data", "models", "metrics")]
    results.append(project / "data/base" / f"{name}.npz")  # what taught a base
    checkpoints = sorted(scratch_root(project).glob(f"*/{name}"))
    return tuple(path for path in [*results, *checkpoints] if path.exists() or path.is_symlink())


def _kept(video: Path, project: Path, staying: dict[str, Path], contents: Contents) -> str:
    """Why a video stays: only what DVC can bring back is deleted."""
    path = project / video
    users = [name for name, other in staying.items() if _same_path(project / other, path)]
    if users:
        return f"{', '.join(users)} uses it"
    if path.absolute().parent.resolve() != (project / VIDEOS_FOLDER).resolve():
        return f"it is not in {VIDEOS_FOLDER.as_posix()}"
    if not is_dvc_project(project) or not record_file(path).exists():
        return "not tracked by DVC"
    read_record(path)
    if path.exists() and not contents.is_recorded(path, path):
        return "changed since `dvc add`"
    return ""


def _same_path(one: Path, other: Path) -> bool:
    return one.absolute() == other.absolute() or (
        one.exists() and other.exists() and one.samefile(other)
    )


def describe(removal: Removal) -> str:
    """The plan for one person, in lines."""
    lines = [f"{removal.person}:", f"  params.yaml  people.{removal.person}"]
    if removal.stages:
        count = len(removal.stages)
        lines.append(f"  dvc.lock     {count} stage{'s' * (count > 1)}")
    lines += [f"  folder       {folder.as_posix()}" for folder in removal.folders]
    kept = f", kept: {removal.kept}" if removal.kept else ", and its .dvc file"
    lines.append(f"  video        {removal.video.as_posix()}{kept}")
    return "\n".join(lines)


def remove_people(removals: Sequence[Removal], project: Path) -> None:
    """Carry the plan out. params.yaml comes last: whatever ends it half-way, run it again."""
    stages = {stage for one in removals for stage in one.stages}
    if stages:
        rewrite(project / LOCK, lambda text: without_entries(text, "stages", stages))
    for folder in (folder for one in removals for folder in one.folders):
        if folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder)
        else:
            folder.unlink()
    leaving = {one.video for one in removals if not one.kept}
    if leaving:
        with dvc_repo(project) as repo:
            for video in sorted(leaving):
                untrack(repo, project / video)
    people = {one.person for one in removals}
    rewrite(project / "params.yaml", lambda text: without_entries(text, "people", people))
