"""The command ``lipsync``. Imports that take time stand inside the commands."""

from pathlib import Path
from typing import Annotated

import typer

from lipsync.errors import LipsyncError
from lipsync.people import commands as people_commands
from lipsync.profiling.command import profile
from lipsync.running.cli import run, train
from lipsync.stage import PARAMS_FILE, errors_for_people, writing_command

app = typer.Typer(
    help="From a talking-head video to an avatar that speaks any audio. The pipeline itself runs "
    "with `dvc repro`.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.command()(people_commands.add)
app.command("list")(people_commands.list_people)
app.command()(people_commands.remove)
app.command()(profile)
app.command()(run)
app.command()(train)


@app.command()
def summary(
    people: Annotated[
        list[str] | None, typer.Argument(help="names; by default everybody in params.yaml")
    ] = None,
) -> None:
    """Print where each person's video and figures are, and the metrics with what is good."""
    with errors_for_people("lipsync summary"):
        from lipsync.evaluation.summary import print_summary
        from lipsync.params import load_params

        params = load_params(PARAMS_FILE)
        chosen = [params.for_person(name).person for name in people or params.people]
        for person in chosen:
            print_summary(person, Path("."))


@app.command()
def render(
    avatar: Annotated[
        str, typer.Argument(help="an avatar's folder, or a person's name: models/NAME/avatar")
    ],
    audio: Annotated[
        list[Path],
        typer.Option(
            help="an audio or video file, a folder of them, a list (.txt, a path a line) or a "
            "manifest (.json); may be given several times"
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="the .mp4 to write; a folder for several sounds")
    ] = Path("."),
    mode: Annotated[
        str,
        typer.Option(
            help="standard: to and fro over the film, all of it lip-synced. core_clips: talk clips "
            "where there is speech, silent ones untouched in the pauses"
        ),
    ] = "standard",
    start_frame: Annotated[int, typer.Option(help="of the film to begin with; standard")] = 0,
    loop_back: Annotated[
        bool, typer.Option(help="go to and fro over the film, or rest on its last frame; standard")
    ] = True,
    template: Annotated[
        Path | None, typer.Option(help="another video of the same person as the background")
    ] = None,
    clips: Annotated[
        Path | None,
        typer.Option(help="folder with talk/ and silence/; by default found in the film"),
    ] = None,
    min_silence: Annotated[
        float, typer.Option(help="seconds, 0.2-60; shorter pauses belong to the speech; core_clips")
    ] = 0.8,
    crossfade: Annotated[float, typer.Option(help="seconds between clips, 0-2; core_clips")] = 0.2,
    voice: Annotated[
        str, typer.Option(help="what finds the pauses: energy, or silero (extra silero)")
    ] = "energy",
    preset: Annotated[str, typer.Option(help="of x264: ultrafast ... veryslow")] = "slow",
    crf: Annotated[float, typer.Option(help="of x264, 0-51; lower is better and larger")] = 18,
    mark: Annotated[
        str, typer.Option(help='text of up to 60 characters in a corner, like "AI generated"')
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="of the choice among equal clips")] = 0,
    provider: Annotated[
        str, typer.Option(help="of ONNX Runtime: cpu, cuda (onnxruntime-gpu) or coreml (a Mac)")
    ] = "cpu",
    threads: Annotated[int, typer.Option(min=0, help="of the model; 0 is one for each core")] = 0,
) -> None:
    """Let an avatar say one or many sounds. The video lasts as long as the sound, to the picture;
    its sound is mono.

    Every video says in its metadata that it is synthetic. docs/rendering.md has all of it.
    """
    with writing_command("lipsync render"):
        from lipsync.progress import progress
        from lipsync.rendering.avatar import find_avatar, load_avatar
        from lipsync.rendering.jobs import collect_jobs, report, run_jobs
        from lipsync.rendering.options import make_options
        from lipsync.rendering.render import Renderer

        options = make_options(
            mode=mode,
            start_frame=start_frame,
            loop_back=loop_back,
            template=template,
            clips=clips,
            min_silence=min_silence,
            crossfade=crossfade,
            voice=voice,
            preset=preset,
            crf=crf,
            mark=mark,
            seed=seed,
        )
        jobs = collect_jobs(audio, out)
        outcomes = []
        loaded = load_avatar(find_avatar(avatar), threads, provider)
        with Renderer(loaded, options) as renderer:
            rest = run_jobs(renderer, jobs)
            try:
                for outcome in progress(rest, total=len(jobs), desc="all") if jobs[1:] else rest:
                    outcomes.append(outcome)
                    if outcome.problem and len(jobs) > 1:
                        typer.echo(f"lipsync render: {outcome.problem}", err=True)
            except KeyboardInterrupt:
                made = sum(outcome.done is not None for outcome in outcomes)
                typer.echo(f"lipsync render: stopped; {made} of {len(jobs)} are done", err=True)
                raise SystemExit(130) from None
            finally:
                if len(jobs) > 1 and outcomes:
                    typer.echo(report(outcomes))
        failed = [outcome.problem for outcome in outcomes if outcome.problem]
        if failed:
            raise LipsyncError(
                failed[0] if len(jobs) == 1 else f"{len(failed)} of {len(jobs)} failed; see above"
            )
        if len(jobs) == 1 and outcomes[0].done:
            done, took = outcomes[0].done, outcomes[0].took
            typer.echo(
                f"{done.output}: {done.pictures} pictures, {done.seconds:.2f} s, "
                f"{done.pictures / took:.0f} a second"
            )


@app.command()
def preset(
    name: Annotated[str, typer.Argument(help="quick, production or max", metavar="NAME")],
) -> None:
    """Write recommended values into params.yaml; comments and everything else stay.

    quick: 160 px, 5 epochs, what the project ships. production: 224 px, 40 epochs, for minutes of
    video. max: 256 px, 100 epochs, for close-ups, on a GPU. docs/training.md has all of them.
    """
    with errors_for_people("lipsync preset"):
        from lipsync.presets import PRESETS, write_preset

        changes = write_preset(name, PARAMS_FILE)
        for key, old, new in changes:
            typer.echo(f"{key}: {old} -> {new}")
        typer.echo(
            f"{name}: {PRESETS[name].about}" if changes else f"{PARAMS_FILE} is {name} already"
        )


@app.command()
def share(
    name: Annotated[str, typer.Argument(help="of a person, or base", metavar="NAME")],
) -> None:
    """Publish a person's SyncNet, for people.<other>.syncnet: NAME, or the base.

    The copy in models/shared is tracked by DVC: commit its .dvc file and `dvc push`. That of the
    base, models/shared/base, is tracked by git, and whoever has no base of their own begins as it.
    """
    with errors_for_people("lipsync share"):
        from lipsync.base.share import BASE_NAME, share_base, share_syncnet
        from lipsync.params import load_params

        if name == BASE_NAME:
            typer.echo(f"{share_base()}: commit it with git")
            return
        copy = share_syncnet(load_params(PARAMS_FILE).for_person(name).person)
        typer.echo(f"{copy}: commit {copy}.dvc, and `dvc push`")


@app.command("check-remote")
def check_remote(
    name: Annotated[
        str | None, typer.Argument(help="of the remote; by default the default one")
    ] = None,
) -> None:
    """Hash what the DVC remote holds of this project; name what is damaged, and the remedy."""
    with errors_for_people("lipsync check-remote"):
        from lipsync import remote

        faults = remote.check_remote(name)
        for fault in faults:
            typer.echo(fault)
        if faults:
            raise LipsyncError("not everything is there and whole; see above")
        typer.echo("the remote holds everything that dvc.lock names, undamaged")


@app.command("app")
def web_page(
    avatars: Annotated[
        list[Path] | None,
        typer.Option(help="further folder with avatars, or one; may be given again"),
    ] = None,
    host: Annotated[
        str, typer.Option(help="address to listen on; any but this computer's own needs a password")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 7860,
    password_file: Annotated[
        Path | None,
        typer.Option(help="its first line is the password; or set LIPSYNC_PASSWORD"),
    ] = None,
    max_upload_mb: Annotated[float, typer.Option(help="of a sound file")] = 200,
    max_minutes: Annotated[float, typer.Option(help="of its sound")] = 30,
) -> None:
    """Open a page in this project: speak with avatars, see people and pipeline, train."""
    with errors_for_people("lipsync app"):
        from lipsync.ui.serve import serve
        from lipsync.ui.settings import make_settings

        serve(make_settings(avatars or [], host, port, password_file, max_upload_mb, max_minutes))


@app.command()
def visemes(
    file: Annotated[Path, typer.Argument(help="sound, or video with sound", metavar="FILE")],
    out: Annotated[
        list[Path] | None,
        typer.Option(help="write here; .json, .csv, or .tsv as Rhubarb Lip Sync; may be repeated"),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(help="PNG of the first 2 minutes: spectrogram, timeline, posteriors"),
    ] = None,
    format: Annotated[str, typer.Option(help="json, csv or tsv: printed without --out")] = "json",
    change: Annotated[
        float | None,
        typer.Option(help="what a change of shape costs, nepers: 3; 0 shows every flicker"),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="the network; that of visemes/dvc.yaml if left out")
    ] = None,
) -> None:
    """Tell which of 15 mouth shapes a voice asks for, and when.

    The network is made with `dvc repro visemes/dvc.yaml`. docs/visemes.md has the shapes.
    """
    with errors_for_people("lipsync visemes"):
        from lipsync.visemes.command import run

        typer.echo(run(file, model, out or [], picture, format, change), nl=False)


@app.command()
def sync(
    video: Annotated[Path, typer.Argument(help="any video of one speaking face, with audio")],
    out: Annotated[
        Path | None,
        typer.Option(help="the plot, a PNG; by default the video's name with -sync.png, here"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    audio_track: Annotated[
        int | None,
        typer.Option(min=0, help="number of the audio track; by default frames.audio_track"),
    ] = None,
    models: Annotated[Path, typer.Option(help="folder of the face models")] = Path("models/face"),
    base: Annotated[
        Path | None, typer.Option(help="of motion; by default the one that comes with lipsync")
    ] = None,
) -> None:
    """Tell whether audio and lips of a video are in step; of a recording, or a render of any kind.

    Prints by how much the audio is ahead, and how well the lips go with it. docs/alignment.md says
    how it is measured.
    """
    with errors_for_people("lipsync sync"):
        from lipsync.alignment.prediction import BASE
        from lipsync.alignment.sync import sync as measure
        from lipsync.media.params import FramesParams
        from lipsync.params import load_params

        frames = FramesParams()
        if PARAMS_FILE.is_file():
            frames = load_params(PARAMS_FILE).for_video(video)[FramesParams]
        if audio_track is not None:
            frames = frames.model_copy(update={"audio_track": audio_track})
        typer.echo(measure(video, models, base or BASE, out, json, frames), nl=False)
