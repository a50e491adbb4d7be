"""How far a training is, in a small file beside its checkpoints, for whoever watches it.

    ${LIPSYNC_SCRATCH:-.scratch}/<stage>/<person>/<fingerprint>/progress.json

The training writes it every two seconds and after each epoch; `lipsync app` reads it. It decides no
result: a training whose file cannot be written goes on.
"""

import json
import os
import platform
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from lipsync.processes import find_process

NAME = "progress.json"
INTERVAL = 2.0  # seconds between two writes within an epoch
MOST_ROWS = 400  # of the losses; longer trainings keep every 2nd, 4th, ... epoch and the last

State = Literal["running", "finished", "stopped", "failed"]


@dataclass
class Telemetry:
    """progress.json.

    Attributes:
        pid: of the stage's process, on computer ``host``
        epoch: finished ones; step: finished ones of the epoch under way
        rate: samples a second; left: seconds; both 0 while they are not known
        losses: rows (epoch, training loss, held-out loss), thinned to at most 401
        updated: unix seconds
    """

    stage: str
    person: str
    pid: int
    host: str
    started: float  # unix seconds, of the process
    epochs: int
    epoch: int = 0
    step: int = 0
    steps: int = 0  # in an epoch
    rate: float = 0.0
    left: float = 0.0
    state: State = "running"
    losses: tuple[tuple[int, float, float], ...] = ()
    updated: float = 0.0


class TelemetryWriter:
    """Keeps the file of one training; ``folder`` is <stage>/<person>/<fingerprint>.

    writes: false in all of several processes but one
    """

    def __init__(self, folder: Path, epochs: int, steps: int, *, writes: bool = True) -> None:
        self._writes = writes
        self._path = folder / NAME
        self._warned = False
        self._last = 0.0  # on the monotonic clock
        process = psutil.Process()
        self.telemetry = Telemetry(
            stage=folder.parent.parent.name,
            person=folder.parent.name,
            pid=process.pid,
            host=platform.node(),
            started=process.create_time(),
            epochs=epochs,
            steps=steps,
        )

    def step(self, epoch: int, step: int, rate: float, left: float) -> None:
        """Note progress; write it if the last time is long enough ago."""
        now = self.telemetry
        now.epoch, now.step, now.rate, now.left = epoch, step, rate, left
        if time.monotonic() - self._last >= INTERVAL:
            self.write()

    def epoch(self, history: list[dict[str, float]]) -> None:
        """Write the losses of all finished epochs; ``history`` as of `training.state.Progress`."""
        self.telemetry.losses = thin(history)
        self.telemetry.epoch, self.telemetry.step = len(history), 0
        self.write()

    def end(self, error: BaseException | None) -> None:
        """Write how it ended: by itself, by Ctrl+C (which becomes SystemExit), or by an error."""
        stopped = isinstance(error, (SystemExit, KeyboardInterrupt))
        self.telemetry.state = "finished" if error is None else "stopped" if stopped else "failed"
        if error is None:
            self.telemetry.left = 0.0
        self.write()

    def write(self) -> None:
        """Atomically, without waiting for the disk."""
        if not self._writes:
            return
        self._last = time.monotonic()
        self.telemetry.updated = time.time()
        temporary = self._path.with_name(f".{NAME}.tmp")  # the folder is locked: nobody else's
        try:
            temporary.write_text(json.dumps(asdict(self.telemetry)), encoding="utf-8")
            temporary.replace(self._path)
        except OSError as error:
            if not self._warned:
                print(f"{self._path}: not written: {error.strerror}", file=sys.stderr)
            self._warned = True
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def thin(history: list[dict[str, float]]) -> tuple[tuple[int, float, float], ...]:
    """(epoch, training loss, held-out loss) of at most 400 epochs, evenly spread, and the last."""
    every = 1
    while len(history) > MOST_ROWS * every:
        every *= 2
    kept = history[::every]
    if history and kept[-1] is not history[-1]:
        kept = [*kept, history[-1]]
    return tuple(
        (int(row["epoch"]), float(row["train/loss"]), float(row["validation/loss"])) for row in kept
    )


def scratch_root(project: Path) -> Path:
    """Where checkpoints of a project's trainings live; as `training.checkpoints.scratch_folder`."""
    return project / (os.environ.get("LIPSYNC_SCRATCH") or ".scratch")


def read_telemetry(path: Path) -> Telemetry | None:
    """The content of a progress.json; None if there is none, or it is of another version."""
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        values["losses"] = tuple((int(e), float(t), float(v)) for e, t, v in values["losses"])
        return Telemetry(**values)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def newest_telemetry(project: Path, stage: str, person: str) -> Telemetry | None:
    """Of the training of a person that was last at work; None where there is none."""
    return newest_in(scratch_root(project), stage, person)


def newest_in(scratch: Path, stage: str, person: str) -> Telemetry | None:
    """The same, of a scratch folder; no person is "", and then anybody's counts."""
    found = (scratch / stage).glob(f"{person or '*'}/*/{NAME}")
    read = [telemetry for path in found if (telemetry := read_telemetry(path))]
    return max(read, key=lambda telemetry: telemetry.updated, default=None)


def training_process(telemetry: Telemetry) -> psutil.Process | None:
    """The process that trains, if it still does: here, and no other that got its number since."""
    if telemetry.state != "running" or telemetry.host != platform.node():
        return None
    return find_process(telemetry.pid, telemetry.started)
