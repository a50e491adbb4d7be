"""What goes back to the browser: pictures, and the voice as late as they are. Imports aiortc."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

import av
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from lipsync.ui.live.speaking import Picture, Speaking

LONGEST_DELAY = 2.0  # seconds of voice that wait for their picture


class PictureTrack(MediaStreamTrack):
    """Pictures as they come. One waits at most: the next takes its place if that was not sent.

    Args:
        sending: gets each picture as it goes to the encoder
    """

    kind = "video"

    def __init__(self, speaking: Speaking, sending: Callable[[Picture], None]) -> None:
        super().__init__()
        self._speaking, self._sending = speaking, sending
        self._newest: Picture | None = None
        self._encoded: Picture | None = None
        self._there = asyncio.Event()

    def put(self, picture: Picture) -> None:
        """In the event loop."""
        if self._newest is not None:
            self._speaking.lost()
        self._newest = picture
        self._there.set()

    async def recv(self) -> av.VideoFrame:
        """aiortc asks for the next picture when it has encoded and sent the one before."""
        if self._encoded is not None:
            self._speaking.departed(self._encoded)
            self._encoded = None
        await _next(self, self._there)
        picture, self._newest = self._newest, None
        assert picture is not None
        self._there.clear()
        self._encoded = picture
        self._sending(picture)
        return picture.frame


class VoiceTrack(MediaStreamTrack):
    """The microphone's frames, each sent when the picture of its time is; none until wanted."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.wanted = False
        self._held: deque[tuple[float, av.AudioFrame]] = deque()  # with seconds of their begin
        self._due: deque[tuple[float, av.AudioFrame]] = deque()  # with the loop's time
        self._there = asyncio.Event()
        self._first: int | None = None  # timestamp

    def hear(self, frame: av.AudioFrame) -> None:
        """The microphone's next frame."""
        if frame.pts is None:
            return
        if self._first is None:
            self._first = frame.pts
        begin = (frame.pts - self._first) / frame.sample_rate
        if not self.wanted:
            self._held.clear()
            return
        self._held.append((begin, frame))
        while self._held[0][0] < begin - LONGEST_DELAY:
            self._held.popleft()

    def release(self, begin: float, end: float) -> None:
        """A picture of the seconds begin...end of the microphone's audio is being sent."""
        now = time.monotonic()
        while self._held and self._held[0][0] < end:
            at, frame = self._held.popleft()
            self._due.append((now + max(0.0, at - begin), frame))
            self._there.set()

    async def recv(self) -> av.AudioFrame:
        """The next frame, at its time."""
        await _next(self, self._there)
        due, frame = self._due.popleft()
        if not self._due:
            self._there.clear()
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        return frame


async def _next(track: MediaStreamTrack, there: asyncio.Event) -> None:
    """Until there is something; aiortc cancels it when the connection ends."""
    if track.readyState != "live":
        raise MediaStreamError
    await there.wait()
