"""Trained people with their figures and pictures, as HTML."""

import re
from html import escape
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.evaluation.summary import Row, table
from lipsync.ui.library import Library
from lipsync.ui.speak_view import poster
from lipsync.ui.words import error_line, note_line
from lipsync.ui.workspace import Workspace, url

HEADLINES = {  # of the summary's rows: what the tile says
    "mouth follows the voice, r": "mouth follows the voice",
    "in sync by SyncNet, top-1": "in sync by SyncNet",
    "sharpness from speech": "sharpness",
    "seam from speech": "visible seam",
}
PICTURES = (
    (
        "contact_sheet.png",
        "Real, rendered with the filmed expression, and from speech, on video that no training saw",
    ),
    ("mouth_opening.png", "Mouth opening over time, real and rendered"),
)
_NUMBER = r"(-?[\d.]+(?:e-?\d+)?)\s*%?"


def gallery(library: Library, workspace: Workspace) -> str:
    """A card for each person in params.yaml."""
    try:
        people = library.people()
    except LipsyncError as error:
        return error_line(str(error))
    if not people:
        return note_line(
            "No project in this folder. Start the page in a folder with params.yaml to see the "
            "people that were trained there."
        )
    return "".join(person_card(person, library.settings.project, workspace) for person in people)


def person_card(person: str, project: Path, workspace: Workspace) -> str:
    """Video, tiles, pictures and the whole table of one person, as far as they are there."""
    parts = [f"<h3>{escape(person)}</h3>"]
    film = _video(project / "data" / person / "render.mp4", workspace)
    try:
        blocks = table(person, project)
    except LipsyncError as error:
        message = f"Not evaluated yet. {error}" if "no such file" in str(error) else str(error)
        parts.append(f'<div class="ls-shown">{film}<div>{note_line(message)}</div></div>')
        return f'<section class="ls-card">{"".join(parts)}</section>'
    rows = [row for _, rows in blocks for row in rows]
    tiles = "".join(_tile(HEADLINES[row[0]], row[1], row[3]) for row in rows if row[0] in HEADLINES)
    parts.append(f'<div class="ls-shown">{film}<div class="ls-tiles">{tiles}</div></div>')
    for name, caption in PICTURES:
        parts.append(
            _picture(project / "metrics" / person / "evaluation" / name, caption, workspace)
        )
    body = "".join(_block(heading, rows) for heading, rows in blocks)
    parts.append(
        '<details><summary>All figures</summary><div class="ls-scroll"><table class="ls-table">'
        "<thead><tr><th></th><th>here</th><th>95 % within</th><th>good</th></tr></thead>"
        f"{body}</table></div></details>"
    )
    return f'<section class="ls-card">{"".join(parts)}</section>'


def _block(heading: str, rows: list[Row]) -> str:
    body = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td><td>{escape(interval)}</td>"
        f"<td>{escape(good)}</td></tr>"
        for name, value, interval, good in rows
    )
    return f'<tbody><tr><th colspan="4" scope="rowgroup">{escape(heading)}</th></tr>{body}</tbody>'


def verdict(value: str, good: str) -> bool | None:
    """Whether a figure as the table writes it is good; None where it cannot be said.

    As where it is rounded to the very edge.
    """
    here = re.fullmatch(_NUMBER, value.replace("+", ""))
    if here is None:
        return None
    figure = float(here[1])
    for pattern, holds in (
        (rf"above {_NUMBER}", lambda low: None if figure == low else figure > low),
        (rf"below {_NUMBER}", lambda high: None if figure == high else figure < high),
        (rf"at most {_NUMBER}", lambda high: figure <= high),
        (rf"{_NUMBER} \.\.\. {_NUMBER}", lambda low, high: low <= figure <= high),
    ):
        if match := re.fullmatch(pattern, good):
            return holds(*map(float, match.groups()))
    return None


def _tile(label: str, value: str, good: str) -> str:
    found = verdict(value, good)
    mark = {True: "ls-good", False: "ls-bad", None: ""}[found]
    said = {True: "good: ", False: "wanted: ", None: ""}[found]
    return (
        f'<div class="ls-tile {mark}"><b>{escape(value)}</b><span>{escape(label)}</span>'
        f"<small>{said}{escape(good)}</small></div>"
    )


def _picture(file: Path, caption: str, workspace: Workspace) -> str:
    if not file.is_file():
        return ""
    try:
        place = escape(url(workspace.copy(file)))
    except LipsyncError as error:
        return error_line(str(error))
    return (
        f'<figure class="ls-picture"><a href="{place}" target="_blank" rel="noopener">'
        f'<img src="{place}" alt="{escape(caption)}" loading="lazy"></a>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _video(file: Path, workspace: Workspace) -> str:
    if not file.is_file():
        return ""
    still = poster(file, workspace)
    picture = f' poster="{escape(url(still))}"' if still else ""
    try:
        place = escape(url(workspace.copy(file)))
    except LipsyncError as error:
        return error_line(str(error))
    return f'<video controls playsinline preload="none"{picture} src="{place}"></video>'
