"""What is fresh or stale, how trainings go, and buttons that start and stop them."""

from typing import TYPE_CHECKING, Any

import gradio as gr

from lipsync.errors import LipsyncError
from lipsync.pipeline import read_stages
from lipsync.ui.pipeline_view import pipeline
from lipsync.ui.runs import What
from lipsync.ui.tabs import EVENT, INTERVAL, LIVE, if_visible
from lipsync.ui.words import error_line, note_line

if TYPE_CHECKING:
    from lipsync.ui.page import Parts


def build(parts: "Parts", page: gr.Blocks, tab: gr.Tab) -> None:
    library, runs, project = parts.library, parts.runs, parts.settings.project
    with gr.Row(elem_classes="ls-controls"):
        person = gr.Dropdown([], label="Person", elem_id="person")
        train = gr.Button("Train", variant="primary", elem_id="train", scale=2)
        everything = gr.Button("Run all stages", elem_id="everything")
        stop = gr.Button("Stop", variant="stop", elem_id="stop")
        again = gr.Button("Refresh status", elem_id="again")
    answer = gr.HTML(js_on_load=LIVE, elem_id="answer", padding=False)
    shown = gr.HTML(elem_id="pipeline", padding=False)
    last = gr.State("")
    timer, visible = gr.Timer(INTERVAL), gr.Checkbox(visible=False)

    def view(ask: bool = False) -> str:
        try:
            people, stages = library.people(), read_stages(project)
            if not people or not stages:
                return note_line(
                    "No pipeline in this folder. Start the page in a folder with dvc.yaml and "
                    "params.yaml to watch it and to start trainings."
                )
            return pipeline(project, people, stages, parts.status.look(ask), runs)
        except LipsyncError as error:
            return error_line(str(error))

    def opened(chosen: str | None) -> tuple[Any, ...]:
        try:
            people = library.people()
        except LipsyncError:
            people = []  # `view` says why
        value = chosen if chosen in people else next(iter(people), None)
        text = view()
        return gr.Dropdown(choices=people, value=value), text, text

    def look(before: str, is_visible: bool) -> tuple[Any, Any]:
        if not is_visible:
            return gr.skip(), gr.skip()
        text = view()
        return (text, text) if text != before else (gr.skip(), gr.skip())

    def start(name: str, what: What) -> tuple[str, str, str]:
        try:
            runs.start(library.person(name), what)
            said = note_line(f"{name}: started")
        except LipsyncError as error:
            said = error_line(str(error))
        text = view()
        return said, text, text

    def halt(name: str) -> tuple[str, str, str]:
        try:
            said = note_line(runs.stop(library.person(name)))
        except LipsyncError as error:
            said = error_line(str(error))
        text = view()
        return said, text, text

    def check() -> tuple[str, str]:
        text = view(ask=True)
        return text, text

    tab.select(opened, person, [person, shown, last], **EVENT)
    timer.tick(look, [last, visible], [shown, last], js=if_visible("pipeline"), **EVENT)
    told = [answer, shown, last]
    train.click(lambda name: start(name, "generator"), person, told, **EVENT)
    everything.click(lambda name: start(name, "everything"), person, told, **EVENT)
    stop.click(halt, person, told, **EVENT)
    again.click(check, None, [shown, last], **EVENT)
