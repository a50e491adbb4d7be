"""Phones in time, as the Montreal Forced Aligner writes them: Praat TextGrid or JSON.

TextGrid after Praat's manual, "TextGrid file formats": in the long and in the short form alike,
what counts are numbers that stand free, texts in quotes, and flags like ``<exists>``; everything
else is a comment. JSON: ``{"tiers": {"phones": {"entries": [[start, end, phone], ...]}}}``.
"""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lipsync.errors import LipsyncError
from lipsync.visemes.labels import Interval

SUFFIXES = (".textgrid", ".json")  # in small letters; capitals count as these
TIER = "phones"
# File type and object class; older versions of Praat write the short form's name into the first
HEADS = {('"ooTextFile"', '"TextGrid"'), ('"ooTextFile short"', '"TextGrid"'),
         ('"ooTextFile short"', '"ooTextFile"')}  # fmt: skip
SLACK = 1e-3  # seconds by which rounded times may overlap
_TOKEN = re.compile(
    r'"(?:[^"]|"")*"|(?<!\S)[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?(?!\S)|(?<!\S)<\w+>(?!\S)'
)


def read_alignment(path: Path) -> list[Interval]:
    """The phones of a file, ascending and without overlap.

    Raises LipsyncError with one line where it is damaged or holds no tier of phones.
    """
    read = read_textgrid if path.suffix.lower() == ".textgrid" else read_json
    try:
        phones = read(path.read_bytes())
        _check(phones)
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        problem = "it ends too early" if isinstance(error, StopIteration) else error
        raise LipsyncError(f"{path}: not an alignment: {problem}") from None
    return phones


def read_json(content: bytes) -> list[Interval]:
    """The aligner's JSON (``mfa align --output_format json``)."""
    tiers = json.loads(content)["tiers"]
    return [
        Interval(float(start), float(end), _text(label))
        for start, end, label in tiers[_phone_tier(list(tiers))]["entries"]
    ]


def read_textgrid(content: bytes) -> list[Interval]:
    """A TextGrid in any of Praat's forms."""
    tokens = iter(_TOKEN.findall(_decode(content)))
    if (next(tokens), next(tokens)) not in HEADS:
        raise ValueError("it does not begin like a TextGrid")
    _numbers(tokens, 2)  # of the whole: begin, end
    if next(tokens) != "<exists>":
        raise ValueError("it has no tiers")
    tiers: dict[str, list[Interval]] = {}
    for _ in range(int(next(tokens))):
        kind, name = _unquote(next(tokens)), _unquote(next(tokens))
        *_, count = _numbers(tokens, 3)  # begin, end, intervals
        times = 2 if kind == "IntervalTier" else 1
        rows = [(_numbers(tokens, times), _unquote(next(tokens))) for _ in range(int(count))]
        if kind == "IntervalTier":
            tiers[name] = [Interval(start, end, label) for (start, end), label in rows]
    return tiers[_phone_tier(list(tiers))]


def _phone_tier(names: list[str]) -> str:
    """The tier ``phones``, or ``<speaker> - phones`` where there is one speaker.

    What several speakers say at a time is no sound of one mouth: that is an error.
    """
    found = [name for name in names if name.split(" - ")[-1] == TIER]
    if len(found) > 1:
        raise ValueError(f"{len(found)} speakers: {', '.join(found)}; one is wanted")
    if not found:
        raise KeyError(f"no tier {TIER!r}; there are {', '.join(names)}")
    return found[0]


def _decode(content: bytes) -> str:
    """Praat writes UTF-8, or UTF-16 with a byte order mark."""
    if content[:2] in (b"\xfe\xff", b"\xff\xfe"):
        return content.decode("utf-16")
    return content.decode("utf-8-sig")


def _numbers(tokens: Iterator[str], count: int) -> list[float]:
    return [float(next(tokens)) for _ in range(count)]


def _unquote(token: str) -> str:
    if not token.startswith('"'):
        raise ValueError(f"{token} where a text in quotes is expected")
    return token[1:-1].replace('""', '"').strip()


def _text(label: Any) -> str:
    if not isinstance(label, str):
        raise TypeError(f"phone {label!r} is no text")
    return label.strip()


def _check(phones: list[Interval]) -> None:
    if not phones:
        raise ValueError("it has no phones")
    before = 0.0
    for start, end, label in phones:
        if not (math.isfinite(start) and math.isfinite(end) and before - SLACK <= start <= end):
            raise ValueError(f"phone {label!r} from {start} to {end} s lies before its neighbour")
        before = end
