"""Renderings, one at a time, in the order in which they were asked for."""

import logging
import os
import secrets
import shutil
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lipsync.errors import LipsyncError, first_line
from lipsync.media.saying import gathered
from lipsync.rendering.options import RenderOptions
from lipsync.rendering.render import Rendered
from lipsync.ui.models import LoadedAvatars
from lipsync.ui.uploads import Upload, named

MOST_WAITING = 20  # jobs, the running one among them
RATE_WINDOW = 5.0  # seconds that frames per second are counted over
log = logging.getLogger(__name__)

State = Literal["waiting", "running", "done", "failed", "cancelled"]


class Cancelled(Exception):  # noqa: N818  what happened is no error
    """Raised between two frames of a rendering that nobody wants any more."""


class QueueFull(LipsyncError):  # noqa: N818  what happened is no error of the page's
    """Too many wait already; one line."""


@dataclass
class Job:
    """One rendering; the worker changes it, others read it.

    Attributes:
        owner: session of the browser that asked for it
        folder: of its own while it lasts, with the audio, that nobody removes under it
        done, total: frames; 0 of 0 until it is known how many there will be
        rate: frames per second
        error: one line
        noticed: warnings of the rendering; those of the sound are in ``upload``
        video: once it is done
    """

    owner: str
    avatar: Path
    upload: Upload
    options: RenderOptions
    folder: Path
    state: State = "waiting"
    done: int = 0
    total: int = 0
    rate: float = 0.0
    error: str = ""
    noticed: tuple[str, ...] = ()
    video: Path | None = None
    rendered: Rendered | None = None
    wanted: bool = True
    _marks: deque[tuple[float, int]] = field(default_factory=deque)

    @property
    def sound(self) -> Path:
        return self.folder / "sound"

    @property
    def warnings(self) -> list[str]:
        """A line for each thing that is wrong with the sound, or that the rendering met."""
        return list(dict.fromkeys((*self.upload.warnings, *self.noticed)))

    @property
    def over(self) -> bool:
        return self.state in ("done", "failed", "cancelled")

    @property
    def left(self) -> float | None:
        """Seconds to go; None while nobody knows."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None

    def seen(self, done: int, total: int) -> None:
        """Note a frame; raises Cancelled if nobody wants the video any more."""
        if not self.wanted:
            raise Cancelled
        now = time.monotonic()
        self.done, self.total = done, total
        self._marks.append((now, done))
        while now - self._marks[0][0] > RATE_WINDOW:
            self._marks.popleft()
        then, before = self._marks[0]
        self.rate = (done - before) / (now - then) if now > then else 0.0


class RenderQueue:
    """Use as a context manager: a thread renders while it is open.

    ``work`` holds the jobs' folders; videos go to ``results``, in folders whose names nobody
    guesses.
    """

    def __init__(self, work: Path, results: Path, models: LoadedAvatars) -> None:
        self._folder, self._results, self._models = work, results, models
        self._jobs: deque[Job] = deque()  # the first one runs
        self._changed = threading.Condition()
        self._open = True

    def __enter__(self) -> "RenderQueue":
        self._thread = threading.Thread(target=self._work, name="render")
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        with self._changed:
            self._open = False
            for job in self._jobs:
                job.wanted = False
            self._changed.notify_all()
        self._thread.join()

    def submit(self, owner: str, avatar: Path, upload: Upload, options: RenderOptions) -> Job:
        """Queue a rendering.

        Raises LipsyncError if the owner has one already, or the audio is gone; QueueFull.
        """
        job = Job(owner, avatar, upload, options, self._folder / secrets.token_hex(16))
        with self._changed:
            if self.has_job(owner):
                raise LipsyncError("one video at a time; cancel the other, or wait for it")
            if len(self._jobs) >= MOST_WAITING:
                raise QueueFull(f"{MOST_WAITING} videos wait already; try again later")
            try:
                job.folder.mkdir()
                _keep(upload.sound, job.sound)
            except OSError as error:
                shutil.rmtree(job.folder, ignore_errors=True)
                raise LipsyncError(
                    f"{upload.name}: cannot be read any more ({error.strerror}); upload it again"
                ) from None
            self._jobs.append(job)
            self._changed.notify_all()
        return job

    def has_job(self, owner: str) -> bool:
        """Whether a video of the owner's is being rendered, or waits for that."""
        with self._changed:
            return any(job.owner == owner and job.wanted for job in self._jobs)

    def cancel(self, owner: str) -> None:
        """Stop the owner's rendering at the next frame, or take it out of the queue."""
        with self._changed:
            for job in list(self._jobs):
                if job.owner == owner:
                    job.wanted = False
                    if job.state == "waiting":
                        self._jobs.remove(job)
                        self._end(job, "cancelled")

    def ahead(self, job: Job) -> int:
        """Renderings before this one; 0 for the one that runs."""
        with self._changed:
            return self._jobs.index(job) if job in self._jobs else 0

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or not self._open)
                if not self._open:
                    for job in self._jobs:
                        self._end(job, "cancelled")
                    return
                job = self._jobs[0]
                job.state = "running"
            state = self._render(job)
            with self._changed:
                self._jobs.popleft()
                self._end(job, state)

    def _render(self, job: Job) -> State:
        """Nothing that a rendering raises may end the page."""
        output = job.folder / "video.mp4"
        try:
            job.seen(0, 0)
            with self._models.renderer(job.avatar, job.options) as renderer:
                job.seen(0, 0)
                with gathered() as lines:
                    job.rendered = renderer.render(job.sound, output, job.seen)
            job.noticed = tuple(named(line, job.sound, job.upload.name) for line in lines)
            shelf = self._results / job.folder.name
            shelf.mkdir()
            job.video = output.rename(shelf / f"{file_name(job.avatar)}.mp4")
        except Cancelled:
            return "cancelled"
        except LipsyncError as error:
            job.error = named(str(error), job.sound, job.upload.name)
        except Exception as error:
            log.exception("rendering of %s failed", job.upload.name)
            job.error = f"the rendering failed ({first_line(error)}); the page's terminal says more"
        else:
            return "done"
        return "failed"

    def _end(self, job: Job, state: State) -> None:
        shutil.rmtree(job.folder, ignore_errors=True)
        job.state = state


def _keep(sound: Path, target: Path) -> None:
    """The audio under a second name, that stays when the first one is removed."""
    try:
        os.link(sound, target)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without links
        shutil.copyfile(sound, target)


def file_name(avatar: Path) -> str:
    """Of a video of this avatar, whose folder is models/<person>/avatar or <person>."""
    name = avatar.parent.name if avatar.name == "avatar" else avatar.name
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name) or "video"
