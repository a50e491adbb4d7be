"""Trained people, their figures, pictures and videos."""

from typing import TYPE_CHECKING

import gradio as gr

from lipsync.ui.gallery_view import gallery
from lipsync.ui.tabs import EVENT

if TYPE_CHECKING:
    from lipsync.ui.page import Parts


def build(parts: "Parts", page: gr.Blocks, tab: gr.Tab) -> None:
    shown = gr.HTML(elem_id="gallery", padding=False)
    tab.select(lambda: gallery(parts.library, parts.workspace), None, shown, **EVENT)
