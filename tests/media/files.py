"""Media files of every kind, made on the spot: pictures that move and a voice-like sound."""

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

WIDTH, HEIGHT, FPS, RATE = 96, 64, 25, 48_000


def pictures(count: int) -> list[np.ndarray]:
    """(HEIGHT, WIDTH, 3) uint8: a bright box that walks over a ramp."""
    ramp = np.linspace(40, 160, WIDTH).astype(np.uint8)
    made = []
    for i in range(count):
        picture = np.repeat(np.tile(ramp, (HEIGHT, 1))[..., None], 3, axis=2)
        picture[20:40, 2 * i % (WIDTH - 16) :][:, :16] = 220
        made.append(picture)
    return made


def voice(seconds: float, rate: int = RATE) -> np.ndarray:
    """(n,) float32: a buzz that comes and goes four times a second, as syllables do."""
    at = np.arange(round(seconds * rate)) / rate
    buzz = sum(np.sin(2 * np.pi * 200 * k * at) / k for k in range(1, 6))
    return (0.15 * buzz * (1 - np.cos(2 * np.pi * 4 * at))).astype(np.float32)


def rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.square(sound, dtype=np.float64).mean()))


def write_file(
    path: Path,
    *,
    count: int = 25,
    video: str = "libx264",
    pixels: str = "yuv420p",
    audio: str = "aac",
    sounds: Sequence[np.ndarray] | None = None,
    layout: str = "mono",
    rate: int = RATE,
    container: str | None = None,
    options: dict[str, str] | None = None,
    setup: Callable[[Any], None] = lambda context: None,
    stamp: Callable[[int], int] = lambda i: i * 1000 // FPS,
    shown: Sequence[np.ndarray] | None = None,
    frames: Sequence[av.VideoFrame] | None = None,
    hole: tuple[float, float] = (0, 0),
) -> Path:
    """A file with a video track (none if ``video`` is empty) and an audio track for each sound.

    sounds: (n,) or (channels, n) float32; None: a voice as long as the picture
    stamp: milliseconds of picture i; setup: of the video's codec context, before it is opened
    hole: second of the audio from which on it comes later, by so many seconds
    """
    sounds = [voice(count / FPS, rate)] if sounds is None else sounds
    shown = pictures(count) if shown is None else shown
    with av.open(path, "w", format=container) as out:
        if video:
            fast = {"preset": "ultrafast"} if video.startswith("libx26") else {}
            film = out.add_stream(video, rate=FPS, options={**fast, **(options or {})})
            film.height, film.width = shown[0].shape[:2]
            film.pix_fmt = pixels
            setup(film.codec_context)
        tracks = [out.add_stream(audio, rate=rate, layout=layout) for _ in sounds]
        if video:
            made = frames or [av.VideoFrame.from_ndarray(p, format="rgb24") for p in shown]
            for i, frame in enumerate(made):
                frame.pts, frame.time_base = stamp(i), Fraction(1, 1000)
                out.mux(film.encode(frame))
            out.mux(film.encode(None))
        for track, sound in zip(tracks, sounds, strict=True):
            add_sound(out, track, sound, layout, rate, hole)
    return path


def add_sound(
    out: Any, track: Any, sound: np.ndarray, layout: str, rate: int, hole: tuple[float, float]
) -> None:
    planes = np.atleast_2d(sound).astype(np.float32)
    for i in range(0, planes.shape[1], 1024):
        block = np.ascontiguousarray(planes[:, i : i + 1024].T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(block, format="flt", layout=layout)
        late = round(hole[1] * rate) if i >= round(hole[0] * rate) // 1024 * 1024 else 0
        frame.sample_rate, frame.pts, frame.time_base = rate, i + late, Fraction(1, rate)
        out.mux(track.encode(frame))
    out.mux(track.encode(None))


def write_riff(
    path: Path, channels: np.ndarray, rate: int, bits: int, floating: bool, mask: int | None
) -> Path:
    """A WAV of (C, n) float32, its speakers named by ``mask``; None: a plain header without them.

    bits: 8, 16, 24, 32, 64 a sample
    """
    count = len(channels)
    flat = channels.T.reshape(-1).astype(np.float64)
    if floating:
        data = flat.astype("<f8" if bits == 64 else "<f4").tobytes()
    elif bits == 8:
        data = (np.rint(flat * 127) + 128).astype(np.uint8).tobytes()
    else:
        steps = np.rint(flat * (2 ** (bits - 1) - 1)).astype("<i8")
        data = steps.view(np.uint8).reshape(-1, 8)[:, : bits // 8].tobytes()
    kind, block = 3 if floating else 1, count * bits // 8
    layout = struct.pack("<HIIHH", count, rate, rate * block, block, bits)
    form = struct.pack("<H", kind) + layout
    if mask is not None:
        guid = struct.pack("<H", kind) + bytes.fromhex("000000001000800000aa00389b71")
        form = struct.pack("<H", 0xFFFE) + layout + struct.pack("<HHI", 22, bits, mask) + guid
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)
    return path
