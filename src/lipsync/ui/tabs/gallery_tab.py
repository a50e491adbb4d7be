"""Trained people, their figures, pictures and videos; and two experiments of one of them."""

from typing import TYPE_CHECKING, Any

import gradio as gr

from lipsync.errors import LipsyncError
from lipsync.ui.compare_view import comparison
from lipsync.ui.gallery_view import gallery
from lipsync.ui.revisions import revisions
from lipsync.ui.tabs import EVENT, script
from lipsync.ui.words import error_line, note_line

if TYPE_CHECKING:
    from lipsync.ui.page import Parts

EMPTY = note_line("Choose two, then press Compare.")


def build(parts: "Parts", page: gr.Blocks, tab: gr.Tab) -> None:
    library, project = parts.library, parts.settings.project
    with gr.Accordion("Compare two experiments", open=False, elem_id="compare"):
        with gr.Row(elem_classes="ls-controls"):
            person = gr.Dropdown([], label="Person", elem_id="compare-person")
            first = gr.Dropdown([], label="First", elem_id="compare-first", scale=2)
            second = gr.Dropdown([], label="Second", elem_id="compare-second", scale=2)
            go = gr.Button("Compare", variant="primary", elem_id="compare-go")
        result = gr.HTML(
            EMPTY,
            js_on_load=script("live_region.js", "together.js"),
            elem_id="compared",
            padding=False,
        )
    shown = gr.HTML(elem_id="gallery", padding=False)

    def opened(chosen: str | None) -> tuple[Any, ...]:
        html = gallery(library, parts.workspace)
        try:
            people = library.people()
        except LipsyncError:
            people = []  # `gallery` says why
        value = chosen if chosen in people else next(iter(people), None)
        return html, gr.Dropdown(choices=people, value=value), *choices(value)

    def choices(name: str | None) -> tuple[Any, Any, str]:
        """The newest commit beside the newest experiment, else beside the folder as it is."""
        try:
            found = revisions(project, library.person(name)) if name else []
        except LipsyncError as error:
            nothing = gr.Dropdown(choices=[], value=None)
            return nothing, nothing, error_line(str(error))
        listed = [(one.label, one.commit) for one in found]
        commits = [one.commit for one in found[1:] if not one.experiment]
        experiments = [one.commit for one in found if one.experiment]
        before = next(iter(commits), None)
        after = next(iter(experiments), found[0].commit if found else None)
        return (
            gr.Dropdown(choices=listed, value=before),
            gr.Dropdown(choices=listed, value=after),
            EMPTY,
        )

    def compare(name: str, before: str | None, after: str | None) -> str:
        try:
            return comparison(library.person(name), before, after, project, parts.workspace)
        except LipsyncError as error:
            return error_line(str(error))

    tab.select(opened, person, [shown, person, first, second, result], **EVENT)
    person.input(choices, person, [first, second, result], **EVENT)
    go.click(compare, [person, first, second], result, **EVENT)
