"""Phoneme -> viseme maps: JSON files, checked when they are read.

    {"alphabet": "IPA", "language": "en",
     "strip": "ːˈˌ",                       marks that are taken off where the phone has no entry
     "ignored": ["spn"],                   phones that nobody could know the shape of
     "phones": {"p": ["PP"], "aɪ": ["aa", "ih"], "_": ["sil"]}}

A phone with several visemes passes through them, each for the same share of its time.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lipsync.errors import LipsyncError
from lipsync.visemes.labels import IGNORED, VISEMES, Interval

KEYS = {"alphabet", "language", "strip", "ignored", "phones"}


@dataclass(frozen=True)
class PhoneMap:
    """Visemes of each phone, as classes; `IGNORED` of phones that say nothing."""

    source: str
    strip: str
    phones: dict[str, tuple[int, ...]]

    def lookup(self, phone: str) -> tuple[int, ...] | None:
        """Classes that a phone passes through; None where the map does not know it."""
        found = self.phones.get(phone)
        bare = phone.translate(str.maketrans("", "", self.strip))
        if found is None and bare:  # a phone of marks alone would become the empty one: silence
            found = self.phones.get(bare)
        return found

    def unknown(self, phones: Iterable[str]) -> list[str]:
        """Those that the map does not know, sorted."""
        return sorted({phone for phone in phones if self.lookup(phone) is None})

    def visemes(self, intervals: Iterable[Interval]) -> list[tuple[float, float, int]]:
        """Phones in time -> (start, end, class); KeyError for a phone that is unknown."""
        found = []
        for start, end, phone in intervals:
            classes = self.lookup(phone)
            if classes is None:
                raise KeyError(phone)
            step = (end - start) / len(classes)
            found += [
                (start + i * step, start + (i + 1) * step, viseme)
                for i, viseme in enumerate(classes)
            ]
        return found


def load_map(path: Path) -> PhoneMap:
    """Read and check a map; LipsyncError names the file, what is wrong in it, and what is legal."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LipsyncError(f"{path}: no such file; see data.map in visemes/params.yaml") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise LipsyncError(f"{path}: not valid JSON: {error}") from None
    _check(path, values)
    names = {name: number for number, name in enumerate(VISEMES)}
    phones = {
        phone: tuple(names[name] for name in told) for phone, told in values["phones"].items()
    }
    phones |= dict.fromkeys(values.get("ignored", []), (IGNORED,))
    return PhoneMap(str(path), values.get("strip", ""), phones)


def _check(path: Path, values: Any) -> None:
    if not isinstance(values, dict) or not isinstance(values.get("phones"), dict):
        raise LipsyncError(f"{path}: not a map; it needs phones: {{phone: [viseme, ...]}}")
    for key in sorted(values.keys() - KEYS):
        raise LipsyncError(f"{path}: {key}: unknown key; legal keys: {', '.join(sorted(KEYS))}")
    if not isinstance(values.get("strip", ""), str):
        raise LipsyncError(f"{path}: strip: should be a text of the marks that are taken off")
    ignored = values.get("ignored", [])
    if not isinstance(ignored, list) or not all(isinstance(phone, str) for phone in ignored):
        raise LipsyncError(f"{path}: ignored: should be a list of phones")
    for phone, told in values["phones"].items():
        if not isinstance(told, list) or not told:
            raise LipsyncError(f"{path}: phones.{phone}: should be a list of one or more visemes")
        for name in told:
            if not isinstance(name, str) or name not in VISEMES:
                raise LipsyncError(
                    f"{path}: phones.{phone}: no viseme {name!r}; legal: {', '.join(VISEMES)}"
                )
    for phone in ignored:
        if phone in values["phones"]:
            raise LipsyncError(f"{path}: ignored: {phone!r} has visemes too; take one of them out")
    reached = {name for told in values["phones"].values() for name in told}
    missing = [name for name in VISEMES if name not in reached]
    if missing:
        raise LipsyncError(f"{path}: phones: none has the viseme {', '.join(missing)}; add one")
