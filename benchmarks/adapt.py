"""What a base buys: trainings from scratch against adapters, at equal steps and at a tenth of them.

    python benchmarks/adapt.py WORK --clips FOLDER [--steps 600] [--base-steps 3000]
                                    [--people ...] [--with-sample]

WORK becomes a project of its own, as of ``ablation.py``. For each person a base is trained over all
others (the synthetic sample counts only with --with-sample), and then four refiners of that person:
from scratch and as an adapter of this base, for the same number of steps and for a tenth of them.
All four have the person's own exemplars, motion and SyncNet, and are measured by stage evaluate on
the same held-out frames, which no base saw: it was never shown that person. What is done stays done
when the script is started again.

A table of each person is printed as Markdown, figures with 95 % intervals. WORK/<person>_adapt.png
has the rows with the filmed expression of the contact sheets.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from ablation import (
    FULL,
    epochs_for,
    make_project,
    prepare,
    print_tables,
    refuse_other_length,
    run,
    steps_an_epoch,
    write_sheet,
)
from ruamel.yaml import YAML

from lipsync.params import load_params

SHARE = 0.1  # of the steps, for the short trainings
VARIANTS = {  # name -> share of the steps, whether the base is adapted
    FULL: (1.0, False),
    "scratch-10%": (SHARE, False),
    "adapted": (1.0, True),
    "adapted-10%": (SHARE, True),
}
SAMPLE = "sample"


def change(work: Path, **values: Any) -> None:
    """Set sections or people of params.yaml."""
    yaml = YAML()
    params = yaml.load(work / "params.yaml")
    for key, value in values.items():
        params.setdefault(key, {}).update(value)
    yaml.dump(params, work / "params.yaml")


def train_base(work: Path, target: str, others: list[str], steps: int) -> None:
    """The base of everybody but the target, in place; kept for the next start."""
    networks, kept = work / "models/base/networks", work / "bases" / target
    mean = np.mean([steps_an_epoch(work, person) for person in others])
    epochs = max(1, round(steps / (mean * len(others))))
    change(work, base={"people": others, "epochs": epochs})
    about, note = {"people": others, "epochs": epochs}, kept / "asked.json"
    if note.exists() and json.loads(note.read_text()) != about:
        sys.exit(f"{kept}: is another base, {note.read_text()}; give a new WORK")
    if not note.exists():
        shutil.rmtree(work / "data/base", ignore_errors=True)
        (work / "data/base").mkdir()
        for person in others:
            run(work, "gather_base", person)
        run(work, "train_base")
        shutil.copytree(networks, kept, dirs_exist_ok=True)
        note.write_text(json.dumps(about))  # last: without it the copy is not whole
    shutil.rmtree(networks)
    shutil.copytree(kept, networks, ignore=shutil.ignore_patterns(note.name))


def train_variant(work: Path, person: str, variant: str, steps: int) -> Path:
    """Train and measure one; the folder of its metrics."""
    share, adapted = VARIANTS[variant]
    name = f"{person}_{variant.rstrip('%').replace('-', '_')}"
    metrics = work / "metrics" / name
    epochs = epochs_for(work, person, round(share * steps))
    if (metrics / "evaluation.json").exists():
        refuse_other_length(metrics, epochs)
        return metrics
    syncnet = work / "models" / person / "syncnet.safetensors"
    params = load_params(work / "params.yaml").for_person(person)
    entry: dict[str, Any] = {
        "video": str(params.video),
        "epochs": epochs,
        "syncnet": str(syncnet),
        "base": adapted,
    }
    change(work, people={name: entry})
    for folder in ("data", "models"):
        (work / folder / name).mkdir(parents=True, exist_ok=True)
    motion = work / "models" / person / "motion.safetensors"
    for source in (*(work / "data" / person).iterdir(), motion):
        target = source.parent.with_name(name) / source.name
        if not target.exists():
            target.symlink_to(source)
    for stage in ("inherit", "train_syncnet", "train_generator", "evaluate"):
        run(work, stage, name)
    return metrics


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path, help="folder of the throw-away project")
    parser.add_argument("--clips", type=Path, required=True, help="folder of videos")
    parser.add_argument("--steps", type=int, default=600, help="of each training, nearly")
    parser.add_argument("--base-steps", type=int, default=3000, help="of each base, nearly")
    parser.add_argument("--people", nargs="+", help="only these targets, by the clips' names")
    parser.add_argument("--with-sample", action="store_true", help="let the sample teach as well")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    real = [name for name in make_project(work, arguments.clips) if name != SAMPLE]
    teachers = [*real, SAMPLE] if arguments.with_sample else real
    if len(real) < 2:
        sys.exit(f"{arguments.clips}: at least two videos are needed")
    for person in teachers:
        prepare(work, person)
    results: dict[str, dict[str, dict[str, Any]]] = {}
    for person in arguments.people or real:
        train_base(
            work, person, [other for other in teachers if other != person], arguments.base_steps
        )
        folders = {
            variant: train_variant(work, person, variant, arguments.steps) for variant in VARIANTS
        }
        results[person] = {
            variant: json.loads((folder / "evaluation" / "details.json").read_text())
            | {"epochs": epochs_for(work, person, arguments.steps)}
            for variant, folder in folders.items()
        }
        write_sheet(work / f"{person}_adapt.png", folders)
    print_tables(results)


if __name__ == "__main__":
    main()
