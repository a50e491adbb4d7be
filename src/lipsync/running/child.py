"""A DVC command at work for a step, as a process of its own whose words go to a file."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from lipsync.running.command import watched_dvc
from lipsync.running.graph import Step
from lipsync.running.scheduler import Share
from lipsync.telemetry import Telemetry, newest_in


class Child:
    """Begun when it is made.

    Args:
        arguments: of `dvc`
        log: what it says is appended
        scratch: folder of checkpoints, where the step's training tells how far it is
    """

    def __init__(
        self,
        project: Path,
        step: Step,
        arguments: list[str],
        log: Path,
        env: Mapping[str, str],
        scratch: Path,
    ) -> None:
        self._step, self._scratch = step, scratch
        self._begun = time.time()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                # DVC's lock is taken for moments, by every step; who ends while another has it
                # must wait, or its work would be lost.
                watched_dvc("--wait-for-lock", *arguments),
                cwd=project,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl+C reaches it through stop() alone, and once
            )

    @property
    def code(self) -> int | None:
        """Its exit code; None while it is at work."""
        return self._process.poll()

    def share(self) -> Share | None:
        """How far its training is; None where none has begun."""
        telemetry = newest_in(self._scratch, self._step.stage, self._step.person)
        known = telemetry is not None and telemetry.updated >= self._begun
        return share_of(telemetry) if telemetry and known else None

    def stop(self) -> None:
        """SIGINT to the stage and DVC, as from the terminal: a training writes its checkpoint."""
        try:
            os.killpg(self._process.pid, signal.SIGINT)
        except ProcessLookupError:
            return  # it came to its own end


def share_of(telemetry: Telemetry) -> Share:
    """Of a training, by its epochs."""
    done = telemetry.epoch + (telemetry.step / telemetry.steps if telemetry.steps else 0)
    return Share(min(1.0, done / max(1, telemetry.epochs)), telemetry.left)


def said(log: Path) -> str:
    """What a log holds, lines that progress wrote over each other apart."""
    return log.read_text(encoding="utf-8", errors="replace").replace("\r", "\n")
