"""`lipsync run`: rounds of a scheduler until nothing is stale, and the report."""

import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from lipsync.running.graph import Step, read_steps
from lipsync.running.local import LocalEngine, available_cores, log_folder, torch_threads
from lipsync.running.scheduler import Engine, Record, Scheduler
from lipsync.running.time_left import TimeLeft
from lipsync.running.view import View, report

ROUNDS = 3  # a stage may change what one that came before it depends on; then that runs again


def run_people(
    project: Path,
    engine: Engine,
    steps: Callable[[], list[Step]],
    jobs: int,
    after: Callable[[], None] | None = None,
    earlier: Iterable[Record] = (),
    later: Sequence[Step] = (),
) -> tuple[dict[str, Record], bool]:
    """Bring steps up to date.

    Args:
        steps: reads them, with what is stale now; asked again after each round
        jobs: at most so many at once
        after: called after each round
        earlier, later: what the caller has run before, and runs next, for the time left
    Returns:
        what became of each by name, and whether somebody stopped it
    """
    records: dict[str, Record] = {}
    with TimeLeft(project, earlier, later) as time_left, View(time_left, len(later)) as view:
        for _ in range(ROUNDS):
            barred = {n for n, r in records.items() if r.state in ("failed", "not run")}
            scheduler = Scheduler([s for s in steps() if s.name not in barred], engine, jobs)
            with _stopped_by_signals(scheduler, view):
                scheduler.run(view.show)
            for name, record in scheduler.records.items():
                if name not in records or record.state != "fresh":
                    records[name] = record
            if after is not None:
                after()
            if scheduler.stopping or not any(r.ran for r in scheduler.records.values()):
                return records, scheduler.stopping
    return records, False


@contextmanager
def _stopped_by_signals(scheduler: Scheduler, view: View) -> Iterator[None]:
    """The first Ctrl+C or SIGTERM stops in order; another one is too late to change anything."""

    def stop(number: int, frame: FrameType | None) -> None:
        names = ", ".join(record.step.name for record in scheduler.running())
        if names:
            view.say(f"stopping: {names}; a training finishes its batch and writes a checkpoint")
        scheduler.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def finish(
    records: dict[str, Record], stopped: bool, logs: Path, command: str = "lipsync run"
) -> int:
    """Print the report; the exit code: 130 if stopped, 1 if anything failed, else 0."""
    print(report(records.values()), flush=True)
    if stopped:
        print(f"{command}: stopped; run it again to go on", file=sys.stderr)
        return 130
    failed = sum(record.state == "failed" for record in records.values())
    if failed:
        print(
            f"{command}: {failed} {'stage' if failed == 1 else 'stages'} failed; "
            f"what each said is in {logs}",
            file=sys.stderr,
        )
    return 1 if failed else 0


def local_engine(
    project: Path, jobs: int, threads: int | None, gpus: list[str], name: str
) -> LocalEngine:
    """This machine, for so many steps side by side; ``name``: of the command, for a warning."""
    each = threads or torch_threads()
    crowded = jobs > 1 and jobs * each > available_cores()
    if crowded and not gpus:
        print(
            f"{name}: {jobs} stages of {each} threads share {available_cores()} cores; "
            "results are those of `dvc repro` to the byte, but fewer --threads are faster",
            file=sys.stderr,
        )
    lent = gpus if jobs > 1 else []  # one after the other, each has all that `dvc repro` has
    return LocalEngine(project, threads, lent, crowded=crowded)


def run_here(
    project: Path, people: Sequence[str] | None, jobs: int, threads: int | None, gpus: list[str]
) -> int:
    """On this machine; the exit code."""
    engine = local_engine(project, jobs, threads, gpus, "lipsync run")
    records, stopped = run_people(project, engine, lambda: read_steps(project, people), jobs)
    return finish(records, stopped, log_folder(project))
