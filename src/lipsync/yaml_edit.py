"""Editing YAML that people wrote: comments, layout and everything else stay.

Values that are there already are changed by ruamel.yaml's round trip (`round_trip`). An entry is
put in or taken out by its lines (`with_entry`, `without_entries`): ruamel hangs the comments
between two entries on the last value of the first, where a new entry would part them from what they
speak of, and a removed one would take them along.
"""

import io
import textwrap
from collections.abc import Callable, Collection, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path

Pairs = list[tuple[yaml.Node, yaml.Node]]
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a dvc.lock of many people is long


def round_trip(indent: int = 2) -> YAML:
    """A reader and writer that keeps comments, quotes and long lines, and writes null as null."""
    editor = YAML()
    editor.preserve_quotes = True
    editor.width = 10_000  # columns: never wrap a line
    editor.indent(mapping=indent)
    editor.representer.add_representer(type(None), _write_null)
    return editor


def rewrite(
    path: Path, change: Callable[[str], str], check: Callable[[Path], object] = lambda path: None
) -> None:
    """Change a file's text; line ends stay as they are.

    check: reads the new file before it takes the old one's place, and raises if it should not
    """
    text = path.read_bytes().decode("utf-8")
    with atomic_path(path) as temporary:
        temporary.write_bytes(change(text).encode("utf-8"))
        check(temporary)


def with_entry(text: str, mapping: str, name: str, value: dict[str, Any]) -> str:
    """``text`` with ``name: value`` as the last entry of the top-level ``mapping``.

    Raises LipsyncError if there is no such mapping, it is empty, or has the name already.
    """
    node, end = _find(text, mapping)
    wanted = {**yaml.load(text, LOADER)[mapping], name: value}
    if name in yaml.load(text, LOADER)[mapping]:
        raise LipsyncError(f"{mapping}.{name}: is there already")
    if node.flow_style:
        editor = round_trip()
        content = editor.load(text)
        content[mapping][_key(name)] = value
        return _checked(_dump(editor, content), mapping, wanted)
    lines = text.splitlines(keepends=True)
    margin = node.value[0][0].start_mark.column
    entry = textwrap.indent(_dump(round_trip(margin or 2), {_key(name): value}), " " * margin)
    newline = "\r\n" if lines[0].endswith("\r\n") else "\n"
    end = _content_end(lines, end)
    if not lines[end - 1].endswith("\n"):
        lines[end - 1] += newline
    lines.insert(end, entry.replace("\n", newline))
    return _checked("".join(lines), mapping, wanted)


def without_entries(text: str, mapping: str, names: Collection[str]) -> str:
    """``text`` less these entries of the top-level ``mapping``; names that it lacks are no error.

    Comments between entries stay. Raises LipsyncError if there is no such mapping.
    """
    node, end = _find(text, mapping)
    wanted = {k: v for k, v in yaml.load(text, LOADER)[mapping].items() if k not in names}
    if node.flow_style or not wanted:
        editor = round_trip()
        content = editor.load(text)
        for name in [key for key in content[mapping] if key in names]:
            del content[mapping][name]
        return _checked(_dump(editor, content), mapping, wanted)
    lines = text.splitlines(keepends=True)
    starts = [key.start_mark.line for key, _ in node.value]
    spans = [
        (start, _content_end(lines, after))
        for (key, _), start, after in zip(node.value, starts, [*starts[1:], end], strict=True)
        if key.value in names
    ]
    for start, stop in reversed(spans):
        del lines[start:stop]
    return _checked("".join(lines), mapping, wanted)


def _find(text: str, mapping: str) -> tuple[yaml.MappingNode, int]:
    """The mapping, and the line of what follows it."""
    top = yaml.compose(text, LOADER)
    pairs: Pairs = top.value if isinstance(top, yaml.MappingNode) else []
    for i, (key, value) in enumerate(pairs):
        if key.value == mapping and isinstance(value, yaml.MappingNode) and value.value:
            last = len(text.splitlines())
            return value, pairs[i + 1][0].start_mark.line if pairs[i + 1 :] else last
    raise LipsyncError(f"{mapping}: missing, or not a mapping with entries")


def _content_end(lines: Sequence[str], end: int) -> int:
    """The line behind the last one before ``end`` that is neither blank nor a comment."""
    blank = takewhile(lambda line: line.lstrip()[:1] in ("", "#"), reversed(lines[:end]))
    return end - len(list(blank))


def _checked(text: str, mapping: str, wanted: dict[str, Any]) -> str:
    """``text``, if its mapping says what it should; layouts are many."""
    try:
        found = yaml.load(text, LOADER)[mapping]
    except yaml.YAMLError:
        found = None
    if found != wanted:
        raise LipsyncError(f"{mapping}: cannot be edited as it is laid out; edit it by hand")
    return text


def _key(name: str) -> str:
    """The name, in quotes where YAML 1.1, which knows more words than 1.2, reads another value."""
    return name if yaml.safe_load(name) == name else DoubleQuotedScalarString(name)


def _dump(editor: YAML, content: Any) -> str:
    stream = io.StringIO()
    editor.dump(content, stream)
    return stream.getvalue()


def _write_null(representer: Any, _: None) -> Any:
    """As params.yaml has it; ruamel would leave the place empty."""
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")
