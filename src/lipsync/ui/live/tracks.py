"""What goes back to the browser: pictures, and the voice as late as they are. Imports aiortc."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

import av
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from lipsync.ui.live.speaking import Picture, Speaking

FOLLOWING = 0.05  # share of a picture in the average that the voice is as late as


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
    """The microphone's frames, as late as pictures are on average; none until they are wanted.

    An average, for a browser that gets sound at uneven times holds it back for longer. It shows
    both in sync, by the times at which they were sent.
    """

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.wanted = False
        self._delay: float | None = None  # seconds from a sound to its picture
        self._due: deque[tuple[float, av.AudioFrame]] = deque()  # with `time.monotonic` to send at
        self._there = asyncio.Event()

    def follow(self, delay: float) -> None:
        """A picture is being sent, so many seconds after the sound at its beginning."""
        before = delay if self._delay is None else self._delay
        self._delay = before + FOLLOWING * (delay - before)

    def hear(self, frame: av.AudioFrame) -> None:
        """The microphone's next frame, whose last sample was said now."""
        if self.wanted and self._delay is not None:
            said = time.monotonic() - frame.samples / frame.sample_rate
            self._due.append((said + self._delay, frame))
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
