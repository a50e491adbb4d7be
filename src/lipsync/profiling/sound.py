"""Speech, pauses, level and noise of a recording's sound."""

from dataclasses import dataclass

import numpy as np

from lipsync.media.audio import SAMPLE_RATE
from lipsync.speech.voice import Passage, find_voice

MIN_SILENCE = 0.3  # seconds; shorter gaps are within words
EDGE = 0.1  # seconds at either end of a pause that breath and echo may fill
HUSH = 0.2  # seconds: the closure before a stop is shorter, a breath is longer
FLOOR = -96.0  # dBFS: half a step of PCM16; digital silence is as good as that
FULL = 0.999  # of full scale: a clipped sample


@dataclass(frozen=True)
class SoundFigures:
    """Levels in dBFS (RMS); None where there is no such passage.

    Attributes:
        passages: speech and silence by turns
        speech: share of the time
        pauses: seconds in all
        noise: of the pauses; without any (loud noise hides them too), of the quietest HUSH seconds
        noise_is_bound: whether there was no pause, so that the noise is at most ``noise``
        clipped: share of the samples
    """

    passages: list[Passage]
    seconds: float
    speech: float
    pauses: float
    level: float | None
    noise: float | None
    noise_is_bound: bool
    clipped: float


def listen(sound: np.ndarray) -> SoundFigures:
    """Measure (n,) float32 -1..1 at 16 kHz."""
    seconds = len(sound) / SAMPLE_RATE
    passages = find_voice([sound], MIN_SILENCE)
    spoken = sum(p.end - p.start for p in passages if p.speech)
    pauses = seconds - spoken
    noise = _level(sound, [p for p in passages if not p.speech], edge=EDGE)
    return SoundFigures(
        passages=passages,
        seconds=seconds,
        speech=spoken / seconds if seconds else 0.0,
        pauses=pauses,
        level=_level(sound, [p for p in passages if p.speech], edge=0.0),
        noise=_quietest(sound) if noise is None else noise,
        noise_is_bound=noise is None,
        clipped=float((np.abs(sound) >= FULL).mean()) if len(sound) else 0.0,
    )


def _level(sound: np.ndarray, passages: list[Passage], edge: float) -> float | None:
    parts = [
        sound[round((p.start + edge) * SAMPLE_RATE) : round((p.end - edge) * SAMPLE_RATE)]
        for p in passages
        if p.end - p.start > 2 * edge
    ]
    if not parts:
        return None
    return decibels(float(np.square(np.concatenate(parts), dtype=np.float64).mean()))


def _quietest(sound: np.ndarray) -> float | None:
    """The level of the quietest HUSH seconds; None of a shorter sound."""
    length = round(HUSH * SAMPLE_RATE)
    if len(sound) < length:
        return None
    total = np.concatenate([[0.0], np.cumsum(np.square(sound, dtype=np.float64))])
    return decibels(float((total[length:] - total[:-length]).min()) / length)


def decibels(power: float) -> float:
    """dBFS of a mean square, FLOOR at least."""
    return max(FLOOR, float(10 * np.log10(max(power, 1e-12))))


def frame_levels(sound: np.ndarray, frames: int) -> np.ndarray:
    """dBFS (frames,) of the sound of each frame; as long as the pictures last."""
    edges = np.linspace(0, len(sound), frames + 1).round().astype(int)
    power = np.add.reduceat(np.square(sound, dtype=np.float64), edges[:-1]) / np.diff(edges)
    return np.maximum(FLOOR, 10 * np.log10(np.maximum(power, 1e-12)))
