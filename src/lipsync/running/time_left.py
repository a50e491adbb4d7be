"""About how long a run of stages still takes.

A stage that has not begun is expected to take what it took on a reference machine for each second
of the source video, times how much slower this machine was at the stages that are done. A training
that runs says better itself how long it still takes. The estimate lies in `.scratch/run/
time_left.json` while `lipsync run` or `lipsync train` is at work, for the web page, with whose it
is: the people, and the process, so that one that was killed, or another's, is not believed.
"""

import json
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.media.video import probe
from lipsync.params import load_params
from lipsync.processes import find_process
from lipsync.running.graph import Step
from lipsync.running.scheduler import Record, Scheduler
from lipsync.telemetry import scratch_root

# Seconds of each stage on two server cores: constant, and for each second of source video. From two
# clips of 10 and 20 s, 1080 x 1920, params.yaml as it is (`benchmarks/minutes.py` makes such a
# table); profile, evaluate, render_sample: estimates from one. Other stages are not counted.
REFERENCE = {
    "extract_frames": (1.0, 0.4),
    "detect_landmarks": (1.0, 0.4),
    "crop_faces": (2.0, 0.1),
    "fit_geometry": (1.0, 0.02),
    "align_audio": (3.0, 0.1),
    "profile": (4.0, 0.2),
    "extract_audio_features": (2.0, 0.01),
    "inherit": (1.0, 0.0),
    "train_syncnet": (6.0, 0.0),
    "train_motion": (7.0, 0.2),
    "train_generator": (30.0, 0.3),
    "evaluate": (20.0, 1.0),
    "export": (4.0, 0.0),
    "render_sample": (10.0, 0.0),
}
PRIOR = 20.0  # seconds of the reference that this machine is taken to be as fast, to begin with
LEAST = 0.1  # of its expected time, that a stage which takes longer is still expected to take
WRITE = 2.0  # seconds between two writes of the file


@dataclass(frozen=True)
class Estimate:
    """time_left.json.

    Attributes:
        left: seconds, from ``updated`` on
        updated: unix seconds
        pid, created: of the run's process, and the unix seconds when it was made
        people: whose stages it runs
    """

    left: float
    updated: float
    pid: int
    created: float
    people: list[str]


class TimeLeft:
    """Of one run. Use as a context manager, which removes the file, if it is this process's.

    Args:
        earlier: what was run before; the speed of this machine is known from it
        later: steps that follow after the scheduler's
    """

    def __init__(
        self, project: Path, earlier: Iterable[Record] = (), later: Sequence[Step] = ()
    ) -> None:
        self._project, self._earlier, self._later = project, list(earlier), later
        self._lengths: dict[str, float | None] = {}
        self._path = file_of(project)
        self._written = 0.0  # on the monotonic clock

    def __enter__(self) -> "TimeLeft":
        return self

    def __exit__(self, *error: object) -> None:
        estimate = _read(self._project)
        if estimate is not None and estimate.pid == os.getpid():
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    def seconds(self, scheduler: Scheduler) -> float | None:
        """From now on; None where no stage is known."""
        records = scheduler.records.values()
        pace = self._pace([*self._earlier, *records])
        left, people, known = 0.0, set[str](), False
        for record in scheduler.running():
            cost = self._cost(record.step)
            share = record.work.share() if record.work else None
            if share is not None and share.left:
                left += share.left
            elif cost is not None:
                spent = time.time() - record.started
                left += max(cost * pace - spent, LEAST * cost * pace)
            known = known or cost is not None
            people.add(record.step.person)
        for step in to_come(records, self._later):
            cost = self._cost(step)
            left += (cost or 0.0) * pace
            known = known or cost is not None
            people.add(step.person)
        if not known:
            return None
        return left / max(1, min(scheduler.jobs, len(people)))

    def tell(self, scheduler: Scheduler) -> None:
        """Write the file, if the last time is long enough ago."""
        now = time.monotonic()
        if now - self._written < WRITE:
            return
        self._written = now
        seconds = self.seconds(scheduler)
        if seconds is None:
            return
        with suppress(LipsyncError, OSError), atomic_path(self._path) as temporary:
            people = sorted({record.step.person for record in scheduler.records.values()})
            process = psutil.Process()
            estimate = Estimate(
                round(seconds, 1), time.time(), process.pid, process.create_time(), people
            )
            temporary.write_text(json.dumps(asdict(estimate)), encoding="utf-8")

    def _pace(self, records: Iterable[Record]) -> float:
        """Seconds here for a second of the reference."""
        here = reference = PRIOR
        for record in records:
            cost = self._cost(record.step)
            if record.state == "done" and not record.restored and cost is not None:
                here += record.ended - record.started
                reference += cost
        return here / reference

    def _cost(self, step: Step) -> float | None:
        """Seconds of the reference; None of a stage, or a video, that is not known."""
        constant, slope = REFERENCE.get(step.stage, (None, 0.0))
        if constant is None or (length := self._length(step.person)) is None:
            return None
        return constant + slope * length

    def _length(self, person: str) -> float | None:
        """Seconds of a person's source video; None where it cannot be read."""
        if person not in self._lengths:
            self._lengths[person] = None
            with suppress(LipsyncError):  # the run itself says what is wrong
                params = load_params(self._project / "params.yaml").for_person(person)
                self._lengths[person] = probe(self._project / params.video).seconds
        return self._lengths[person]


def to_come(records: Iterable[Record], later: Sequence[Step]) -> list[Step]:
    """Steps that wait and will not be left alone: stale ones, and what follows one that runs."""
    changes, found = set[str](), list[Step]()
    steps = [(record.step, record) for record in records]
    for step, record in [*steps, *((step, None) for step in later)]:
        if record is not None and record.state != "waiting":
            if record.ran or record.state == "running":
                changes.add(step.name)
        elif step.name not in changes and (step.stale or step.after & changes):
            changes.add(step.name)
            found.append(step)
    return found


def file_of(project: Path) -> Path:
    return scratch_root(project) / "run" / "time_left.json"


def read_time_left(project: Path, person: str) -> float | None:
    """Seconds that a run of this person which is at work still takes; None where nobody knows."""
    estimate = _read(project)
    if (
        estimate is None
        or person not in estimate.people
        or find_process(estimate.pid, estimate.created) is None
    ):
        return None
    return max(0.0, estimate.left - (time.time() - estimate.updated))


def _read(project: Path) -> Estimate | None:
    try:
        found = json.loads(file_of(project).read_text(encoding="utf-8"))
        left, updated, created = (float(found[key]) for key in ("left", "updated", "created"))
        return Estimate(left, updated, int(found["pid"]), created, list(map(str, found["people"])))
    except (OSError, ValueError, KeyError, TypeError):
        return None
