"""Steps side by side: what may start, what became of each, and the orderly end after Ctrl+C."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from lipsync.running.command import effect, reason
from lipsync.running.graph import Step

TICK = 0.2  # seconds between two looks

State = Literal["waiting", "running", "done", "fresh", "failed", "not run", "stopped"]
OVER: tuple[State, ...] = ("done", "fresh", "failed", "not run", "stopped")


@dataclass(frozen=True)
class Ended:
    """A `dvc repro -s` that is over: its exit code, and what it said."""

    code: int
    text: str


@dataclass(frozen=True)
class Share:
    """How far a step is: 0 to 1; seconds left, 0 while nobody knows; on which machine, "" here."""

    share: float = 0.0
    left: float = 0.0
    place: str = ""


class Work(Protocol):
    """One step that an engine has begun."""

    def ended(self) -> Ended | None:
        """None while it runs."""

    def share(self) -> Share | None:
        """None where nobody knows."""

    def stop(self) -> None:
        """Ask it to end, once; a training writes its checkpoint first."""


class Engine(Protocol):
    """Where steps run."""

    def has_room(self, step: Step) -> bool:
        """Whether it could begin now."""

    def begin(self, step: Step) -> Work: ...


@dataclass
class Record:
    """A step and what became of it.

    Attributes:
        started, ended: unix seconds
        why: one line on a failure, or on what it waited for in vain
        ran: it did something; a step that DVC found unchanged, once it looked, did not
        restored: DVC took what it makes from the cache
    """

    step: Step
    state: State = "waiting"
    started: float = 0.0
    ended: float = 0.0
    why: str = ""
    ran: bool = False
    restored: bool = False
    work: Work | None = None


class Scheduler:
    """Runs steps, at most ``jobs`` at once, those first that stand first.

    A step starts when all that it waits for is done, and all that it stands behind is over. It is
    left alone if it is fresh and so was all that it waits for. One that fails takes down only what
    waits for it.
    """

    def __init__(self, steps: Sequence[Step], engine: Engine, jobs: int) -> None:
        self.records = {step.name: Record(step) for step in steps}
        self.stopping = False
        self._engine = engine
        self.jobs = jobs

    def running(self) -> list[Record]:
        return [record for record in self.records.values() if record.state == "running"]

    def run(self, show: Callable[["Scheduler"], None]) -> None:
        """Until all is over; ``show`` is called several times a second."""
        while True:
            for record in self.running():
                self._look(record)
            if not self.stopping:
                self._advance()
            show(self)
            if not self.running():
                break
            time.sleep(TICK)
        for record in self.records.values():
            if record.state == "waiting":
                record.state = "not run"

    def stop(self) -> None:
        """Begin nothing more, and ask what runs to end. A second call does nothing."""
        if self.stopping:
            return
        self.stopping = True
        for record in self.running():
            if record.work is not None:
                record.work.stop()

    def _look(self, record: Record) -> None:
        over = record.work.ended() if record.work else None
        if over is None:
            return
        record.ended = time.time()
        if over.code == 0:
            what = effect(over.text)
            record.ran, record.restored = what != "nothing", what == "restored"
            record.state = "done" if record.ran else "fresh"
        elif self.stopping:
            record.state = "stopped"
        else:
            record.state = "failed"
            record.why = reason(over.text) or f"exit code {over.code}"

    def _advance(self) -> None:
        """Begin what can begin. Steps stand after those that they wait for: one pass settles it."""
        at_work = len(self.running())
        for record in self.records.values():
            if record.state != "waiting":
                continue
            step = record.step
            before = [self.records[name] for name in step.after if name in self.records]
            ahead = [self.records[name] for name in step.behind if name in self.records]
            lost = [r for r in before if r.state in ("failed", "not run", "stopped")]
            if lost:
                record.state, record.why = "not run", lost[0].why and f"waits for {_root(lost[0])}"
            elif any(r.state not in OVER for r in before + ahead):
                continue
            elif not step.stale and not any(r.ran for r in before):
                record.state = "fresh"
            elif at_work < self.jobs and self._engine.has_room(step):
                record.work = self._engine.begin(step)
                record.state, record.started = "running", time.time()
                at_work += 1


def _root(lost: Record) -> str:
    """The failed step behind one that did not run."""
    if lost.state == "not run" and lost.why.startswith("waits for "):
        return lost.why.removeprefix("waits for ")
    return lost.step.name
