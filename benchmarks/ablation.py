"""What each part buys: the same training without it, or with another, on the sample and real clips.

    python benchmarks/ablation.py WORK [--clips FOLDER] [--steps 600] [--vgg WEIGHTS]
                                       [--visemes ONNX] [--people ...] [--variants ...]

WORK becomes a project of its own, with a person for each clip (every *.mp4 in FOLDER, and the
sample) and one for each variant of it, which shares the clip's pictures, speech, SyncNet and motion
(with another speech encoder the pictures alone). Every variant's refiner is trained by stage
train_generator for the same number of steps and measured by stage evaluate on the same held-out
frames. What is done stays done when the script is started again; WORK keeps the code that it was
made with, so give a new one after a change.

A table of each person is printed as Markdown, figures with 95 % intervals. WORK/<person>.png puts
the rows with the filmed expression of the variants' contact sheets below the real one.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from ruamel.yaml import YAML

from lipsync.files import files_in
from lipsync.generator.params import GeneratorParams
from lipsync.generator.task import epoch_steps
from lipsync.params import load_params
from lipsync.running.pack import copy_tracked
from lipsync.training.split import read_split

ROOT = Path(__file__).resolve().parents[1]
FULL = "full"
VARIANTS: dict[str, dict[str, Any]] = {  # overrides under people.<name>
    FULL: {},
    "no-mouth": {"generator": {"losses": {"mouth": 0.0}}},
    "no-perceptual": {"generator": {"losses": {"perceptual": 0.0}}},
    "no-temporal": {"generator": {"losses": {"temporal": 0.0}}},
    "no-sharpness": {"generator": {"losses": {"sharpness": 0.0}}},
    "sync": {"generator": {"losses": {"sync": 0.01}}},
    "32-exemplars": {"generator": {"exemplars": 32}},
}
FIGURES = (  # group, name, heading, format
    ("face", "correlation", "r of the face", ".3f"),
    ("face", "lip_distance", "lips off", ".4f"),
    ("face", "psnr_region", "PSNR, dB", ".1f"),
    ("retrieval", "psnr_region", "of retrieval alone", ".1f"),
    ("margin", "psnr_region_over_copy", "over copy", ".1f"),
    ("face", "sharpness", "sharpness", ".2f"),
    ("retrieval", "sharpness", "of retrieval alone", ".2f"),
    ("face", "flicker", "flicker", ".2f"),
    ("retrieval", "flicker", "of retrieval alone", ".2f"),
    ("face", "seam", "seam", ".2f"),
    ("mouth", "correlation", "r from speech", ".2f"),
    ("ridge", "correlation", "r of ridge", ".2f"),
    ("mouth", "correlation_shifted", "r, mismatched audio", ".2f"),
    ("mouth", "silence_digital", "opening in silence", ".2f"),
    ("picture", "psnr_region", "PSNR from speech, dB", ".1f"),
    ("sync", "top1", "top-1", ".2f"),
)


def make_project(work: Path, clips: Path | None) -> list[str]:
    """Copy this project's files to ``work``, once; the clips' names."""
    videos = {"sample": Path("data/videos/sample.mp4")}
    for clip in files_in(clips, {".mp4"}) if clips else []:
        name = re.sub("[^a-z0-9]+", "_", clip.stem.lower())
        if videos.setdefault(name, clip.resolve()) != clip.resolve():
            sys.exit(f"{clip}: another video is called {name} already; rename it")
    if not (work / "params.yaml").exists():
        copy_tracked(ROOT, work, without=("params.yaml",))
        yaml = YAML()
        params = yaml.load(ROOT / "params.yaml")
        params["people"] = {name: {"video": str(path)} for name, path in videos.items()}
        yaml.dump(params, work / "params.yaml")
        # DVC and dvclive want to stand in a repository with a commit.
        somebody = ["-c", "user.name=ablation", "-c", "user.email=ablation@localhost"]
        for command in (
            ["init", "-q"],
            [*somebody, "commit", "-q", "--allow-empty", "-m", "start"],
        ):
            subprocess.run(["git", *command], cwd=work, check=True)
    return list(videos)


def run(work: Path, stage: str, *person: str) -> None:
    """Run a stage's script in the project."""
    environment = os.environ | {"PYTHONPATH": str(work / "src")}
    script = f"stages/{stage}.py"
    print(f"{stage} {' '.join(person)}", file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, script, *person], cwd=work, env=environment)
    if done.returncode:
        sys.exit(f"{script} {' '.join(person)}: exit code {done.returncode}")


UNREAD = ("gather_base", "profile")  # what they leave is for others


def prepare(work: Path, person: str) -> None:
    """All stages before the refiner's training, where they were not run yet."""
    if not (work / "models/face").exists():
        run(work, "fetch_face_models")
    if not (work / "models" / person / "motion_state.safetensors").exists():
        stages = list(YAML().load(work / "dvc.yaml")["stages"])  # in the order they run in
        for stage in stages[stages.index("extract_frames") : stages.index("train_generator")]:
            if stage == "train_base":
                if not (work / "models/base/networks").exists():
                    run(work, stage)
            elif stage not in UNREAD:
                run(work, stage, person)


def steps_an_epoch(work: Path, person: str) -> int:
    """Of the generator."""
    params = load_params(work / "params.yaml").for_person(person)
    chosen = params[GeneratorParams]
    with np.load(work / "data" / person / "faces.npz") as faces:
        valid = faces["valid"]
    split = read_split(work / "data" / person / "split.json", len(valid))
    return epoch_steps(len(split.training_runs(valid, chosen.clip)), chosen)


def epochs_for(work: Path, person: str, steps: int) -> int:
    """Epochs of the generator that come nearest to ``steps``."""
    return max(1, round(steps / steps_an_epoch(work, person)))


def refuse_other_length(metrics: Path, epochs: int) -> None:
    """What was measured before has to be of as long a training."""
    log = json.loads((metrics / "generator" / "training_log.json").read_text())
    if (done := len(log["history"])) != epochs:
        sys.exit(f"{metrics}: was trained for {done} epochs, not {epochs}; give a new WORK")


def train_variant(work: Path, person: str, variant: str, steps: int) -> Path:
    """Train and measure one; the folder of its metrics."""
    name = f"{person}_{variant}"
    yaml = YAML()
    params = yaml.load(work / "params.yaml")
    video = params["people"][person]["video"]
    entry = {"video": video, "epochs": epochs_for(work, person, steps)}
    params["people"][name] = entry | VARIANTS[variant]
    yaml.dump(params, work / "params.yaml")
    for folder in ("data", "models"):
        (work / folder / name).mkdir(parents=True, exist_ok=True)
    models = work / "models" / person
    heard = [
        work / "data" / person / "speech.npz",
        models / "syncnet.safetensors",
        models / "motion.safetensors",
    ]
    hears_otherwise = "speech" in VARIANTS[variant]
    for source in {*(work / "data" / person).iterdir(), *heard, models / "inherited"}:
        if hears_otherwise and source in heard:
            continue
        target = source.parent.with_name(name) / source.name
        if not target.exists():
            target.symlink_to(source)
    metrics = work / "metrics" / name
    if not (metrics / "evaluation.json").exists():
        if hears_otherwise:
            run(work, "extract_audio_features", name)
            run(work, "train_syncnet", name)
            run(work, "train_motion", name)
        run(work, "train_generator", name)
        run(work, "evaluate", name)
    else:
        refuse_other_length(metrics, entry["epochs"])
    return metrics


def cell(details: dict[str, Any], group: str, name: str, form: str) -> str:
    """A figure and its interval."""
    value = details.get(group, {}).get(name)
    if value is None:
        return "–"
    between = details[group].get(f"{name}_interval")
    text = format(value, form)
    return f"{text} ({format(between[0], form)} … {format(between[1], form)})" if between else text


def print_tables(results: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Markdown, a table for each person."""
    for person, found in results.items():
        epochs = found[FULL]["epochs"] if FULL in found else "?"
        print(f"\n**{person}**, {epochs} epochs\n")
        print("| " + " | ".join(["", *found]) + " |")
        print("|---" * (len(found) + 1) + "|")
        for group, name, heading, form in FIGURES:
            cells = [cell(details, group, name, form) for details in found.values()]
            print("| " + " | ".join([heading, *cells]) + " |")


def write_sheet(path: Path, folders: dict[str, Path]) -> None:
    """Each variant's row with the filmed expression below the real one."""
    rows = []
    for variant, folder in folders.items():
        sheet = cv2.imread(str(folder / "evaluation" / "contact_sheet.png"))
        part = len(sheet) // 3  # real, with the filmed expression, from speech
        if not rows:
            rows.append(sheet[:part])
        row = sheet[part : 2 * part].copy()
        cv2.putText(row, variant, (90, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (200, 60, 0), 1)
        rows.append(row)
    cv2.imwrite(str(path), np.concatenate(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path, help="folder of the throw-away project")
    parser.add_argument("--clips", type=Path, help="folder of further videos")
    parser.add_argument("--steps", type=int, default=600, help="of each training, nearly")
    parser.add_argument("--vgg", type=Path, help="VGG19's ImageNet weights, for one more variant")
    parser.add_argument("--visemes", type=Path, help="visemes.onnx, for a variant that hears it")
    parser.add_argument("--people", nargs="+", help="only these, by the clips' names")
    parser.add_argument("--variants", nargs="+", help="only these")
    arguments = parser.parse_args()
    if arguments.vgg:
        weights = str(arguments.vgg.resolve())
        VARIANTS["vgg"] = {"generator": {"perceptual": {"features": "vgg19", "weights": weights}}}
    if arguments.visemes:
        weights = str(arguments.visemes.resolve())
        VARIANTS["viseme"] = {"speech": {"encoder": "viseme", "weights": weights}}
    work = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    people = make_project(work, arguments.clips)
    results: dict[str, dict[str, dict[str, Any]]] = {}
    for person in arguments.people or people:
        prepare(work, person)
        folders = {
            variant: train_variant(work, person, variant, arguments.steps)
            for variant in arguments.variants or VARIANTS
        }
        results[person] = {
            variant: json.loads((folder / "evaluation" / "details.json").read_text())
            | {"epochs": epochs_for(work, person, arguments.steps)}
            for variant, folder in folders.items()
        }
        write_sheet(work / f"{person}.png", folders)
    print_tables(results)


if __name__ == "__main__":
    main()
