"""The thread in which a live avatar speaks. What it is fed waits; nothing waits for it."""

import logging
import queue
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from lipsync.errors import LipsyncError, first_line
from lipsync.media.audio import SAMPLE_RATE
from lipsync.media.clock import exact_fps, frame_time, sample_count
from lipsync.rendering.avatar import load_avatar
from lipsync.rendering.live import LiveAvatar

WARM_UP = 25  # frames of silence before the microphone: what is loaded late is loaded then
MOST = 2  # pictures that are made of what was said meanwhile; a third is late for the next
LONGEST_LATENCY = 1.0  # seconds that a speech encoder may listen ahead
LARGEST = 1280 * 720  # pixels of a picture that is sent; larger ones are scaled
REMEMBERED = 10.0  # seconds of arrivals that latency is counted from
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """A picture (RGB; the encoder's thread converts it) and when what it says was said.

    Attributes:
        number: of the frame, from the first that the avatar was asked for; with pictures left out
            the numbers have gaps
        said: `time.monotonic` at which the middle of its frame arrived here; None before that
    """

    frame: av.VideoFrame
    number: int
    said: float | None


@dataclass(frozen=True)
class Report:
    """What became of the last second.

    Attributes:
        made, left_out: pictures; left out is what a computer that is too slow does not make
        latency: seconds from the arrival of a sound to the departure of its picture; None where
            none departed
    """

    made: int
    left_out: int
    latency: float | None


class Speaking:
    """An avatar that is open, and its thread. Use as a context manager.

    Args:
        show: gets each picture, in the thread
        failed: gets one line when the thread has to end

    Raises LipsyncError, when it is entered, if the avatar cannot be loaded or listens too far ahead
    to be live.
    """

    def __init__(
        self, folder: Path, show: Callable[[Picture], None], failed: Callable[[str], None]
    ) -> None:
        self._folder, self._show, self._failed = folder, show, failed
        self._heard: queue.SimpleQueue[np.ndarray | None] = queue.SimpleQueue()
        self._arrivals: deque[tuple[int, float]] = deque()  # samples so far, and when
        self._lock = threading.Lock()  # of the arrivals and of what is counted
        self._samples = self._made = self._left_out = 0
        self._latencies: list[float] = []
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)

    def __enter__(self) -> "Speaking":
        avatar = load_avatar(self._folder)
        self._live = LiveAvatar(avatar)
        self.fps, self.look_ahead = avatar.info.fps, self._live.latency
        if self.look_ahead > LONGEST_LATENCY:
            raise LipsyncError(
                f"{avatar.info.person}: the speech encoder {avatar.info.speech.encoder} listens "
                f"{self.look_ahead:.1f} s ahead, too far to be live; choose an avatar with `mel`"
            )
        self._size = sent_size(avatar.info.width, avatar.info.height)
        self._before = sample_count(WARM_UP, self.fps, SAMPLE_RATE)
        self._live.__enter__()
        try:
            self._live.feed(np.zeros(self._before, np.float32), most=MOST)
        except BaseException:
            self._live.__exit__()
            raise
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._heard.put(None)
        self._thread.join()

    def hear(self, samples: np.ndarray) -> None:
        """The next samples (n,) float32 -1..1 at 16 kHz of the microphone; returns at once."""
        now = time.monotonic()
        with self._lock:
            self._samples += len(samples)
            self._arrivals.append((self._samples, now))
            while self._arrivals[0][1] < now - REMEMBERED:
                self._arrivals.popleft()
        self._heard.put(samples)

    def departed(self, picture: Picture) -> None:
        """The picture has been encoded and sent."""
        if picture.said is not None:
            with self._lock:
                self._latencies.append(time.monotonic() - picture.said)

    def lost(self) -> None:
        """A picture was made and not sent, for the next was there."""
        with self._lock:
            self._made -= 1
            self._left_out += 1

    def report(self) -> Report:
        """Of the time since the last report."""
        with self._lock:
            latency = statistics.median(self._latencies) if self._latencies else None
            found = Report(self._made, self._left_out, latency)
            self._made, self._left_out, self._latencies = 0, 0, []
        return found

    def _run(self) -> None:
        try:
            while (samples := self._wait()) is not None:
                self._speak(samples)
        except LipsyncError as error:
            self._failed(str(error))
        except Exception as error:
            log.exception("the live avatar failed")
            self._failed(f"the avatar failed here ({first_line(error)}); start again")
        finally:
            self._live.__exit__()

    def _wait(self) -> np.ndarray | None:
        """All that was heard since, at least one piece; None at the end."""
        pieces = [self._heard.get()]
        while not self._heard.empty():
            pieces.append(self._heard.get())
        found = [piece for piece in pieces if piece is not None]
        return np.concatenate(found) if len(found) == len(pieces) else None

    def _speak(self, samples: np.ndarray) -> None:
        due = self._live.due
        pictures = self._live.feed(samples, most=MOST)
        first = self._live.due - len(pictures)
        with self._lock:
            self._made += len(pictures)
            self._left_out += first - due
        for number, picture in enumerate(pictures, first):
            self._show(self._picture(number, picture))

    def _picture(self, number: int, picture: np.ndarray) -> Picture:
        rate = exact_fps(self.fps)
        frame = av.VideoFrame.from_ndarray(picture)
        if self._size != (frame.width, frame.height):
            frame = frame.reformat(*self._size)
        frame.pts, frame.time_base = number * rate.denominator, Fraction(1, rate.numerator)
        middle = frame_time(number, self.fps) * SAMPLE_RATE - self._before
        return Picture(frame, number, self._said(middle))

    def _said(self, sample: float) -> float | None:
        """When a sample of the microphone's arrived, had it not waited for its packet to fill."""
        with self._lock:
            for samples, when in self._arrivals:
                if 0 <= sample <= samples:
                    return when - (samples - sample) / SAMPLE_RATE
        return None


def sent_size(width: int, height: int) -> tuple[int, int]:
    """Width and height, even, that pictures of such a size are sent with."""
    scale = min(1.0, (LARGEST / (width * height)) ** 0.5)
    return 2 * round(width * scale / 2), 2 * round(height * scale / 2)
