"""Drop or record a video, see whether it is fit, press one button, watch, speak."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gradio as gr

from lipsync.errors import LipsyncError
from lipsync.presets import PRESETS
from lipsync.ui.new_person import AS_PROJECT, Situation, obstacle
from lipsync.ui.new_person_view import recorder, situation_card
from lipsync.ui.tabs import EVENT, INTERVAL, LIVE, if_visible, script
from lipsync.ui.tabs.speak_tab import Choose
from lipsync.ui.words import error_line, note_line

if TYPE_CHECKING:
    from lipsync.ui.page import Parts

STARTS = [
    ("The base: networks trained on other people; for 2 to 4 minutes of video", "base"),
    ("Nothing: trained on this video alone", "nothing"),
]
PRESET_CHOICES = [
    ("As in this project", AS_PROJECT),
    *((f"{name}: {preset.about}", name) for name, preset in PRESETS.items()),
]
PRESET_INFO = "Quality against training time."


def build(
    parts: "Parts", tab: gr.Tab, tabs: gr.Tabs, speak: tuple[gr.Dropdown, gr.HTML, Choose]
) -> None:
    """The tab's components.

    speak: dropdown and card of the Speak tab, and what chooses an avatar there
    """
    new, megabytes = parts.new_person, parts.settings.max_upload / 1e6
    last = gr.State(("", ""))  # phase and HTML that the browser shows
    timer, visible = gr.Timer(INTERVAL), gr.Checkbox(visible=False)
    with gr.Row(elem_classes="ls-columns"):
        with gr.Column(min_width=320, elem_id="new-source") as source:
            file = gr.File(
                label=f"Source video, at most {megabytes:g} MB",
                type="filepath",
                elem_id="source-video",
                height=200,
            )
        with gr.Column(min_width=320):
            gr.HTML(
                recorder(parts.settings.max_upload),
                js_on_load=script("recorder.js"),
                elem_id="recorder",
                padding=False,
            )
    answer = gr.HTML(js_on_load=LIVE, elem_id="new-answer", padding=False)
    with gr.Row(elem_classes="ls-controls"):
        cancel = gr.Button(
            "Cancel", variant="stop", visible=False, scale=0, min_width=200, elem_id="new-cancel"
        )
        resume = gr.Button(
            "Resume", variant="primary", visible=False, scale=0, min_width=200, elem_id="new-resume"
        )
        talk = gr.Button(
            "Speak", variant="primary", visible=False, scale=0, min_width=200, elem_id="new-speak"
        )
        another = gr.Button(
            "Use another video", visible=False, scale=0, min_width=200, elem_id="new-another"
        )
    shown = gr.HTML(
        js_on_load=script("live_region.js", "confirm.js"), elem_id="new-person", padding=False
    )
    with gr.Column(visible=False) as form:
        with gr.Row(elem_classes="ls-controls"):
            name = gr.Textbox(
                label="Name",
                info="Of the person, in params.yaml: a-z, 0-9, - and _",
                max_length=64,
                elem_id="new-name",
            )
            base = gr.Radio(
                STARTS,
                value="base",
                label="Start from",
                info="Which weights the training begins with",
                elem_id="new-base",
            )
            preset = gr.Dropdown(
                PRESET_CHOICES,
                value=AS_PROJECT,
                label="Preset",
                info=PRESET_INFO,
                elem_id="new-preset",
            )
        train = gr.Button("Train", variant="primary", elem_id="new-train")
        reason = gr.HTML(js_on_load=LIVE, elem_id="new-reason", padding=False)
    seen = [last, source, form, name, train, reason, cancel, resume, talk, another, shown]

    def view(before: tuple[str, str], *, always: bool = False) -> list[Any]:
        """Updates of ``seen``; none where nothing has changed."""
        try:
            now = new.look()
            html = situation_card(now, new, parts.workspace)
        except LipsyncError as error:
            now, html = Situation("none"), error_line(str(error))
        after = (now.phase, html)
        if after == tuple(before) and not always:
            return [gr.skip()] * len(seen)
        fresh = now.phase != before[0] or always
        named = gr.Textbox(value=new.suggested_name()) if now.phase == "ready" else gr.skip()
        if not fresh:
            return [after, *[gr.skip()] * (len(seen) - 2), html]
        over, why = now.phase in ("stopped", "finished"), obstacle(now)
        return [
            after,
            gr.Column(visible=True if now.phase == "none" else "hidden"),  # `recorder.js` needs it
            gr.Column(visible=now.phase == "ready"),
            named if now.phase != before[0] else gr.skip(),
            gr.Button(interactive=not why),
            note_line(f"Train is off: {why}") if why else "",
            gr.Button(visible=now.phase == "training"),
            gr.Button(visible=now.phase == "stopped"),
            gr.Button(visible=now.phase == "finished"),
            gr.Button(visible=over or now.phase in ("ready", "refused", "checking")),
            html,
        ]

    def said(do: Callable[[], str]) -> str:
        try:
            words = do()
        except LipsyncError as error:
            return error_line(str(error))
        return note_line(words) if words else ""

    def opened(before: tuple[str, str]) -> list[Any]:
        return ["", *view(before, always=True)]

    def look(before: tuple[str, str], is_visible: bool) -> list[Any]:
        """At the end of a training that was watched, the Speak tab comes with the avatar."""
        if not is_visible:
            return [gr.skip()] * (len(seen) + 3)
        updates = view(before)
        after = updates[0]
        if before[0] == "training" and isinstance(after, tuple) and after[0] == "finished":
            return [*updates, *choose()]
        return [*updates, gr.skip(), gr.skip(), gr.skip()]

    def choose() -> tuple[Any, Any, Any]:
        state = new.look().state
        return (gr.Tabs(selected="speak"), *speak[2](state.person if state else ""))

    def take(path: str | None, before: tuple[str, str]) -> list[Any]:
        if path is None:
            return [gr.skip()] * (len(seen) + 2)

        def keep() -> str:
            new.take(path)
            return ""

        return [said(keep), None, *view(before)]

    def start(wanted: str, origin: str, values: str, before: tuple[str, str]) -> list[Any]:
        """An error stands under the button that was pressed."""

        def go() -> str:
            new.train(wanted, origin == "base", values)
            return ""

        wrong, updates = said(go), view(before)
        if wrong:
            updates[seen.index(reason)] = wrong
        return ["", *updates]

    def go_on(before: tuple[str, str]) -> list[Any]:
        def go() -> str:
            new.resume()
            return ""

        return [said(go), *view(before)]

    def halt(before: tuple[str, str]) -> list[Any]:
        return [said(new.cancel), *view(before)]

    def clear(before: tuple[str, str]) -> list[Any]:
        def go() -> str:
            new.clear()
            return ""

        return [said(go), *view(before)]

    told = [answer, *seen]
    tab.select(opened, last, told, **EVENT)
    watched = [*seen, tabs, speak[0], speak[1]]
    timer.tick(look, [last, visible], watched, js=if_visible("new-answer"), **EVENT)
    file.upload(take, [file, last], [answer, file, *seen], **EVENT)
    train.click(start, [name, base, preset, last], told, **EVENT)
    cancel.click(halt, last, told, **EVENT)
    resume.click(go_on, last, told, **EVENT)
    another.click(clear, last, told, **EVENT)
    talk.click(choose, None, [tabs, speak[0], speak[1]], **EVENT)
