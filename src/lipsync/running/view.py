"""What is under way: a live table on a terminal, a line now and then elsewhere; and the report."""

import time
from collections.abc import Iterable
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from lipsync.running.scheduler import OVER, Record, Scheduler, Share
from lipsync.running.time_left import TimeLeft
from lipsync.table import table

PLAIN_INTERVAL = 15.0  # seconds between two lines where stderr is no terminal
REFRESH = 1.0  # seconds between two pictures of the table


class View:
    """Shows a scheduler at work, on stderr. Use as a context manager.

    Args:
        time_left: of the run
        later: how many stages follow after the scheduler's
    """

    def __init__(self, time_left: TimeLeft, later: int = 0) -> None:
        self._time_left, self._later = time_left, later
        self._console = Console(stderr=True, highlight=False)
        terminal = self._console.is_terminal
        self._live = Live(console=self._console, auto_refresh=False) if terminal else None
        self._last = 0.0
        self._told: set[tuple[str, float]] = set()

    def __enter__(self) -> "View":
        if self._live:
            self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.update("", refresh=True)
            self._live.__exit__(kind, error, trace)

    def show(self, scheduler: Scheduler) -> None:
        """Called often; draws seldom. What failed is told at once."""
        for record in scheduler.records.values():
            mark = (record.step.name, record.ended)
            if record.state in ("done", "failed") and mark not in self._told:
                self._told.add(mark)
                if record.state == "failed":
                    self.say(f"{record.step.name}: failed: {record.why}")
                elif self._live is None:
                    self.say(
                        f"{record.step.name}: done in {duration(record.ended - record.started)}"
                    )
        self._time_left.tell(scheduler)
        now = time.monotonic()
        if now - self._last < (REFRESH if self._live else PLAIN_INTERVAL):
            return
        self._last = now
        counts = self._counts(scheduler)
        if self._live:
            self._live.update(_table(scheduler, counts), refresh=True)
        else:
            self.say(_line(scheduler, counts))

    def _counts(self, scheduler: Scheduler) -> str:
        """How many stages are over, and about how long the others take."""
        records = scheduler.records.values()
        over = sum(record.state in OVER for record in records)
        failed = sum(record.state == "failed" for record in records)
        words = f"{over} of {len(records) + self._later} stages"
        words += f", {failed} failed" if failed else ""
        left = None if scheduler.stopping else self._time_left.seconds(scheduler)
        return words + (f", about {duration(left)} left" if left else "")

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)


def _table(scheduler: Scheduler, counts: str) -> Table:
    table = Table(box=None, pad_edge=False, caption=counts, caption_justify="left")
    for heading in ("person", "stage", "state", "share", "left", "where"):
        table.add_column(heading)
    for record in scheduler.running():
        share = record.work.share() if record.work else None
        share = share or Share()
        state = "stopping" if scheduler.stopping else duration(time.time() - record.started)
        bar = ProgressBar(total=1.0, completed=share.share, width=20) if share.share else ""
        left = duration(share.left) if share.left else ""
        stage = record.step.stage if record.step.person else record.step.name
        table.add_row(record.step.person or "-", stage, state, bar, left, share.place)
    return table


def _line(scheduler: Scheduler, counts: str) -> str:
    parts = []
    for record in scheduler.running():
        share = record.work.share() if record.work else None
        words = [record.step.name]
        if share and share.share:
            words.append(f"{100 * share.share:.0f} %")
        if share and share.left:
            words.append(f"({duration(share.left)} left)")
        if share and share.place:
            words.append(f"on {share.place}")
        parts.append(" ".join(words))
    return "; ".join([counts, *parts])


def report(records: Iterable[Record]) -> str:
    """What became of each person, a line each; then why, for what failed."""
    everybody: dict[str, list[Record]] = {}
    for record in records:
        person = record.step.person
        if person or record.state != "fresh":
            everybody.setdefault(person or record.step.name, []).append(record)
    rows = [(name, _verdict(own), _stages(own)) for name, own in everybody.items()]
    lines = [table(rows)] if rows else []
    for own in everybody.values():
        lines += [f"{r.step.name}: {r.why}" for r in own if r.state == "failed"]
    return "\n".join(lines)


def _verdict(own: list[Record]) -> str:
    states = {record.state for record in own}
    for state in ("failed", "stopped", "not run"):
        if state in states:
            return state
    return "done" if "done" in states else "up to date"


def _stages(own: list[Record]) -> str:
    """Counts by state, the failed ones by name, and what the others waited for."""
    parts = [f"{r.step.stage} failed" for r in own if r.state == "failed"]
    for state in ("done", "fresh", "stopped", "not run"):
        if count := sum(record.state == state for record in own):
            parts.append(f"{count} {'up to date' if state == 'fresh' else state}")
    failed = {record.step.name for record in own if record.state == "failed"}
    waits = {r.why for r in own if r.why.startswith("waits for ")}
    parts += sorted(wait for wait in waits if wait.removeprefix("waits for ") not in failed)
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """1:05 is a minute and five seconds, 2:00:00 two hours."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
