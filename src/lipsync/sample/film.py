"""Speech, lips and head put together on one clock, and written as files."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipsync.files import atomic_path
from lipsync.media.clock import frame_count, frame_time, sample_count
from lipsync.media.video import VideoWriter
from lipsync.progress import progress
from lipsync.sample.articulation import articulate
from lipsync.sample.espeak import Phoneme, Speech
from lipsync.sample.life import poses
from lipsync.sample.lips import LipShape
from lipsync.sample.portrait import SIZE, load_portrait
from lipsync.sample.puppet import Puppet

FPS = 25
SILENCE = 1.0  # seconds before and after the speech
KEYFRAME_SECONDS = 4
CRF = 17

NOTICE = {
    "title": "lipsync sample",
    "comment": "Synthetic: a public-domain portrait made to speak with an espeak-ng voice",
    "copyright": "Portrait: NASA, public domain",
}


def add_silence(speech: Speech) -> Speech:
    """The speech with SILENCE before it and at least as much after it, a whole number of frames."""
    before = round(SILENCE * speech.rate)
    frames = frame_count(2 * SILENCE + len(speech.samples) / speech.rate, FPS)
    samples = np.zeros(sample_count(frames, FPS, speech.rate), np.float32)
    end = min(before + len(speech.samples), len(samples))
    samples[before:end] = speech.samples[: end - before]
    return Speech(samples, speech.rate, [phoneme.shifted(SILENCE) for phoneme in speech.phonemes])


def picture_times(speech: Speech) -> NDArray[np.float64]:
    """Seconds of the middle of each picture (N,) that the speech lasts."""
    frames = frame_count(len(speech.samples) / speech.rate, FPS)
    return np.array([frame_time(i, FPS) for i in range(frames)])


def write_video(path: Path, speech: Speech, models: Path) -> None:
    """The portrait saying ``speech``, as an mp4; the face models are read from ``models``."""
    puppet = Puppet(load_portrait(models))
    times = picture_times(speech)
    lips = articulate(speech.phonemes, times)
    shapes = [
        LipShape(*(float(value) for value in values))
        for values in zip(lips.open, lips.wide, lips.round, lips.shut, lips.bite, strict=True)
    ]
    sound = (speech.samples, speech.rate)
    with VideoWriter(
        path,
        SIZE,
        SIZE,
        FPS,
        crf=CRF,
        keyframe_seconds=KEYFRAME_SECONDS,
        sound=sound,
        metadata=NOTICE,
    ) as writer:
        moves = zip(shapes, poses(times), strict=True)
        for shape, pose in progress(moves, total=len(times), desc=path.name):
            writer.write(puppet.render(shape, pose))


def write_phonemes(path: Path, phonemes: list[Phoneme], text: str, voice: str) -> None:
    """The phonemes on the video's clock: symbol, start, end and, of plosives, release, seconds."""
    rows = []
    for phoneme in phonemes:
        row: dict[str, str | float] = {
            "symbol": phoneme.symbol,
            "start": round(phoneme.start, 4),
            "end": round(phoneme.end, 4),
        }
        if phoneme.release is not None:
            row["release"] = round(phoneme.release, 4)
        rows.append(json.dumps(row, ensure_ascii=False))
    head = json.dumps({"voice": voice, "text": text}, ensure_ascii=False)[:-1]
    lines = ",\n  ".join(rows)
    with atomic_path(path) as temporary:
        temporary.write_text(f'{head}, "phonemes": [\n  {lines}\n]}}\n', encoding="utf-8")


def read_phonemes(path: Path) -> list[Phoneme]:
    """What `write_phonemes` wrote."""
    rows = json.loads(path.read_text(encoding="utf-8"))["phonemes"]
    return [Phoneme(**row) for row in rows]
