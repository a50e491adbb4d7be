"""Many sounds in one go: which there are, and what became of each."""

import logging
import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lipsync.errors import LipsyncError, first_line
from lipsync.files import files_in
from lipsync.listing import LIST, MANIFEST, Entry, read_list, read_manifest
from lipsync.rendering.render import Rendered, Renderer
from lipsync.rendering.sound import SOUNDS, VIDEOS
from lipsync.table import table

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One sound and the video that it becomes."""

    audio: Path
    output: Path


@dataclass(frozen=True)
class Outcome:
    """What became of a job: ``done``, or the one line that says why not."""

    job: Job
    done: Rendered | None
    problem: str
    took: float  # seconds


class _Video(Entry):
    audio: Path
    out: Path | None = None


class _Manifest(Entry):
    videos: list[_Video]


def collect_jobs(sources: Sequence[Path], output: Path) -> list[Job]:
    """What to render.

    Args:
        sources: each a sound or video file; a folder, of which all such files are taken; a list
            (.txt: a path a line, # for comments); or a manifest (.json: {"videos": [{"audio": ...,
            "out": ...}]}, ``out`` may be left out). Paths in a list or manifest are relative to it.
        output: a name.mp4 for a single file, else a folder, which gets <name of the sound>.mp4;
            not for those that a manifest names an ``out`` of

    Raises LipsyncError if there is nothing to render, a source cannot be read, two videos would
    have the same name, or one would be written over a sound.
    """
    entries = [entry for source in sources for entry in _entries(source)]
    if not entries:
        raise LipsyncError(f"{', '.join(map(str, sources))}: no sound in there")
    unnamed = sum(out is None for _, out in entries)
    one_file = output.suffix.lower() == ".mp4" and not output.is_dir()
    if one_file and unnamed > 1:
        raise LipsyncError(f"{output}: is one file for {unnamed} sounds; give a folder")
    jobs = []
    for audio, out in entries:
        target = out or (output if one_file else output / f"{audio.stem}.mp4")
        if target.suffix.lower() != ".mp4":
            raise LipsyncError(f"{target}: videos are written as .mp4; name it so")
        jobs.append(Job(audio, target))
    taken: dict[str, Path] = {}
    for job in jobs:
        other = taken.setdefault(_as_one_file(job.output), job.audio)
        if other != job.audio:
            raise LipsyncError(f"{job.output}: would be written for {other} and {job.audio}")
    read = {job.audio.resolve() for job in jobs}
    for job in jobs:
        if job.output.resolve() in read:
            raise LipsyncError(f"{job.output}: is one of the sounds; give another --out")
    return list(dict.fromkeys(jobs))


def _as_one_file(output: Path) -> str:
    """The same for names that a Mac or Windows takes for one file: A.mp4, a.mp4; é in two ways."""
    return unicodedata.normalize("NFC", str(output.resolve())).casefold()


def _entries(source: Path) -> Iterator[tuple[Path, Path | None]]:
    """Sounds, and where their videos shall go if that is said."""
    if source.is_dir():
        for path in files_in(source, SOUNDS | VIDEOS):
            yield path, None
    elif source.suffix.lower() == LIST:
        for _, name in read_list(source):
            yield source.parent / name, None
    elif source.suffix.lower() == MANIFEST:
        for entry in read_manifest(source, _Manifest).videos:
            yield source.parent / entry.audio, entry.out and source.parent / entry.out
    else:
        yield source, None


def run_jobs(renderer: Renderer, jobs: Iterable[Job]) -> Iterator[Outcome]:
    """One after the other; one that fails does not stop the others."""
    for job in jobs:
        begin = time.monotonic()
        done, problem = None, ""
        try:
            done = renderer.render(job.audio, job.output)
        except LipsyncError as error:
            problem = str(error)
        except Exception as error:
            log.exception("%s: a defect of ours, or a file that libav makes nothing of", job.audio)
            problem = f"{job.audio}: {first_line(error)}"
        yield Outcome(job, done, problem, time.monotonic() - begin)


def report(outcomes: Sequence[Outcome]) -> str:
    """What became of each, as a table."""
    rows = [("video", "seconds", "pictures", "a second", "")]
    for outcome in outcomes:
        name = str(outcome.job.output)
        if done := outcome.done:
            rate = f"{done.pictures / max(outcome.took, 1e-6):.0f}"
            rows.append((name, f"{done.seconds:.2f}", str(done.pictures), rate, ""))
        else:
            rows.append((name, "-", "-", "-", outcome.problem))
    return table(rows, right=(1, 2, 3))
