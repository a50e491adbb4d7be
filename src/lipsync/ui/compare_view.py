"""Two states of a person side by side, as HTML: their sample videos, and a table of figures."""

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

NEITHER = '<td class="ls-verdict-cell"></td>'


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
    head = "".join(f'<th scope="col">{escape(side.label)}</th>' for side in sides)
    body = "".join(
        f'<tbody><tr><th colspan="5" scope="rowgroup">{escape(heading)}</th></tr>'
        f"{''.join(_row(line, *figures) for line in lines)}</tbody>"
        for heading, lines in BLOCKS
    )
    return (
        f'<section class="ls-card"><h3>{escape(person)}</h3>'
        f'<div class="ls-together">{_players(person, sides, files, place)}</div>'
        '<div class="ls-scroll" tabindex="0" role="region" aria-label="Figures of both">'
        '<table class="ls-table ls-compare"><thead><tr><th scope="col">Figure</th>'
        f'{head}<th scope="col">Difference</th><th scope="col">Second is</th></tr></thead>{body}'
        "</table></div>"
        + note_line(
            "Below each figure: its 95 % interval. Where the intervals overlap, the difference may "
            "be chance."
        )
        + "</section>"
    )


def _row(line: Line, first: Figures, second: Figures) -> str:
    """A figure in both, the difference, and which is the better one."""
    other = line.instead
    if other and first.value(line.key) is None and second.value(line.key) is None:
        line = other
    one, two = first.value(line.key), second.value(line.key)
    cells = "".join(_cell(line, figures) for figures in (first, second))
    change = "<td></td>" + NEITHER
    if one is not None and two is not None:
        change = f"<td>{escape(_difference(line, two - one))}</td>{_better(line, first, second)}"
    name = escape(line.name)
    indent = ' class="ls-indent"' if line.name.startswith(" ") else ""
    return f'<tr><th scope="row"{indent}>{name}</th>{cells}{change}</tr>'


def _cell(line: Line, figures: Figures) -> str:
    value, interval = figures.value(line.key), figures.interval(line.key)
    shown = "–" if value is None else line.form.format(value)
    if interval is None:
        return f"<td>{escape(shown)}</td>"
    low, high = (line.form.format(edge) for edge in interval)
    return f"<td>{escape(shown)}<small>{escape(low)} … {escape(high)}</small></td>"


def _difference(line: Line, change: float) -> str:
    form = line.form.replace(":+", ":").replace("{:", "{:+")
    return form.format(change)


def _better(line: Line, first: Figures, second: Figures) -> str:
    """Better or worse, by what the summary calls good; nothing where it has no direction."""
    one, two = first.value(line.key), second.value(line.key)
    assert one is not None
    assert two is not None
    before, after = shortfall(one, line.good), shortfall(two, line.good)
    if before is None or after is None:
        return NEITHER
    if before == after or line.form.format(one) == line.form.format(two):
        return '<td class="ls-verdict-cell">the same</td>'
    word, mark = ("better", "ls-better") if after < before else ("worse", "ls-worse")
    spans = first.interval(line.key), second.interval(line.key)
    doubt = ""
    if spans[0] and spans[1] and spans[0][0] <= spans[1][1] and spans[1][0] <= spans[0][1]:
        doubt = "<small>intervals overlap</small>"
    return f'<td class="ls-verdict-cell"><b class="{mark}">{word}</b>{doubt}</td>'


def _sample(person: str, side: Revision, project: Path) -> Path | None:
    return find_out(project, f"render_sample@{person}", f"data/{person}/render.mp4", side)


def _players(person: str, sides: list[Revision], files: list[Path | None], place: Workspace) -> str:
    """The sample videos; the second follows the first. Of one that is not here, how to get it."""
    parts = []
    for number, (side, file) in enumerate(zip(sides, files, strict=True)):
        title = f"Sample video, {side.label}"
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
