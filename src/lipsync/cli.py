"""The command ``lipsync``. Imports that take time stand inside the commands."""

from pathlib import Path
from typing import Annotated

import typer

from lipsync.stage import PARAMS_FILE, errors_for_people

app = typer.Typer(
    help="From a talking-head video to an avatar that speaks any audio. The pipeline itself runs "
    "with `dvc repro`.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.callback()
def main() -> None:
    """Give ``lipsync`` subcommands even while there is one."""


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
