"""Two states of a person side by side, as HTML: their sample videos, and a table of figures."""

import re
from html import escape
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.evaluation.summary import BLOCKS, Line
from lipsync.ui.gallery_view import player
from lipsync.ui.judging import shortfall
from lipsync.ui.revisions import (
    WORKING_TREE,
    Figures,
    Revision,
    find_out,
    find_revision,
    read_figures,
)
from lipsync.ui.words import error_line, note_line
from lipsync.ui.workspace import Workspace

SAME = "about 0"


def comparison(person: str, first: object, second: object, project: Path, place: Workspace) -> str:
    """What differs between two revisions, by their commits; an error is one line.

    Args:
        person: one of params.yaml
        first, second: as a browser gave them
    """
    try:
        sides = [find_revision(project, person, commit) for commit in (first, second)]
        figures = [read_figures(project, person, side) for side in sides]
        files = [_sample(person, side, project) for side in sides]
    except LipsyncError as error:
        return error_line(str(error))
    differing = [
        (heading, [line for line in lines if not _same(line, *figures)])
        for heading, lines in BLOCKS
    ]
    equal = [
        (heading, [line for line in lines if _same(line, *figures)]) for heading, lines in BLOCKS
    ]
    count = sum(len(lines) for _, lines in equal)
    table = note_line("Nothing differs: all figures are the same in both.")
    if any(lines for _, lines in differing):
        table = _table(differing, sides, figures, "Figures that differ") + note_line(
            "Below each figure: its 95 % interval. Change: second less first; where the intervals "
            "overlap, it may be chance."
        )
    if count:
        table += (
            f"<details><summary>{count} figures are the same in both, or in neither</summary>"
            f"{_table(equal, sides, figures, 'Figures that are equal')}</details>"
        )
    return (
        f'<section class="ls-card"><h2>{escape(person)}</h2>'
        f'<div class="ls-together">{_players(person, sides, files, place)}</div>{table}</section>'
    )


def _table(
    blocks: list[tuple[str, list[Line]]], sides: list[Revision], figures: list[Figures], title: str
) -> str:
    """``title`` is what a screen reader calls it."""
    head = "".join(f'<th scope="col">{escape(side.title)}</th>' for side in sides)
    body = "".join(
        f'<tbody><tr><th colspan="4" scope="rowgroup">{escape(heading)}</th></tr>'
        f"{''.join(_row(line, *figures) for line in lines)}</tbody>"
        for heading, lines in blocks
        if lines
    )
    return (
        f'<div class="ls-scroll" tabindex="0" role="region" aria-label="{escape(title)}">'
        '<table class="ls-table ls-compare"><thead><tr><th scope="col">Figure</th>'
        f'{head}<th scope="col">Change</th></tr></thead>{body}</table></div>'
    )


def _shown(line: Line, first: Figures, second: Figures) -> Line:
    """The line itself, or the one that stands in for it where neither has its figure."""
    if line.instead and first.value(line.key) is None and second.value(line.key) is None:
        return line.instead
    return line


def _same(line: Line, first: Figures, second: Figures) -> bool:
    line = _shown(line, first, second)
    one, two = first.value(line.key), second.value(line.key)
    if one is None or two is None:
        return one is two
    return _change(line, first, second) == SAME


def _row(line: Line, first: Figures, second: Figures) -> str:
    """A figure in both, the difference, and which is the better one."""
    line = _shown(line, first, second)
    one, two = first.value(line.key), second.value(line.key)
    cells = "".join(_cell(line, figures) for figures in (first, second))
    change = "" if one is None or two is None else _change(line, first, second)
    name = escape(line.name)
    indent = ' class="ls-indent"' if line.name.startswith(" ") else ""
    return f'<tr><th scope="row"{indent}>{name}</th>{cells}<td>{change}</td></tr>'


def _cell(line: Line, figures: Figures) -> str:
    value, interval = figures.value(line.key), figures.interval(line.key)
    shown = "–" if value is None else line.form.format(value)
    if interval is None:
        return f"<td>{escape(shown)}</td>"
    low, high = (line.form.format(edge) for edge in interval)
    return f"<td>{escape(shown)}<small>{escape(low)} … {escape(high)}</small></td>"


def _change(line: Line, first: Figures, second: Figures) -> str:
    """The difference, and whether it is for the better, by what the summary calls good."""
    one, two = first.value(line.key), second.value(line.key)
    assert one is not None
    assert two is not None
    signed = line.form.replace(":+", ":").replace("{:", "{:+").format(two - one)
    if not re.search("[1-9]", signed.split("e")[0]) or line.form.format(one) == line.form.format(
        two
    ):
        return SAME
    before, after = shortfall(one, line.good), shortfall(two, line.good)
    if before is None or after is None or before == after:
        return escape(signed)
    word, mark = ("better", "ls-better") if after < before else ("worse", "ls-worse")
    spans = first.interval(line.key), second.interval(line.key)
    doubt = ""
    if spans[0] and spans[1] and spans[0][0] <= spans[1][1] and spans[1][0] <= spans[0][1]:
        doubt = "<small>intervals overlap</small>"
    return f'{escape(signed)} <b class="{mark}">{word}</b>{doubt}'


def _sample(person: str, side: Revision, project: Path) -> Path | None:
    return find_out(project, f"render_sample@{person}", f"data/{person}/render.mp4", side)


def _players(person: str, sides: list[Revision], files: list[Path | None], place: Workspace) -> str:
    """The sample videos; the second follows the first. Of one that is not here, how to get it."""
    parts = []
    for number, (side, file) in enumerate(zip(sides, files, strict=True)):
        title = f"Sample video: {side.title}"
        if file is None:
            shown = _missing(person, side)
        else:
            follows = number > 0 and files[0] is not None
            shown = player(file, title, place, ".mp4", follows)
        parts.append(f"<figure>{shown}<figcaption>{escape(title)}</figcaption></figure>")
    return "".join(parts)


def _missing(person: str, side: Revision) -> str:
    path = f"data/{person}/render.mp4"
    if side.commit == WORKING_TREE:
        return note_line(f"{path} is not there; make it with `dvc repro render_sample@{person}`.")
    get = f"dvc fetch --all-commits {path}"
    if side.experiment:
        get = f"dvc exp pull REMOTE {side.name}"
    return note_line(
        f"Its sample video is not in DVC's cache on this computer. `{get}` gets it from a remote "
        "that has it; then compare again."
    )
