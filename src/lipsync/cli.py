"""The command ``lipsync``. Imports that take time stand inside the commands."""

from pathlib import Path
from typing import Annotated

import typer

from lipsync.errors import LipsyncError
from lipsync.stage import PARAMS_FILE, errors_for_people

app = typer.Typer(
    help="From a talking-head video to an avatar that speaks any audio. The pipeline itself runs "
    "with `dvc repro`.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


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
def preset(
    name: Annotated[str, typer.Argument(help="quick, production or max", metavar="NAME")],
) -> None:
    """Write recommended values into params.yaml; comments and everything else stay.

    quick: 160 px, 18 epochs, what the sample uses. production: 320 px, 100 epochs, for minutes of
    video on a GPU. max: 512 px, 200 epochs, for close-ups. docs/training.md has expected times.
    """
    with errors_for_people("lipsync preset"):
        from lipsync.presets import PRESETS, write_preset

        changes = write_preset(name, PARAMS_FILE)
        for key, old, new in changes:
            typer.echo(f"{key}: {old} -> {new}")
        typer.echo(
            f"{name}: {PRESETS[name].about}" if changes else f"{PARAMS_FILE} is {name} already"
        )


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


@app.command()
def visemes(
    file: Annotated[Path, typer.Argument(help="sound, or video with sound", metavar="FILE")],
    out: Annotated[
        list[Path] | None,
        typer.Option(help="write here; .json, .csv, or .tsv as Rhubarb Lip Sync; may be repeated"),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="PNG of the spectrogram with the timeline under it")
    ] = None,
    format: Annotated[str, typer.Option(help="what is printed without --out")] = "json",
    change: Annotated[
        float, typer.Option(help="what a change of shape costs, nepers; 0 shows every flicker")
    ] = 3.0,
    model: Annotated[Path, typer.Option(help="the network")] = Path("models/visemes/visemes.onnx"),
) -> None:
    """Tell which of 15 mouth shapes a voice asks for, and when.

    The network is made with `dvc repro visemes/dvc.yaml`. docs/visemes.md has the shapes.
    """
    with errors_for_people("lipsync visemes"):
        from lipsync.visemes.command import run

        typer.echo(run(file, model, out or [], picture, format, change), nl=False)
