"""Trained people with their figures and pictures, as HTML."""

from html import escape
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.evaluation.summary import LINES, Row, table
from lipsync.ui.judging import verdict
from lipsync.ui.library import Library
from lipsync.ui.revisions import HERE, Figures, read_figures
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
    parts = [f"<h2>{escape(person)}</h2>"]
    sample = _sample(project / "data" / person / "render.mp4", workspace)
    try:
        blocks = table(person, project)
        sync = read_figures(project, person, HERE)
    except LipsyncError as error:
        message = str(error)
        if "no such file" in message:
            message = f"Not evaluated yet; run `dvc repro evaluate@{person}`."
        parts.append(f'<div class="ls-shown">{sample}<div>{note_line(message)}</div></div>')
        return f'<section class="ls-card">{"".join(parts)}</section>'
    folder = project / "metrics" / person / "evaluation"
    rows = [row for _, rows in blocks for row in rows]
    tiles = "".join(_tile(HEADLINES[row[0]], row[1], row[3]) for row in rows if row[0] in HEADLINES)
    parts.append(pair(folder / "comparison.mp4", sync, workspace))
    parts.append(f'<div class="ls-shown">{sample}<div class="ls-tiles">{tiles}</div></div>')
    for name, caption in PICTURES:
        parts.append(_picture(folder / name, caption, workspace))
    body = "".join(_block(heading, rows) for heading, rows in blocks)
    parts.append(
        '<details><summary>All figures</summary><div class="ls-scroll" tabindex="0" role="region" '
        f'aria-label="All figures of {escape(person)}"><table class="ls-table">'
        '<thead><tr><th scope="col">Figure</th><th scope="col">Value</th>'
        '<th scope="col">95 % interval</th><th scope="col">Good</th></tr></thead>'
        f"{body}</table></div></details>"
    )
    return f'<section class="ls-card">{"".join(parts)}</section>'


def pair(file: Path, figures: Figures, workspace: Workspace) -> str:
    """The held-out video, real and rendered, with how well audio and lips of each go together.

    Both halves are in one file (`evaluation.comparison`), so they are in step whatever the browser
    does, with one play button, one slider, and the audio once. "" where there is no such file.
    """
    if not file.is_file():
        return ""
    title = "Held-out video, which no training saw: real, and rendered from its audio"
    halves = "".join(
        f"<div><b>{name}</b>{_offset(figures, part)}{_score(figures, part)}</div>"
        for name, part in (("Real", "real_"), ("Rendered from its audio", ""))
    )
    return (
        f'<figure class="ls-pair">{player(file, title, workspace)}'
        f'<div class="ls-halves">{halves}</div><figcaption>{title}</figcaption></figure>'
    )


def _offset(figures: Figures, part: str) -> str:
    """Audio against lips; by the base to the millisecond where that is certain, else by SyncNet."""
    seconds = figures.detail(f"sync.base_{part}offset", f"sync.base_{part}score")
    frames = figures.value(f"sync.{part}offset")
    if seconds is not None:
        apart = f"audio {abs(seconds) * 1e3:.0f} ms {'ahead of' if seconds > 0 else 'behind'} lips"
        return f"<span>Offset: {apart if round(seconds * 1e3) else '0 ms'}</span>"
    if frames is not None:
        return f"<span>Offset: lips {frames:+.0f} frames after audio, by SyncNet</span>"
    return "<span>Offset: not enough speech to tell</span>"


def _score(figures: Figures, part: str) -> str:
    """Correlation with the lips that the base predicts, or how often SyncNet is right."""
    for name, key, form in (
        ("Sync score", f"sync.base_{part}score", "{:.2f}"),
        ("SyncNet top-1", f"sync.{part}top1", "{:.0%}"),
    ):
        value, interval = figures.value(key), figures.interval(key)
        if value is not None:
            good = next(line.good for line in LINES if line.key == key)
            within = f" ({' … '.join(form.format(edge) for edge in interval)})" if interval else ""
            return f"<span>{name}: {form.format(value)}{within}; good: {escape(good)}</span>"
    return "<span>Sync score: not enough speech to tell</span>"


def _block(heading: str, rows: list[Row]) -> str:
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        f"<td>{escape(value)}</td><td>{escape(interval)}</td>"
        f"<td>{escape(good)}</td></tr>"
        for name, value, interval, good in rows
    )
    return f'<tbody><tr><th colspan="4" scope="rowgroup">{escape(heading)}</th></tr>{body}</tbody>'


def _tile(label: str, value: str, good: str) -> str:
    found = verdict(value, good)
    mark = {True: "ls-good", False: "ls-bad", None: ""}[found]
    said = {True: f"good: {good}", False: f"good: {good}; missed", None: f"good: {good}"}[found]
    return (
        f'<div class="ls-tile {mark}"><b>{escape(value)}</b><span>{escape(label)}</span>'
        f"<small>{escape(said)}</small></div>"
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


def _sample(file: Path, workspace: Workspace) -> str:
    if not file.is_file():
        return ""
    shown = player(file, "Sample video: new speech", workspace)
    caption = "<figcaption>Sample video: new speech</figcaption>"
    return f'<figure class="ls-sample">{shown}{caption}</figure>'


def player(
    file: Path, title: str, workspace: Workspace, suffix: str = "", follows: bool = False
) -> str:
    """A video of the project's, or an error in one line.

    Args:
        title: what a screen reader calls it
        suffix: of the copy's name, where the file's own has none
        follows: mute and without controls, since another one leads it (`together.js`)
    """
    still = poster(file, workspace)
    picture = f' poster="{escape(url(still))}"' if still else ""
    try:
        place = escape(url(workspace.copy(file, suffix)))
    except LipsyncError as error:
        return error_line(str(error))
    kind = 'muted preload="auto"' if follows else 'controls preload="none"'
    return f'<video {kind} playsinline aria-label="{escape(title)}"{picture} src="{place}"></video>'
