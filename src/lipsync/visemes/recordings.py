"""Recordings and their alignments in folders laid out like LibriSpeech.

    <root>/.../<speaker>/<chapter>/<utterance>.flac
    <root>/.../<utterance>.TextGrid                 or .json; beside the recording or elsewhere

An alignment beside its recording is the recording's own; one that lies elsewhere is taken where no
other has its name, as names are unique in LibriSpeech.

What lacks its partner, or does not fit it, is set aside and counted; nothing else stops for it.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.files import visible_below
from lipsync.media.audio import SAMPLE_RATE, read_audio
from lipsync.visemes.alignments import SUFFIXES, read_alignment
from lipsync.visemes.labels import Interval
from lipsync.visemes.maps import PhoneMap

log = logging.getLogger(__name__)
SOUNDS = {".flac", ".wav", ".opus", ".ogg", ".mp3"}


@dataclass(frozen=True)
class Recording:
    """A sound file and its alignment."""

    sound: Path
    alignment: Path

    @property
    def speaker(self) -> str:
        """The folder above the chapter's."""
        return self.sound.parents[1].name


@dataclass
class Quarantine:
    """What was set aside, and why."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)  # file, reason, detail

    def add(self, file: Path, reason: str, detail: str = "") -> None:
        self.rows.append((file.as_posix(), reason, detail))

    def report(self, written_to: Path) -> None:
        """Say how many there are, and where they are listed; each one if ``log_level`` is debug."""
        for file, reason, detail in self.rows:
            log.debug("%s: %s %s", file, reason, detail)
        if self.rows:
            told = ", ".join(f"{count} {reason}" for reason, count in self.counts().items())
            log.warning("set aside: %s; see %s", told, written_to)

    def counts(self) -> dict[str, int]:
        """Files by reason, sorted."""
        return dict(sorted(Counter(reason for _, reason, _ in self.rows).items()))


@dataclass(frozen=True)
class Aligned:
    """A recording that was read.

    sound: (n,) float32 -1..1 at 16 kHz. phones: ascending, within the sound.
    """

    name: str
    speaker: str
    sound: np.ndarray
    phones: list[Interval]


def find_recordings(roots: Sequence[Path], quarantine: Quarantine) -> list[Recording]:
    """All recordings below ``roots`` that have an alignment there, in the order of their paths.

    Raises LipsyncError where there is no such folder, or no recording in any.
    """
    for root in roots:
        if not root.is_dir():
            raise LipsyncError(
                f"{root}: no such folder; see data.root and librispeech.fetch in "
                "visemes/params.yaml"
            )
    paths = sorted(path for root in roots for path in visible_below(root))
    sounds = [path for path in paths if path.suffix.lower() in SOUNDS]
    if not sounds:
        names = " ".join(str(root) for root in roots)
        raise LipsyncError(f"{names}: no recordings; legal: {', '.join(sorted(SOUNDS))}")
    partners = _Partners(sounds, [path for path in paths if path.suffix.lower() in SUFFIXES])
    found = []
    for sound in sounds:
        alignments, sharers = partners.of(sound)
        if not alignments:
            quarantine.add(sound, "no alignment")
        elif len(alignments) > 1 or sharers > 1:
            told = f"{sharers} recordings of this name share "
            told += ", ".join(path.as_posix() for path in alignments)
            quarantine.add(sound, "ambiguous alignment", told)
        else:
            found.append(Recording(sound, alignments[0]))
    return found


class _Partners:
    """Whose alignment is whose: first what lies beside the recording, then what has its name."""

    def __init__(self, sounds: list[Path], alignments: list[Path]) -> None:
        places = {(path.parent, path.stem) for path in sounds}
        self._beside: dict[tuple[Path, str], list[Path]] = defaultdict(list)
        self._apart: dict[str, list[Path]] = defaultdict(list)  # beside no recording of its name
        for path in alignments:
            place = (path.parent, path.stem)
            if place in places:
                self._beside[place].append(path)
            else:
                self._apart[path.stem].append(path)
        self._without = Counter(stem for place, stem in places if (place, stem) not in self._beside)

    def of(self, sound: Path) -> tuple[list[Path], int]:
        """Alignments that may be the recording's, and how many recordings may claim them."""
        place = (sound.parent, sound.stem)
        if place in self._beside:
            return self._beside[place], 1
        return self._apart[sound.stem], self._without[sound.stem]


def read_recordings(
    recordings: list[Recording], phones: PhoneMap, mismatch: float, quarantine: Quarantine
) -> Iterator[Aligned]:
    """Read one after the other; set aside what is damaged or does not fit.

    mismatch: seconds by which an alignment may end after its sound, or before it
    Raises LipsyncError that lists all phones of all alignments that the map does not know: a map
    that lacks a phone would teach the network that a mouth rests while it speaks.
    """
    readable, unknown = [], set()
    for recording in recordings:
        try:
            intervals = read_alignment(recording.alignment)
        except LipsyncError as error:
            quarantine.add(recording.alignment, "damaged alignment", str(error))
            continue
        unknown |= set(phones.unknown(interval.label for interval in intervals))
        readable.append(recording)
    if unknown:
        raise LipsyncError(
            f"{phones.source}: no visemes for {' '.join(sorted(unknown))}; add them under phones, "
            "or under ignored"
        )
    for recording in readable:
        intervals = read_alignment(recording.alignment)
        try:
            sound = read_audio(recording.sound)
        except LipsyncError as error:
            quarantine.add(recording.sound, "damaged sound", str(error))
            continue
        seconds = len(sound) / SAMPLE_RATE
        if abs(intervals[-1].end - seconds) > mismatch:
            quarantine.add(
                recording.alignment,
                "mismatch",
                f"it ends at {intervals[-1].end:.2f} s, the sound at {seconds:.2f} s",
            )
            continue
        yield Aligned(recording.sound.stem, recording.speaker, sound, intervals)
