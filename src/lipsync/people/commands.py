"""`lipsync add`, `lipsync list` and `lipsync remove`. Imports that take time stand inside."""

from pathlib import Path
from typing import Annotated

import typer

from lipsync.errors import LipsyncError
from lipsync.stage import errors_for_people, writing_command

PROJECT = Path(".")


def add(
    videos: Annotated[
        list[Path],
        typer.Argument(
            help="a video, a folder of them, a list (.txt, `path name` a line) or JSON "
            '({"videos": [{"path", "name", "encoder"}]})',
            metavar="VIDEO...",
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="of the person, for one video; by default the file's")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="speech.encoder of these people; by default everybody's")
    ] = None,
    audio_track: Annotated[
        int | None,
        typer.Option(min=0, help="number of the videos' audio track; by default that with a voice"),
    ] = None,
    link: Annotated[
        bool, typer.Option("--link", help="keep one copy, in DVC's cache, and link to it")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="add people whose very video is there already")
    ] = False,
) -> None:
    """Take videos into the project: data/videos/, DVC and params.yaml. docs/people.md has all.

    A video that is there already, under whatever name, is skipped.
    """
    with writing_command("lipsync add"):
        from lipsync.people.adding import Outcome, add_people, report
        from lipsync.people.sources import read_sources
        from lipsync.progress import progress

        sources = read_sources(videos, name, encoder, audio_track)
        outcomes: list[Outcome] = []
        adding = add_people(sources, PROJECT, link=link, again=again)
        try:
            for outcome in progress(adding, total=len(sources), desc="add"):
                outcomes.append(outcome)
        finally:
            if outcomes and (len(sources) > 1 or not outcomes[0].failed):
                typer.echo(report(outcomes))
            if added := [one.person for one in outcomes if one.person]:
                of = f" evaluate@{added[0]}" if len(added) == 1 else ""
                typer.echo(f"added {len(added)}; `git add .` and commit, then `dvc repro{of}`")
        failed = [one.problem for one in outcomes if one.failed]
        if failed and len(sources) == 1:
            raise LipsyncError(failed[0])
        if failed:
            raise LipsyncError(f"{len(failed)} of {len(sources)} failed; see above")


def list_people() -> None:
    """Show people, their videos, and the stages that are done."""
    with errors_for_people("lipsync list"):
        from lipsync.people.roster import print_roster

        typer.echo(print_roster(PROJECT))


def remove(
    names: Annotated[list[str], typer.Argument(help="of people", metavar="NAME...")],
    keep_video: Annotated[
        bool, typer.Option("--keep-video", help="leave data/videos/ as it is")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do it; else it is only shown")] = False,
) -> None:
    """Take people out: params.yaml, results, checkpoints, and the video if nobody else uses it.

    DVC's cache and git keep what they have; docs/people.md says how to empty the cache.
    """
    with errors_for_people("lipsync remove"):
        from lipsync.people.removing import describe, plan_removal, remove_people
        from lipsync.people.tracking import alone

        with alone(PROJECT):
            removals = plan_removal(names, PROJECT, keep_video=keep_video)
            for removal in removals:
                typer.echo(describe(removal))
            if not yes:
                typer.echo("nothing was removed; --yes does it")
                return
            remove_people(removals, PROJECT)
        typer.echo(f"removed {len(removals)}")
