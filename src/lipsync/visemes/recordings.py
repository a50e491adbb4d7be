"""Recordings and their alignments in folders laid out like LibriSpeech.

    <root>/.../<speaker>/<chapter>/<utterance>.flac
    <root>/.../<utterance>.TextGrid                 or .json; beside the recording or elsewhere

What lacks its partner, or does not fit it, is set aside and counted; nothing else stops for it.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lipsync.errors import LipsyncError
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


def find_recordings(root: Path, quarantine: Quarantine) -> list[Recording]:
    """All recordings below ``root`` that have an alignment, in the order of their paths.

    An utterance's name finds its alignment, as names are unique in LibriSpeech. Raises LipsyncError
    where there is no such folder, or no recording in it.
    """
    if not root.is_dir():
        raise LipsyncError(
            f"{root}: no such folder; see data.root in visemes/params.yaml, or fetch LibriSpeech: "
            "`dvc repro visemes/librispeech/dvc.yaml`"
        )
    sounds = sorted(path for path in root.rglob("*") if path.suffix in SOUNDS)
    if not sounds:
        raise LipsyncError(f"{root}: no recordings; legal: {', '.join(sorted(SOUNDS))}")
    files = sorted(path for path in root.rglob("*") if path.suffix in SUFFIXES)
    partners = {path.stem: path for path in files}
    found = []
    for sound in sounds:
        partner = partners.get(sound.stem)
        if partner is None:
            quarantine.add(sound, "no alignment")
        else:
            found.append(Recording(sound, partner))
    return found


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
