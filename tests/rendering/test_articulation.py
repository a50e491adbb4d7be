"""Silence closes the mouth of an avatar: in pauses, in a room, and at the end."""

import numpy as np
import pytest

from lipsync.media.audio import SAMPLE_RATE
from lipsync.rendering.articulation import Articulation
from lipsync.rendering.avatar import Avatar
from lipsync.speech.mel import MelEncoder
from lipsync.speech.windows import stream_windows
from tests.tiny_avatar import FPS, OPENED

ROOM = 10 ** (-55 / 20)  # amplitude


def openings(avatar: Avatar, samples: np.ndarray, beforehand: bool) -> np.ndarray:
    """(N,) eye distances between the lips, as a file or live."""
    encoder = MelEncoder(FPS)
    articulation = Articulation(avatar, encoder)
    rows = encoder.encode(samples.astype(np.float32), len(samples) * FPS // SAMPLE_RATE)
    if beforehand:
        articulation.hear(rows)
    heard = [articulation.normalise(row[None]) for row in rows]
    past, future = avatar.info.past, avatar.info.future
    windows = stream_windows(iter(heard), articulation.silence, past, future)
    expressions = np.stack([articulation.express(window) for window in windows])
    return avatar.shape.opening(expressions)


@pytest.mark.parametrize("beforehand", [True, False], ids=["file", "live"])
@pytest.mark.parametrize("room", [0.0, ROOM], ids=["digital", "room"])
def test_a_pause_of_5_s_and_the_end_close_the_mouth(avatar: Avatar, room: float, beforehand: bool):
    draw = np.random.default_rng(0)
    t = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    speech = 0.2 * draw.normal(size=len(t)) * np.sin(2 * np.pi * 2 * t) ** 2
    pause = np.zeros(5 * SAMPLE_RATE)
    samples = np.concatenate([pause, speech, pause, speech, pause])
    opened = openings(avatar, samples + draw.normal(0, room, len(samples)), beforehand)
    closed = float(avatar.shape.opening(np.zeros((1, 2)))[0])
    for begin in (0, 8, 16):  # seconds; the lips have 0.2 s to open or close
        still = opened[begin * FPS + 5 : (begin + 5) * FPS - 5]
        assert still.max() <= closed + 0.1 * OPENED
    for begin in (5, 13):
        assert opened[begin * FPS : (begin + 3) * FPS].max() > closed + OPENED
