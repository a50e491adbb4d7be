"""What the lips do while phonemes sound: smooth curves of a few articulators.

Every phoneme has a target for each articulator. Its influence is full while it lasts and falls off
on both sides; a curve is the mean of the targets weighted by influence, so neighbours colour each
other (coarticulation as in Cohen & Massaro, "Modeling coarticulation in synthetic visual speech",
1993). Contacts do not give way to neighbours: lips shut for p b m and lower lip on teeth for f v
are plateaus of their own, reached in full however short the phoneme is.

The curves are symmetric in time and depend on the phonemes within ``REACH`` seconds alone, so lips
neither lead nor trail the sound, and the sound nearby says all about them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipsync.errors import LipsyncError
from lipsync.sample.espeak import PAUSE, Phoneme

BLEND = 0.040  # seconds at which influence outside a phoneme has fallen to 1/e
REACH = 0.2  # seconds beyond which a phoneme has no influence
CONTACT = 0.070  # seconds that a contact lasts at least
CONTACT_RAMP = 0.060  # seconds in which a contact is made or released

SHUT = frozenset("pbm")
BITE = frozenset("fv")


@dataclass(frozen=True)
class Target:
    """Lip opening 0..1, width -1 (narrow) ..1 (spread), rounding 0..1, and share in the blend."""

    open: float
    wide: float
    round: float
    strength: float


_REST = Target(0.0, 0.0, 0.0, 1.0)

_VOWELS = {
    "ɑ": Target(1.00, 0.00, 0.00, 1.0),
    "a": Target(1.00, 0.10, 0.00, 1.0),
    "æ": Target(0.88, 0.35, 0.00, 1.0),
    "ʌ": Target(0.66, 0.00, 0.00, 0.9),
    "ɐ": Target(0.50, 0.00, 0.00, 0.6),
    "ə": Target(0.36, 0.00, 0.05, 0.5),
    "ɛ": Target(0.64, 0.35, 0.00, 1.0),
    "e": Target(0.52, 0.50, 0.00, 1.0),
    "ɪ": Target(0.34, 0.45, 0.00, 0.8),
    "ᵻ": Target(0.28, 0.35, 0.00, 0.6),
    "i": Target(0.24, 0.90, 0.00, 1.0),
    "ɔ": Target(0.72, -0.40, 0.50, 1.0),
    "o": Target(0.46, -0.60, 0.80, 1.0),
    "ʊ": Target(0.26, -0.65, 0.80, 0.9),
    "u": Target(0.18, -0.95, 1.00, 1.0),
    "ɚ": Target(0.30, -0.25, 0.45, 0.7),
    "ɜ": Target(0.36, -0.30, 0.50, 1.0),
}
_TEETH = Target(0.10, 0.25, 0.00, 0.8)  # teeth together
_TONGUE = Target(0.14, 0.15, 0.00, 0.6)  # tongue tip on the ridge
_BACK = Target(0.22, 0.05, 0.00, 0.4)  # tongue back on the palate: lips are free
_HUSH = Target(0.16, -0.50, 0.75, 0.9)
_LIPS = Target(0.10, 0.00, 0.05, 0.5)  # while in contact elsewhere
_CONSONANTS = {
    **dict.fromkeys(SHUT | BITE, _LIPS),
    **dict.fromkeys("sz", _TEETH),
    **dict.fromkeys("tdnɾ", _TONGUE),
    **dict.fromkeys("θð", Target(0.20, 0.15, 0.00, 0.7)),
    **dict.fromkeys(["ʃ", "ʒ", "tʃ", "dʒ"], _HUSH),
    **dict.fromkeys("kɡŋʔ", _BACK),
    "h": Target(0.30, 0.00, 0.00, 0.15),
    "l": Target(0.30, 0.10, 0.00, 0.6),
    "ɹ": Target(0.20, -0.40, 0.60, 0.7),
    "w": Target(0.10, -1.00, 1.00, 1.0),
    "j": Target(0.20, 0.60, 0.00, 0.7),
}
_MARKS = str.maketrans("", "", "ː\u0329\u032c")  # long, syllabic, voiced


@dataclass(frozen=True)
class Articulation:
    """Curves (N,) float64 over time.

    open 0..1, wide -1..1, round 0..1: the blended targets. shut 0..1: upper and lower lip pressed
    together. bite 0..1: lower lip on the upper teeth.
    """

    open: NDArray[np.float64]
    wide: NDArray[np.float64]
    round: NDArray[np.float64]
    shut: NDArray[np.float64]
    bite: NDArray[np.float64]

    @property
    def gap(self) -> NDArray[np.float64]:
        """How far the lips are apart, 0..1: the opening less what a contact takes away."""
        return self.open * (1 - self.shut) * (1 - 0.85 * self.bite)


def articulate(phonemes: Sequence[Phoneme], times: NDArray[np.float64]) -> Articulation:
    """The articulators at ``times`` (N,) seconds; rest before the first and after the last phoneme.

    Raises LipsyncError that lists phonemes without a target.
    """
    unknown = sorted({p.symbol for p in phonemes if not _targets(p.symbol)})
    if unknown:
        raise LipsyncError(
            f"articulation: no lip targets for {' '.join(unknown)}; add them or reword the text"
        )
    start, end = (phonemes[0].start, phonemes[-1].end) if phonemes else (0.0, 0.0)
    total = np.zeros((len(times), 3))
    weights = np.zeros(len(times))
    for first, last, target in [
        (-np.inf, start, _REST),
        *_segments(phonemes),
        (end, np.inf, _REST),
    ]:
        distance = np.maximum(np.maximum(first - times, times - last), 0.0)
        influence = target.strength * np.exp(-((distance / BLEND) ** 2)) * (distance < REACH)
        weights += influence
        total += influence[:, None] * [target.open, target.wide, target.round]
    blended = total / weights[:, None]
    shut = _contacts([p for p in phonemes if p.symbol in SHUT], times)
    bite = _contacts([p for p in phonemes if p.symbol in BITE], times)
    return Articulation(blended[:, 0], blended[:, 1], blended[:, 2], shut, bite)


def _targets(symbol: str) -> list[Target]:
    """The targets that a phoneme passes through in order; none where it is unknown.

    A diphthong or a vowel with r is several of them.
    """
    if symbol == PAUSE:
        return [_REST]
    bare = symbol.translate(_MARKS)
    if bare in _CONSONANTS:
        return [_CONSONANTS[bare]]
    parts = [_VOWELS.get(part) or _CONSONANTS.get(part) for part in bare]
    return [part for part in parts if part] if all(parts) else []


def _segments(phonemes: Sequence[Phoneme]) -> list[tuple[float, float, Target]]:
    """(start, end, target) in seconds; the targets of one phoneme share it evenly."""
    segments = []
    for phoneme in phonemes:
        targets = _targets(phoneme.symbol)
        edges = np.linspace(phoneme.start, phoneme.end, len(targets) + 1)
        segments += [
            (float(a), float(b), target)
            for a, b, target in zip(edges[:-1], edges[1:], targets, strict=True)
        ]
    return segments


def _contacts(phonemes: Sequence[Phoneme], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) 0..1: 1 while one of the phonemes holds its contact, with smooth ramps around it."""
    contact = np.zeros(len(times))
    for phoneme in phonemes:
        end = phoneme.end if phoneme.release is None else phoneme.release
        half = max(end - phoneme.start, CONTACT) / 2
        beyond = (np.abs(times - phoneme.centre) - half) / CONTACT_RAMP
        rise = 1 - np.clip(beyond, 0.0, 1.0)
        contact = np.maximum(contact, rise * rise * (3 - 2 * rise))
    return contact
