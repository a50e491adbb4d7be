"""The loop of both trainings: steps, validation, checkpoints, a safe stop.

A task knows its data and losses; the loop knows time. Everything random in a step is a function of
(seed, epoch, step), so a run that is stopped anywhere and continued ends with the same bytes.
"""

import math
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

import torch
from torch import nn
from tqdm import tqdm

from lipsync.errors import LipsyncError
from lipsync.telemetry import TelemetryWriter
from lipsync.training import distributed
from lipsync.training.checkpoints import Checkpoints
from lipsync.training.state import ADVICE, Progress, TrainingState

INTERRUPTED = 130  # exit code of a process that was stopped by Ctrl+C
PLAIN_INTERVAL = 15.0  # seconds between lines when stderr is no terminal


class Task(Protocol):
    """What is trained."""

    samples_per_step: int  # frames or windows that a step consumes

    def warm_up(self) -> None:
        """Prepare the model before the first step of a training that starts anew."""

    def steps(self) -> int:
        """Steps in an epoch."""

    def losses(self, epoch: int, step: int) -> dict[str, torch.Tensor]:
        """Scalars of one training step of the live model; "loss" is the sum to minimise.

        In one of several processes they are its part: over all ranks they add up.
        """

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Figures on held-out frames; "loss" is the one that is better when lower."""

    def picture(self, model: nn.Module) -> bytes | None:
        """A sample picture as JPEG, or None where there is nothing to see."""


class StopRequest:
    """Set by Ctrl+C or a polite kill; a second Ctrl+C stops at once."""

    requested = False


def fit(
    task: Task, state: TrainingState, epochs: int, checkpoints: Checkpoints, about: str
) -> TrainingState:
    """Train until ``epochs`` epochs are done, starting from the newest fitting checkpoint.

    Args:
        about: one line on what is trained, shown at the start
    Raises:
        LipsyncError: a loss is not finite; the last good checkpoint is intact.
        SystemExit: with 130 after Ctrl+C, when the batch is finished and the state is written.
    """
    checkpoints.load_newest(state, epochs)
    progress = state.progress
    print(f"{about}, {epochs} epochs", file=sys.stderr)
    fresh = not (progress.epoch or progress.step)
    if not fresh:
        print(f"continues after epoch {progress.epoch}, step {progress.step}", file=sys.stderr)
    elif distributed.is_main():
        task.warm_up()
    compute_losses = distributed.replicate(state.model, task.losses)
    if fresh:
        state.restart_average()
    with stop_requests() as stop, Display(task, epochs, progress, checkpoints) as display:
        while progress.epoch < epochs:
            if out_of_patience(progress, state.params.patience):
                display.stop_early(progress)
                break
            for step in range(progress.step, task.steps()):
                losses = compute_losses(progress.epoch, step)
                values = {key: value.item() for key, value in losses.items()}
                values = distributed.add_up(values)
                _refuse_not_finite(values, progress.epoch, step)
                state.update(losses["loss"] * distributed.world_size())
                progress.step = step + 1
                for key, value in values.items():
                    progress.sums[key] = progress.sums.get(key, 0.0) + value
                display.step(values["loss"])
                if distributed.anyone(stop.requested):
                    _stop(state, checkpoints, epochs)
            _finish_epoch(task, state, checkpoints)
            display.epoch(progress.history)
            if distributed.anyone(stop.requested):
                _stop(state, checkpoints, epochs)
    return state


def _finish_epoch(task: Task, state: TrainingState, checkpoints: Checkpoints) -> None:
    progress = state.progress
    with torch.no_grad():
        validation = distributed.from_main(lambda: task.validate(state.ema))
    train = {key: total / progress.step for key, total in progress.sums.items()}
    held_out = {f"held-out {key}": value for key, value in validation.items()}
    _refuse_not_finite(held_out, progress.epoch, progress.step - 1)
    progress.epoch, progress.step, progress.sums = progress.epoch + 1, 0, {}
    progress.history.append(
        {"epoch": progress.epoch}
        | {f"train/{key}": value for key, value in train.items()}
        | {f"validation/{key}": value for key, value in validation.items()}
    )
    if is_milestone(progress.epoch) and distributed.is_main():
        with torch.no_grad():
            picture = task.picture(state.ema)
        if picture is not None:
            state.pictures[f"epoch_{progress.epoch:05d}.jpg"] = picture
    if validation["loss"] < progress.best_value:
        progress.best_epoch, progress.best_value = progress.epoch, validation["loss"]
        checkpoints.save_best(state)
    checkpoints.save(state)


def out_of_patience(progress: Progress, patience: int) -> bool:
    """Whether ``patience`` epochs passed since the best one; never with a patience of 0."""
    return patience > 0 and progress.epoch - progress.best_epoch >= patience


def is_milestone(epoch: int) -> bool:
    """1, 2, 5, 10, 20, 50, ...: a schedule that does not depend on how long one means to train."""
    leading = epoch / 10 ** math.floor(math.log10(epoch))
    return leading in (1, 2, 5)


def _stop(state: TrainingState, checkpoints: Checkpoints, epochs: int) -> None:
    checkpoints.save(state)
    print(
        f"stopped after epoch {state.progress.epoch} of {epochs}, step {state.progress.step}; "
        "`dvc repro` goes on from there",
        file=sys.stderr,
    )
    raise SystemExit(INTERRUPTED)


def _refuse_not_finite(values: dict[str, float], epoch: int, step: int) -> None:
    for key, value in values.items():
        if not math.isfinite(value):
            raise LipsyncError(
                f"{key} became {value} in epoch {epoch + 1}, step {step + 1}; {ADVICE}"
            )


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Turn the first SIGINT or SIGTERM into a request; the second acts as it always did."""
    stop = StopRequest()
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def request(number: int, frame: object) -> None:
        stop.requested = True
        if distributed.is_main():
            with suppress(OSError):  # the terminal may be gone
                os.write(2, b"\nstopping after this batch; once more to stop at once\n")
        for restored, handler in previous.items():
            signal.signal(restored, handler)

    for number in previous:
        signal.signal(number, request)
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class Display:
    """Epoch, loss, samples a second and time left: a bar on a terminal, lines elsewhere.

    The same goes to progress.json beside the checkpoints.
    """

    def __init__(
        self, task: Task, epochs: int, progress: Progress, checkpoints: Checkpoints
    ) -> None:
        self._samples = task.samples_per_step
        self._steps = task.steps()
        self._total = epochs * self._steps
        self._done = progress.epoch * self._steps + progress.step
        self._epochs = epochs
        self._epoch = progress.epoch
        self._first = self._done
        self._telemetry = TelemetryWriter(
            checkpoints.folder, epochs, self._steps, writes=distributed.is_main()
        )
        self._telemetry.epoch(progress.history)
        self._started = self._last = time.monotonic()
        self._bar = tqdm(
            total=self._total,
            initial=self._done,
            disable=not sys.stderr.isatty(),
            leave=False,
            ncols=100,
            unit="step",
        )

    def __enter__(self) -> "Display":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._bar.close()
        self._telemetry.end(error)

    def step(self, loss: float) -> None:
        """One more step is done."""
        self._done += 1
        rate = self._rate()
        self._bar.set_description(f"epoch {self._epoch + 1}/{self._epochs} loss {loss:.4f}", False)
        self._bar.set_postfix_str(f"{rate * self._samples:.1f} samples/s", False)
        self._bar.update()
        at = self._done - self._epoch * self._steps
        self._telemetry.step(self._epoch, at, rate * self._samples, self._left())

    def epoch(self, history: list[dict[str, float]]) -> None:
        """One more epoch is done; ``history`` has a row for each."""
        self._epoch += 1
        self._telemetry.epoch(history)
        row = history[-1]
        now = time.monotonic()
        if not self._bar.disable or (
            now - self._last < PLAIN_INTERVAL and self._done < self._total
        ):
            return
        self._last = now
        print(
            f"epoch {self._epoch}/{self._epochs}: loss {row['train/loss']:.4f}, "
            f"held-out {row['validation/loss']:.4f}, {self._rate() * self._samples:.1f} samples/s, "
            f"{self._left():.0f} s left",
            file=sys.stderr,
            flush=True,
        )

    def stop_early(self, progress: Progress) -> None:
        """There will be no more epochs."""
        print(
            f"stops early: the held-out loss was lowest in epoch {progress.best_epoch}, "
            f"{progress.epoch - progress.best_epoch} epochs ago",
            file=sys.stderr,
        )

    def _left(self) -> float:
        rate = self._rate()
        return (self._total - self._done) / rate if rate else 0.0

    def _rate(self) -> float:
        return (self._done - self._first) / max(time.monotonic() - self._started, 1e-9)
