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
