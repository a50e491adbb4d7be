"""The check of an upload by `ui.suitability`, a process of its own, and what it has written."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lipsync.running.command import environment
from lipsync.ui.suitability import FINDINGS
from lipsync.ui.uploads import named

LOOK_INTERVAL = 5.0  # seconds between two looks at a check
STALLED = 900.0  # seconds without a further frame, after which a check is ended, and
LONGEST = 4 * 3600.0  # seconds after which it is ended anyway


class VideoCheck:
    """At most one check at a time, of a video in ``folder``, where its files lie.

    Attributes:
        began: unix seconds
    """

    def __init__(self, folder: Path, project: Path) -> None:
        self._folder, self._project = folder, project
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self.began = time.time()

    @property
    def running(self) -> bool:
        return self._process is not None

    def begin(self, video: Path, name: str, ended: Callable[[str], None]) -> None:
        """Check a video; what an earlier check has left is of frames that are read again.

        Args:
            name: what its owner calls it
            ended: called in a thread when the check is over, with why it failed in one line or "";
                not if it was closed
        """
        for left in ("check.json", "first_look.json", "first_look.jpg"):
            (self._folder / left).unlink(missing_ok=True)
        video = video.absolute()  # as it stands in the lines of the other process
        process = subprocess.Popen(
            [sys.executable, "-m", "lipsync.ui.suitability", str(video), str(self._folder)],
            cwd=self._project,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.began, self._process = time.time(), process

        def wait() -> None:
            error = self._error(self._wait_for(process), name)
            with self._lock:
                if self._process is not process:
                    return  # nobody wants to know any more
            ended(named(error, video, name) if error else "")
            with self._lock:
                if self._process is process:
                    self._process = None

        threading.Thread(target=wait, name="profile", daemon=True).start()

    def close(self) -> None:
        """End the check that runs."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def share(self) -> float:
        """Of the frames that were read, 0..1."""
        read = self._read_json("check.json") or {}
        return min(1.0, read.get("done", 0) / max(1, read.get("total", 0)))

    def first_look(self) -> dict[str, Any] | None:
        return self._read_json("first_look.json")

    def profile(self) -> dict[str, Any] | None:
        """None until all is written, the picture last; so is one of a page that had no findings."""
        there = all((self._folder / name).is_file() for name in (FINDINGS, "profile.png"))
        return self._read_json("profile.json") if there else None

    def findings(self, video: Path, name: str) -> tuple[tuple[str, ...], str]:
        """Warnings, and why the video cannot be added, under the name that its owner knows."""
        found = self._read_json(FINDINGS) or {}
        lines = [*map(str, found.get("warnings", ())), str(found.get("unfit", ""))]
        *warnings, unfit = (named(line, video.absolute(), name) for line in lines)
        return tuple(warnings), unfit

    def _wait_for(self, process: "subprocess.Popen[str]") -> str | None:
        """What a check prints; None if it was ended because it took too long."""
        begun = last = time.monotonic()
        share = 0.0
        while True:
            try:
                return process.communicate(timeout=LOOK_INTERVAL)[0]
            except subprocess.TimeoutExpired:
                now = time.monotonic()
            if self.share() != share:
                share, last = self.share(), now
            if now - last > STALLED or now - begun > LONGEST:
                process.kill()
                process.communicate()
                return None

    @staticmethod
    def _error(said: str | None, name: str) -> str:
        try:
            return str(json.loads(said or "").get("error", ""))
        except (ValueError, AttributeError):
            why = "reading it failed" if said is not None else "takes too long to read"
            return f"{name}: {why}; convert it to mp4 (H.264 and AAC)"

    def _read_json(self, name: str) -> dict[str, Any] | None:
        try:
            return dict(json.loads((self._folder / name).read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return None
