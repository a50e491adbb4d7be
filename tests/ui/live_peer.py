"""A browser's side of a live session, made of aiortc: a microphone, pictures, reports."""

import asyncio
import json
from fractions import Fraction

import av
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

RATE = 48_000  # Hz
PACKET = 960  # samples, 20 ms


def packet(samples: np.ndarray, number: int) -> av.AudioFrame:
    """(960,) float32 -1..1 as browsers' sound arrives: 48 kHz, stereo, 16 bits."""
    both = np.repeat((samples * 32767).astype(np.int16), 2)[None]
    frame = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = RATE, number * PACKET, Fraction(1, RATE)
    return frame


class Voice(MediaStreamTrack):
    """Sound (n,) float32 at 48 kHz over and over, in real time."""

    kind = "audio"

    def __init__(self, samples: np.ndarray) -> None:
        super().__init__()
        self.packets = samples[: len(samples) // PACKET * PACKET].reshape(-1, PACKET)
        self.number, self.started = 0, None
        self.held = False  # as if the line were dead

    async def recv(self) -> av.AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        loop = asyncio.get_running_loop()
        self.started = self.started or loop.time()
        await asyncio.sleep(max(0, self.started + self.number * 0.02 - loop.time()))
        while self.held:
            await asyncio.sleep(0.05)
        frame = packet(self.packets[self.number % len(self.packets)], self.number)
        self.number += 1
        return frame


class Peer:
    """Connect it with what ``place.Live.offer`` gives."""

    def __init__(self, samples: np.ndarray) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.voice = Voice(samples)
        self.pictures: list[np.ndarray] = []  # (H, W, 3) uint8 RGB
        self.heard: list[np.ndarray] = []  # (n,) int16
        self.reports: list[dict] = []
        self.session = ""
        self.tasks: list[asyncio.Task] = []
        self.connection.addTrack(self.voice)
        self.connection.addTransceiver("video", direction="recvonly")
        self.channel = self.connection.createDataChannel("live")
        self.channel.on("message", lambda text: self.reports.append(json.loads(text)))
        self.connection.on("track", lambda track: self.tasks.append(
            asyncio.create_task(self._watch(track) if track.kind == "video" else self._hear(track))
        ))  # fmt: skip

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def connect(self, live, avatar: str) -> "Peer":
        self.session, answer = await live.offer(avatar, await self.offer())
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        return self

    async def until(self, true, seconds: float = 60.0) -> None:
        async with asyncio.timeout(seconds):
            while not true():
                await asyncio.sleep(0.02)

    async def close(self) -> None:
        await self.connection.close()
        for task in self.tasks:
            task.cancel()

    async def _watch(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                self.pictures.append((await track.recv()).to_ndarray(format="rgb24"))
        except MediaStreamError:
            pass  # the session has ended

    async def _hear(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                self.heard.append((await track.recv()).to_ndarray()[0, ::2])
        except MediaStreamError:
            pass  # the session has ended
