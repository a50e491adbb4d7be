"""The page: five tabs of Gradio components. Imports Gradio."""

from dataclasses import dataclass
from importlib.resources import files

import gradio as gr

from lipsync.ui.jobs import RenderQueue
from lipsync.ui.library import Library
from lipsync.ui.new_person import NewPerson
from lipsync.ui.runs import Runs
from lipsync.ui.settings import Settings
from lipsync.ui.status import StatusCache
from lipsync.ui.tabs import gallery_tab, live_tab, new_person_tab, pipeline_tab, speak_tab
from lipsync.ui.workspace import Workspace

CONSENT = (
    '<header class="ls-head"><h1>lipsync</h1><p>Generate a video of an avatar that speaks any '
    "audio. "
    "<strong>Only with the consent of the person who is shown.</strong> Every video is labelled "
    "as synthetic in its metadata.</p></header>"
)
SANS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"]
MONO = ["ui-monospace", "Menlo", "Consolas", "monospace"]


@dataclass(frozen=True)
class Parts:
    """What the tabs share."""

    settings: Settings
    workspace: Workspace
    library: Library
    queue: RenderQueue
    runs: Runs
    status: StatusCache
    new_person: NewPerson


def build(parts: Parts) -> gr.Blocks:
    """The whole page; `serve` launches it."""
    with gr.Blocks(title="lipsync", analytics_enabled=False) as page:
        gr.HTML(CONSENT, padding=False)
        with gr.Tabs() as tabs:
            with gr.Tab("Speak", id="speak"):
                speaking = speak_tab.build(parts, page)
            with gr.Tab("Live", id="live") as live:
                live_tab.build(parts, live)
            with gr.Tab("New person", id="new") as tab:
                new_person_tab.build(parts, tab, tabs, speaking)
            with gr.Tab("Gallery", id="gallery") as gallery:
                gallery_tab.build(parts, page, gallery)
            with gr.Tab("Pipeline", id="pipeline") as pipeline:
                pipeline_tab.build(parts, page, pipeline)
    return page


def theme() -> gr.themes.Base:
    """Fonts of the reader's own system: none is fetched."""
    base = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        font=SANS,
        font_mono=MONO,
        radius_size=gr.themes.sizes.radius_lg,
    )
    return base.set(  # WCAG's contrast of 4.5 : 1, which Gradio's own colours miss
        color_accent="*primary_700",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
    )


def css() -> str:
    return (files("lipsync.ui") / "style.css").read_text(encoding="utf-8")
