"""`lipsync train`: one video becomes a person, an avatar and a sample video, in one command.

It adds the video (`people.adding`), runs the stages up to the profile, stops there if that is red,
and runs the rest (`running.run`). All of it is what `lipsync add` and `dvc repro` do, so either may
go on where the other has ended.
"""

import json
import logging
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lipsync.errors import LipsyncError
from lipsync.params import load_params
from lipsync.people.adding import add_people, overrides
from lipsync.people.sources import Source
from lipsync.presets import PRESETS, for_one_person
from lipsync.running.graph import Step, read_steps, up_to
from lipsync.running.local import LocalEngine, log_folder, visible_gpus
from lipsync.running.run import finish, local_engine, run_people
from lipsync.running.scheduler import Record
from lipsync.table import table
from lipsync.yaml_edit import round_trip

COMMAND = "lipsync train"
PROFILE, EVALUATE, SAMPLE = "profile", "evaluate", "render_sample"  # stages
KEPT = ("params.yaml", "data/videos", "dvc.lock", "metrics")  # what a run changes and git keeps
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wish:
    """What the command line asks for.

    Attributes:
        video: path of a video, or a person's name
        name: of the person; None: made from the video's
        base, preset: of the person; None: as params.yaml has it
        evaluate: measure what comes out
        anyway: train even if the profile is red
    """

    video: str
    name: str | None = None
    base: bool | None = None
    preset: str | None = None
    evaluate: bool = True
    anyway: bool = False


def train_person(project: Path, wish: Wish) -> int:
    """Do it all; the exit code: 130 if stopped, 1 if a stage failed or the video is not fit.

    Raises LipsyncError if the video cannot be added, or an option is wrong.
    """
    if wish.preset is not None:
        for_one_person(wish.preset)  # refuses one that is not there, before anything is written
    person = _person(project, wish)
    _note_crop(project, wish.preset)
    gpus = visible_gpus()
    jobs = max(1, len(gpus))
    engine = local_engine(project, jobs, None, gpus, COMMAND)
    goals = [EVALUATE, SAMPLE] if wish.evaluate else [SAMPLE]
    profiled, stopped = _run(engine, project, person, [PROFILE], jobs, later=goals)
    if stopped or any(record.state == "failed" for record in profiled.values()):
        return finish(profiled, stopped, log_folder(project), COMMAND)
    verdict, reasons = read_profile(project, person)
    if verdict == "red" and not wish.anyway:
        print(reasons)
        raise LipsyncError(
            f"{person}: the video is not fit to be trained on, see above and metrics/{person}/"
            f"profile.png; `{COMMAND} {person} --anyway` trains all the same, `lipsync remove "
            f"{person} --yes` takes it out"
        )
    print(f"the video is {verdict}: metrics/{person}/profile.png", file=sys.stderr)
    records, stopped = _run(engine, project, person, goals, jobs, earlier=profiled.values())
    ran = {name: record for name, record in profiled.items() if record.state != "fresh"}
    code = finish(records | ran, stopped, log_folder(project), COMMAND)
    if code == 0:
        print(_ending(project, person, wish))
    return code


def _run(
    engine: LocalEngine,
    project: Path,
    person: str,
    stages: Sequence[str],
    jobs: int,
    *,
    earlier: Iterable[Record] = (),
    later: Sequence[str] = (),
) -> tuple[dict[str, Record], bool]:
    """Bring stages of a person, and what they wait for, up to date; as ``run_people``."""

    def steps(wanted: Sequence[str]) -> list[Step]:
        return up_to(read_steps(project, [person]), [f"{stage}@{person}" for stage in wanted])

    first = {step.name for step in steps(stages)}
    follow = [step for step in steps(later) if step.name not in first] if later else []
    return run_people(project, engine, lambda: steps(stages), jobs, None, earlier, follow)


def _person(project: Path, wish: Wish) -> str:
    """The person's name, who is added where that was not done before."""
    params = load_params(project / "params.yaml")
    if wish.video in params.people and not Path(wish.video).is_file():
        _check_known(project, wish, wish.video)
        return wish.video
    source = Source(Path(wish.video), wish.name, base=wish.base, preset=wish.preset)
    (outcome,) = list(add_people([source], project))
    if outcome.twin:
        _check_known(project, wish, outcome.twin)
        return outcome.twin
    if outcome.problem:
        raise LipsyncError(outcome.problem)
    print(f"{outcome.person}: {outcome.video}, in params.yaml and tracked by DVC", file=sys.stderr)
    return outcome.person


def _check_known(project: Path, wish: Wish, person: str) -> None:
    """LipsyncError if the options are not what a person who is there already has."""
    if wish.name not in (None, person):
        raise LipsyncError(
            f"--name {wish.name}: the video is that of {person} already; leave out --name"
        )
    content = round_trip().load((project / "params.yaml").read_text(encoding="utf-8"))
    entry: dict[str, Any] = {"base": True, **content["people"][person]}
    wanted = overrides(Source(Path(), base=wish.base, preset=wish.preset))
    for key, value in wanted.items():
        if entry.get(key) != value:
            option = "--base" if key == "base" else "--preset"
            raise LipsyncError(
                f"{option}: {person} is in params.yaml already, with another people.{person}.{key};"
                f" change it there, or leave out {option}"
            )


def _note_crop(project: Path, preset: str | None) -> None:
    """Say that crop.size, of which there is one for all, stays as it is."""
    if preset is None:
        return
    wanted = PRESETS[preset].values["crop"]["size"]
    found = load_params(project / "params.yaml").shared().dump("crop")["size"]
    if found != wanted:
        log.warning(
            "crop.size stays %d, for it is the same for everybody; `lipsync preset %s` makes it %d",
            found,
            preset,
            wanted,
        )


def read_profile(project: Path, person: str) -> tuple[str, str]:
    """The verdict on a recording: green, amber or red; and a table of the figures that are red.

    Raises LipsyncError if metrics/<person>/profile.json cannot be read.
    """
    path = project / "metrics" / person / "profile.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        red = [figure for figure in values["figures"] if figure["verdict"] == "red"]
        rows = [("", f["name"], _figure(f), f["advice"] or "") for f in red]
        return str(values["verdict"]), table(rows) if rows else ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LipsyncError(f"{path}: cannot be read ({error!r}); run `dvc repro`") from None


def _figure(figure: dict[str, Any]) -> str:
    value = figure["value"]
    return "-" if value is None else f"{value} {figure['unit']}".strip()


def _ending(project: Path, person: str, wish: Wish) -> str:
    """Where things are, and how DVC does the same."""
    speech = load_params(project / "params.yaml").shared().dump("render")["speech"]
    goals = [f"{EVALUATE}@{person}"] * wish.evaluate + [f"{SAMPLE}@{person}"]
    add = f"lipsync add {shlex.quote(wish.video)}{f' --name {wish.name}' if wish.name else ''}"
    chosen = overrides(Source(Path(wish.video), base=wish.base, preset=wish.preset))
    lines = yaml.safe_dump(chosen, sort_keys=False, default_flow_style=None).splitlines()
    entry = [f"    in params.yaml, below people.{person}:", *(f"        {line}" for line in lines)]
    kept = [name for name in KEPT if (project / name).exists()]
    figures = [f"figures   lipsync summary {person}"] if wish.evaluate else []
    return "\n".join(
        [
            "",
            f"video     data/{person}/render.mp4, saying {speech}",
            f"avatar    models/{person}/avatar",
            f"speak     lipsync render {person} --audio speech.wav --out hello.mp4, or lipsync app",
            *figures,
            "",
            "the same with DVC:",
            *([f"    {add}"] if wish.video != person else []),
            *(entry if chosen else []),
            f"    dvc repro {PROFILE}@{person}",
            f"    dvc repro {' '.join(goals)}",
            f"to keep it: git add {' '.join(kept)} && git commit",
        ]
    )
