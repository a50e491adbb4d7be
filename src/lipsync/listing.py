"""Lists that people write: a path a line, or JSON."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pydantic

from lipsync.errors import LipsyncError

LIST, MANIFEST = ".txt", ".json"
M = TypeVar("M", bound=pydantic.BaseModel)


class Entry(pydantic.BaseModel):
    """Of a manifest; keys that it does not know are refused."""

    model_config = pydantic.ConfigDict(extra="forbid")


def read_list(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that say something, with their numbers from 1; # begins a comment.

    Raises LipsyncError if the file cannot be read.
    """
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if content := re.sub(r"(^|\s)#.*", "", line).strip():
            yield number, content


def read_manifest(path: Path, whole: type[M]) -> M:
    """JSON as ``whole`` has it.

    Raises LipsyncError if the file cannot be read, is no JSON, or has another key or kind of value.
    """
    try:
        return whole.model_validate(json.loads(_text(path)))
    except pydantic.ValidationError as error:
        problem = error.errors()[0]
        place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in problem["loc"])
        why = problem["msg"][0].lower() + problem["msg"][1:]
        if problem["type"] == "extra_forbidden":
            why = "unknown key"
        shape = _shape(whole)
        raise LipsyncError(
            f"{path}: {place.lstrip('.') or 'content'}: {why}; it should be {shape}"
        ) from None
    except ValueError as error:
        raise LipsyncError(f"{path}: not valid JSON: {error}") from None


def _shape(whole: type[pydantic.BaseModel]) -> str:
    """``{"videos": [{"path": ..., "name": ...}]}``"""
    (key, field), *_ = whole.model_fields.items()
    entry = field.annotation.__args__[0]  # type: ignore[union-attr]
    inside = ", ".join(f'"{name}": ...' for name in entry.model_fields)
    return f'{{"{key}": [{{{inside}}}]}}'


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise LipsyncError(f"{path}: cannot be read: {reason}") from None
