"""One browser's connection: its microphone in, an avatar out. Imports aiortc.

Everything here runs in one event loop, but the avatar, which has a thread (`speaking`). No server
is asked for addresses: both sides offer those of their own network interfaces alone.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.jitterbuffer import JitterBuffer
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

from lipsync.errors import LipsyncError, first_line
from lipsync.ui.live.microphone import Microphone
from lipsync.ui.live.speaking import Picture, Speaking
from lipsync.ui.live.tracks import PictureTrack, VoiceTrack

PACKET = 0.02  # seconds of sound that browsers put into one
PREFETCH, AIORTC_PREFETCH = 1, 4  # packets that wait for late ones; each costs 20 ms
BUFFER = "_RTCRtpReceiver__jitter_buffer"  # attribute of aiortc's receiver
SILENT_LINE = 5.0  # seconds without a packet, after which the browser is taken to be gone
CONNECTING = 20.0  # seconds that it may take to connect
REPORT_INTERVAL = 1.0  # seconds
FAREWELL = 0.2  # seconds for the last words to be sent
log = logging.getLogger(__name__)


class Session:
    """Open it with ``answer``; it ends by itself, or by ``close``, and calls ``ended`` once."""

    def __init__(self, folder: Path, ended: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = ended
        self._speaking = Speaking(folder, self._show, self._fail)
        self._microphone, self._voice = Microphone(), VoiceTrack()
        self._pictures = PictureTrack(self._speaking, self._sending)
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._channel: RTCDataChannel | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._heard, self._prefetch = 0.0, AIORTC_PREFETCH
        self._closing: asyncio.Task[None] | None = None
        self._loading, self._opened = asyncio.Lock(), False

    async def answer(self, offer: str) -> str:
        """The SDP that answers the browser's, with all addresses in it.

        Raises LipsyncError if the avatar cannot be loaded, or the offer is none that has a
        microphone and wants pictures.
        """
        try:
            async with self._loading:
                await asyncio.to_thread(self._speaking.__enter__)
                self._opened = True
            if self._closing is not None:
                raise LipsyncError("The session was ended while the avatar was being loaded.")
            return await self._negotiate(offer)
        except BaseException:
            await self.close("")
            raise

    async def close(self, why: str) -> None:
        """End it, with a line for the person at the browser; may be called again."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(why))
        await asyncio.shield(self._closing)

    async def _negotiate(self, offer: str) -> str:
        connection = self._connection
        connection.on("track", self._take)
        connection.on("datachannel", self._talk)
        connection.on("connectionstatechange", self._look)
        try:
            await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            kinds = {each.kind: each for each in connection.getTransceivers()}
            if sorted(each.kind for each in connection.getTransceivers()) != ["audio", "video"]:
                raise ValueError("one track of audio and one of video are wanted")
            for track in (self._voice, self._pictures):
                connection.addTrack(track)
            self._prefetch = wait_less(kinds["audio"].receiver)
            answer = await connection.createAnswer()
            assert answer is not None
            await connection.setLocalDescription(answer)
        except (ValueError, KeyError, IndexError, AttributeError, AssertionError) as error:
            log.info("live: an offer was refused: %r", error)
            raise LipsyncError(
                "offer: not one of a browser that sends a microphone and shows video; load the "
                "page anew"
            ) from None
        self._heard = time.monotonic() + CONNECTING - SILENT_LINE
        self._tasks.append(asyncio.create_task(self._watch()))
        return str(connection.localDescription.sdp)

    def _take(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio":
            self._tasks.append(asyncio.create_task(self._listen(track)))

    async def _listen(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                self._heard = time.monotonic()
                self._speaking.hear(self._microphone.take(frame))
                self._voice.hear(frame)
        except MediaStreamError:
            self._end("")
        except Exception as error:
            log.exception("live: the microphone's audio cannot be used")
            self._end(f"The microphone's audio cannot be used here ({first_line(error)}).")

    def _talk(self, channel: RTCDataChannel) -> None:
        """The browser's data channel: reports go there, the checkbox comes from there."""
        self._channel = channel

        def hear(message: object) -> None:
            try:
                self._voice.wanted = json.loads(str(message))["voice"] is True
            except (ValueError, KeyError, TypeError):
                log.info("live: a message was ignored")

        channel.on("message", hear)

    def _look(self) -> None:
        if self._connection.connectionState in ("failed", "closed"):
            self._end("")

    async def _watch(self) -> None:
        """Report, and see whether the browser is there still."""
        while True:
            await asyncio.sleep(REPORT_INTERVAL)
            if time.monotonic() - self._heard > SILENT_LINE:
                self._end("No audio has arrived for some seconds; start again.")
                return
            report = self._speaking.report()
            self._tell(
                {
                    "made": report.made,
                    "left_out": report.left_out,
                    "latency": report.latency and report.latency + PACKET * self._prefetch,
                    "look_ahead": self._speaking.look_ahead,
                }
            )

    def _tell(self, message: dict[str, object]) -> None:
        if self._channel is not None and self._channel.readyState == "open":
            self._channel.send(json.dumps(message))

    def _show(self, picture: Picture) -> None:
        """In the avatar's thread."""
        self._call(self._pictures.put, picture)

    def _fail(self, why: str) -> None:
        """In the avatar's thread."""
        self._call(self._end, why)

    def _call(self, do: Callable[..., None], *values: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(do, *values)

    def _sending(self, picture: Picture) -> None:
        if picture.said is not None:
            self._voice.follow(time.monotonic() - picture.said + 0.5 / self._speaking.fps)

    def _end(self, why: str) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(why))

    async def _close(self, why: str) -> None:
        try:
            self._tell({"ended": why})
            if why and self._channel is not None:
                await asyncio.sleep(FAREWELL)
            for task in self._tasks:
                task.cancel()
            await self._connection.close()
        finally:
            async with self._loading:  # an avatar that is being loaded is closed then
                if self._opened:
                    await asyncio.to_thread(self._speaking.__exit__)
            self._ended()


def wait_less(receiver: object) -> int:
    """Make aiortc's buffer for the microphone's packets a short one; how many wait in it.

    It has no option for that: where a later version keeps its buffer elsewhere, that stays.
    """
    if not hasattr(receiver, BUFFER):
        return AIORTC_PREFETCH
    setattr(receiver, BUFFER, JitterBuffer(capacity=16, prefetch=PREFETCH))
    return PREFETCH
