"""Sounds and videos that tests of rendering make, and options that change nothing on the way."""

from pathlib import Path

import numpy as np

from lipsync.media.video import VideoWriter
from tests.tiny_avatar import FPS, HEIGHT, WIDTH

RATE = 16_000
EXACT = {"preset": "ultrafast", "crf": 0}  # to the bit


def speech(*parts: tuple[float, float]) -> np.ndarray:
    """(seconds, loudness) of noise one after the other, in a room that hisses."""
    draw = np.random.default_rng(0)
    pieces = [draw.uniform(-level, level, round(t * RATE)) for t, level in parts]
    return in_a_room(np.concatenate(pieces))


def in_a_room(sound: np.ndarray) -> np.ndarray:
    """Sound (n,), and a hiss at -75 dB: without pauses that hold one, steady noise is no speech."""
    hiss = np.random.default_rng(1).normal(0, 10 ** (-75 / 20), len(sound))
    return (sound + hiss).astype(np.float32)


def write_clip(path: Path, grey: int, seconds: float = 3, size=(WIDTH, HEIGHT)) -> None:
    """A video with a hum and no face."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hum = 0.1 * np.sin(np.arange(round(seconds * RATE)) / 10).astype(np.float32)
    with VideoWriter(path, *size, FPS, preset="ultrafast", crf=4, sound=(hum, RATE)) as writer:
        for _ in range(round(seconds * FPS)):
            writer.write(np.full((size[1], size[0], 3), grey, np.uint8))
