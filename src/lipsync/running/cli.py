"""The command `lipsync run`."""

from pathlib import Path
from typing import Annotated

import typer

from lipsync.errors import LipsyncError
from lipsync.stage import PARAMS_FILE, errors_for_people

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
