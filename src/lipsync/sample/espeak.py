"""Speech with its phonemes, from espeak-ng.

The library comes with the package ``espeakng_loader`` (extra ``sample``) and is called through
ctypes in its synchronous mode, which hands out the samples and an event at the start of every
phoneme. Symbols are IPA without stress marks; ``_`` is a pause.

The event of a plosive or affricate marks its release. The mouth is shut before that, while the
sound is low (about 45 ms of silence before p t k, 25 ms of murmur before b d ɡ), so such a phoneme
begins here where the closure begins, and ``release`` says when it ends.

espeak-ng keeps state from one utterance to the next (its noise and the phase of its voice), so
each utterance is spoken by a process of its own: the same arguments give the same samples.
"""

import ctypes
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipsync.errors import LipsyncError

PAUSE = "_"
PLOSIVES = frozenset({"p", "b", "t", "d", "k", "ɡ", "tʃ", "dʒ"})

SHORTEST_CLOSURE = 0.025  # seconds of murmur before the release of a voiced plosive
LONGEST_CLOSURE = 0.120  # seconds; a longer silence before a plosive is a pause
CLOSURE_STEP = 0.005  # seconds, resolution of the search for the start of a closure
CLOSURE_LEVEL = 0.02  # RMS relative to the utterance's peak below which sound counts as silent

# Of espeak_ng's speak_lib.h
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_PHONEME_EVENTS, _PHONEME_IPA, _DONT_EXIT = 0x0001, 0x0002, 0x8000
_CHARS_UTF8 = 1
_POS_CHARACTER = 1
_RATE, _PITCH = 1, 3
_EVENT_LIST_TERMINATED, _EVENT_PHONEME = 0, 7


@dataclass(frozen=True)
class Phoneme:
    """One phoneme: IPA symbol or ``_``; times in seconds; ``release`` of plosives only."""

    symbol: str
    start: float
    end: float
    release: float | None = None

    @property
    def centre(self) -> float:
        """Middle of the part that the lips hold: of the closure, or of the whole phoneme."""
        return (self.start + (self.end if self.release is None else self.release)) / 2

    def shifted(self, seconds: float) -> "Phoneme":
        """The same phoneme, later."""
        release = None if self.release is None else self.release + seconds
        return Phoneme(self.symbol, self.start + seconds, self.end + seconds, release)


@dataclass(frozen=True)
class Speech:
    """``samples`` (T,) float32 in -1..1 mono at ``rate`` Hz, and the phonemes that fill it."""

    samples: NDArray[np.float32]
    rate: int
    phonemes: list[Phoneme]


def speak(
    text: str,
    voice: str = "en-us",
    words_per_minute: int = 160,
    pitch: int = 50,
    rate: int = 16000,
) -> Speech:
    """Speak ``text``.

    ``voice`` is an espeak-ng voice name, with a variant if wanted (``en-us+f3``); 80-450
    ``words_per_minute``; ``pitch`` 0-99; the samples come at ``rate`` Hz. Raises LipsyncError
    where espeak-ng is missing, does not know the voice, or says nothing.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        raw, native, events = pool.submit(
            _synthesise, text, voice, words_per_minute, pitch
        ).result()
    if not len(raw):
        raise LipsyncError(f"espeak-ng: nothing to say in {text!r}; give some words")
    phonemes = _phonemes(raw, native, events)
    return Speech(_resample(raw, native, rate), rate, phonemes)


class _Id(ctypes.Union):
    _fields_ = (
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    )


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # milliseconds
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def _synthesise(
    text: str, voice: str, words_per_minute: int, pitch: int
) -> tuple[NDArray[np.float32], int, list[tuple[int, str]]]:
    """Samples (T,) float32 at the native rate, that rate, and (sample, symbol) of each event."""
    try:
        import espeakng_loader
    except ImportError:
        raise LipsyncError(
            "espeak-ng: not installed; install the extra `sample` (pip install -e '.[sample]')"
        ) from None
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    native = library.espeak_Initialize(
        _AUDIO_OUTPUT_SYNCHRONOUS,
        0,
        espeakng_loader.get_data_path().encode(),
        _PHONEME_EVENTS | _PHONEME_IPA | _DONT_EXIT,
    )
    if native <= 0:
        raise LipsyncError("espeak-ng: cannot read its data; install espeakng-loader again")
    if library.espeak_SetVoiceByName(voice.encode()):
        raise LipsyncError(f"espeak-ng: no voice {voice!r}; use one like en-us, en-gb or en-us+f3")
    library.espeak_SetParameter(_RATE, words_per_minute, 0)
    library.espeak_SetParameter(_PITCH, pitch, 0)
    chunks: list[NDArray[np.float32]] = []
    events: list[tuple[int, str]] = []

    def receive(wave: Any, count: int, event: Any) -> int:
        if wave and count > 0:
            chunks.append(
                np.ctypeslib.as_array(wave, (count,)).astype(np.float32) / np.float32(32768)
            )
        index = 0
        while event[index].type != _EVENT_LIST_TERMINATED:
            if event[index].type == _EVENT_PHONEME:
                symbol = event[index].id.string.decode().strip("ˈˌ")
                events.append((event[index].sample, symbol or PAUSE))
            index += 1
        return 0

    callback = _Callback(receive)  # must outlive the synthesis
    library.espeak_SetSynthCallback(callback)
    encoded = text.encode()
    failed = library.espeak_Synth(
        encoded, len(encoded) + 1, 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None
    )
    if failed:
        raise LipsyncError(f"espeak-ng: cannot speak {text!r} (error {failed})")
    samples = np.concatenate(chunks) if chunks else np.zeros(0, np.float32)
    return samples, native, events


def _phonemes(
    samples: NDArray[np.float32], rate: int, events: Sequence[tuple[int, str]]
) -> list[Phoneme]:
    """Intervals without gaps from events, with plosives begun at their closure."""
    ends = [sample for sample, _ in events[1:]] + [len(samples)]
    phonemes: list[Phoneme] = []
    for (sample, symbol), last in zip(events, ends, strict=True):
        if last <= sample:
            continue
        start, end = sample / rate, last / rate
        if symbol == PAUSE and phonemes and phonemes[-1].symbol == PAUSE:
            phonemes[-1] = Phoneme(PAUSE, phonemes[-1].start, end)
            continue
        if symbol not in PLOSIVES:
            phonemes.append(Phoneme(symbol, start, end))
            continue
        closed = start - _closure(samples, rate, sample)
        if phonemes:
            before = phonemes.pop()
            closed = max(closed, (before.start + start) / 2)
            release = None if before.release is None else min(before.release, closed)
            phonemes.append(Phoneme(before.symbol, before.start, closed, release))
        phonemes.append(Phoneme(symbol, max(closed, 0.0), end, release=start))
    return phonemes


def _closure(samples: NDArray[np.float32], rate: int, release: int) -> float:
    """Seconds of closure before the sample of a release: as long as the sound is silent."""
    step = round(CLOSURE_STEP * rate)
    silent = CLOSURE_LEVEL * float(np.abs(samples).max())
    steps = 0
    while (steps + 1) * CLOSURE_STEP <= LONGEST_CLOSURE:
        block = samples[max(release - (steps + 1) * step, 0) : release - steps * step]
        if not len(block) or float(np.sqrt(np.mean(block**2))) > silent:
            break
        steps += 1
    return max(steps * CLOSURE_STEP, SHORTEST_CLOSURE)


def _resample(samples: NDArray[np.float32], native: int, rate: int) -> NDArray[np.float32]:
    """Zero-phase polyphase resampling (Kaiser-windowed FIR), limited to -1..1."""
    from scipy.signal import resample_poly

    common = gcd(native, rate)
    resampled = resample_poly(samples, rate // common, native // common)
    return np.clip(resampled, -1.0, 1.0).astype(np.float32)
