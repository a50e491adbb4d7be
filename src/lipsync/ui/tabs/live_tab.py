"""Microphone in, avatar out, while one speaks."""

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import gradio as gr

from lipsync.errors import LipsyncError
from lipsync.ui.live.place import NOT_INSTALLED, installed
from lipsync.ui.live_view import HELP, panel
from lipsync.ui.speak_view import avatar_card
from lipsync.ui.tabs import EVENT
from lipsync.ui.words import error_line, note_line

if TYPE_CHECKING:
    from lipsync.ui.page import Parts


def build(parts: "Parts", tab: gr.Tab) -> None:
    """The tab's components; `live.js` talks to the server by itself."""
    if not installed():
        gr.HTML(error_line(NOT_INSTALLED), elem_id="live", padding=False)
        return
    library = parts.library
    with gr.Row(elem_classes="ls-columns"):
        with gr.Column(min_width=320):
            avatar = gr.Dropdown([], label="Avatar", elem_id="live-avatar")
            card = gr.HTML(elem_id="live-card", padding=False)
            gr.HTML(note_line(HELP), padding=False)
        with gr.Column(min_width=320):
            code = (files("lipsync.ui.live") / "live.js").read_text(encoding="utf-8")
            gr.HTML(panel(), js_on_load=code, elem_id="live", padding=False)

    def show(name: str | None) -> str:
        try:
            return avatar_card(str(name), library.avatar(name), parts.workspace)
        except LipsyncError as error:
            return error_line(str(error))

    def choices(chosen: str | None) -> tuple[Any, str]:
        """At each look at the tab: a training may have added an avatar."""
        names = list(library.avatars())
        name = chosen if chosen in names else next(iter(names), None)
        return gr.Dropdown(choices=names, value=name), show(name)

    tab.select(choices, avatar, [avatar, card], **EVENT)
    avatar.input(show, avatar, card, **EVENT)
