"""The commands `lipsync run` and `lipsync train`. Imports that take time stand inside."""

from pathlib import Path
from typing import Annotated

import typer

from lipsync.errors import LipsyncError
from lipsync.stage import PARAMS_FILE, errors_for_people, writing_command

ENGINES = ("local", "ray")


def run(
    people: Annotated[
        list[str] | None, typer.Argument(help="names; by default everybody in params.yaml")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="stages side by side; by default one for each GPU, 1 without a GPU, and with ray "
            "as many as the cluster has room for",
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="of torch, in each stage; by default as many as `dvc repro` takes here. Another "
            "number rounds differently, in the last digits",
        ),
    ] = None,
    engine: Annotated[str, typer.Option(help="local, or ray: a Ray cluster (extra ray)")] = "local",
    address: Annotated[
        str, typer.Option(help="of the Ray cluster; auto: RAY_ADDRESS, or the one on this machine")
    ] = "auto",
) -> None:
    """Bring people up to date as `dvc repro` does, stages of different people side by side.

    One that fails stops nobody else; a report tells at the end. Ctrl+C, once, lets trainings write
    their checkpoints. docs/scale.md has all of it.
    """
    with errors_for_people("lipsync run"):
        from lipsync.params import load_params
        from lipsync.running.local import visible_gpus
        from lipsync.running.run import run_here

        if engine not in ENGINES:
            raise LipsyncError(f"--engine: should be {' or '.join(ENGINES)} (found {engine!r})")
        params = load_params(PARAMS_FILE)
        chosen = [params.for_person(name).person for name in people] if people else None
        if engine == "ray":
            from lipsync.running.cluster import run_on_ray

            code = run_on_ray(Path.cwd(), chosen, jobs, threads, address)
        else:
            gpus = visible_gpus()
            code = run_here(Path.cwd(), chosen, jobs or max(1, len(gpus)), threads, gpus)
        raise SystemExit(code)


def train(
    video: Annotated[
        str, typer.Argument(help="a video, or the name of a person who was added", metavar="VIDEO")
    ],
    name: Annotated[str | None, typer.Option(help="of the person; by default the video's")] = None,
    base: Annotated[
        bool | None,
        typer.Option(
            "--base/--no-base",
            help="begin as the networks that come with lipsync, or from nothing; by default --base",
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="quick, production or max, for this person; by default everybody's"),
    ] = None,
    evaluate: Annotated[
        bool,
        typer.Option("--evaluate/--no-evaluate", help="measure what comes out, on held-out video"),
    ] = True,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="train even if the video is not fit for it")
    ] = False,
) -> None:
    """Make a speaking avatar of one video: add it, tell whether it is fit, train, render a sample.

    A video that is not fit stops before the training, and the reasons are told. Ctrl+C, once, lets
    a training write its checkpoint; the same command goes on from there. At the end stands where
    the sample video is, and which commands of DVC do the same.
    """
    with writing_command("lipsync train"):
        from lipsync.running.train import Wish, train_person

        wish = Wish(video, name, base, preset, evaluate, anyway)
        raise SystemExit(train_person(Path.cwd(), wish))
