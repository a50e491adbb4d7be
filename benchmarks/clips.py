"""How good faces of real people are, and how long they take: every figure in one table.

    python benchmarks/clips.py WORK --clips ../shared/clips [--people outdoor_10s ...]

WORK becomes a project of its own with a person for each clip and the sample. Of each person the
pipeline is run with `dvc repro` from the video to a rendered avatar, which is timed, then
evaluated. A finished person is not run again when the script is started again; WORK keeps the code
that it was made with, so give a new one after a change.

Printed are two Markdown tables: figures of the held-out part, and seconds and memory. Written into
WORK/sheets are each person's contact sheet, and eight consecutive frames at full size from the
passage of the held-out part in which the mouth moves most: filmed above, rendered from speech
below.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from ruamel.yaml import YAML

from lipsync.media.video import FrameReader, probe
from lipsync.running.pack import copy_tracked

ROOT = Path(__file__).resolve().parents[1]
CLIPS = ("outdoor_10s", "gestures_30fps_20s", "head_turns_20s", "grid_s1_4min")
SAMPLE = "sample"
FIGURES = (  # heading, group.name, format
    ("filmed expression: r", "face.correlation", "{:.3f}"),
    ("spread", "face.spread", "{:.2f}"),
    ("PSNR, face region, dB", "face.psnr_region", "{:.1f}"),
    ("PSNR, pasted mask, dB", "face.psnr_mask", "{:.1f}"),
    ("sharpness", "face.sharpness", "{:.2f}"),
    ("flicker", "face.flicker", "{:.2f}"),
    ("seam", "face.seam", "{:.2f}"),
    ("exemplars alone: PSNR, face region", "retrieval.psnr_region", "{:.1f}"),
    ("PSNR, pasted mask", "retrieval.psnr_mask", "{:.1f}"),
    ("sharpness", "retrieval.sharpness", "{:.2f}"),
    ("flicker", "retrieval.flicker", "{:.2f}"),
    ("seam", "retrieval.seam", "{:.2f}"),
    ("expression from speech: r of the opening", "expression.opening_r", "{:.2f}"),
    ("r of the width", "expression.width_r", "{:.2f}"),
    ("closure", "expression.closure", "{:.2f}"),
    ("from speech: r", "mouth.correlation", "{:.2f}"),
    ("spread", "mouth.spread", "{:.2f}"),
    ("mismatched audio", "mouth.correlation_shifted", "{:.2f}"),
    ("given the still mouth", "mouth.partial_shifted", "{:.2f}"),
    ("PSNR, face region, dB", "picture.psnr_region", "{:.1f}"),
    ("sharpness", "picture.sharpness", "{:.2f}"),
    ("flicker", "picture.flicker", "{:.2f}"),
    ("seam", "picture.seam", "{:.2f}"),
    ("ridge regression: r", "ridge.correlation", "{:.2f}"),
)
CONSECUTIVE = 8  # frames of the fast passage
LABEL = 20  # pixels of height above each half of comparison.mp4


def make_project(work: Path, clips: Path, people: list[str]) -> None:
    """Copy this project's files to ``work``, once."""
    if (work / "params.yaml").exists():
        known = YAML().load(work / "params.yaml")["people"]
        if unknown := [name for name in people if name not in known]:
            sys.exit(f"{work}: was made without {', '.join(unknown)}; give a new WORK")
        return
    missing = [name for name in people if name != SAMPLE and not video_of(clips, name).exists()]
    if missing:
        sys.exit(f"{clips}: has no {missing[0]}.mp4; give the folder of the clips with --clips")
    copy_tracked(ROOT, work, without=("params.yaml", "dvc.lock", "metrics/"))
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    params["people"] = {name: {"video": str(video_of(clips, name))} for name in people}
    yaml.dump(params, work / "params.yaml")
    somebody = ("-c", "user.name=clips", "-c", "user.email=clips@localhost")
    for command in (("init", "-q"), (*somebody, "commit", "-q", "--allow-empty", "-m", "start")):
        subprocess.run(["git", *command], cwd=work, check=True)
    subprocess.run([*dvc(), "repro", "-q", "fetch_face_models"], cwd=work, check=True)


def video_of(clips: Path, name: str) -> Path:
    """The video of a person."""
    return ROOT / "data/videos/sample.mp4" if name == SAMPLE else clips.resolve() / f"{name}.mp4"


def dvc() -> list[str]:
    """The command of this environment."""
    return [sys.executable, "-m", "dvc"]


def run(work: Path, person: str) -> dict[str, float]:
    """Seconds to a rendered avatar and of the evaluation, and the largest process in GB."""
    record = work / f"{person}.json"
    if record.exists():
        return json.loads(record.read_text())
    found = {}
    environment = os.environ | {"PYTHONPATH": str(work / "src")}
    for name, stage in (("avatar", "render_sample"), ("evaluation", "evaluate")):
        started = time.monotonic()
        command = [*dvc(), "repro", f"{stage}@{person}"]
        child = subprocess.Popen(command, cwd=work, env=environment, stdout=sys.stderr)
        _, status, used = os.wait4(child.pid, 0)  # of the largest process that it waited for
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            sys.exit(f"{stage}@{person}: exit code {child.returncode}")
        found[name] = time.monotonic() - started
        found["gigabytes"] = max(found.get("gigabytes", 0), used.ru_maxrss * 1024 / 1e9)
    record.write_text(json.dumps(found))
    return found


def figure(details: dict[str, Any], key: str, form: str) -> str:
    """A figure and its interval."""
    group, name = key.split(".")
    value = details.get(group, {}).get(name)
    if value is None:
        return "–"
    edges = details[group].get(f"{name}_interval")
    interval = " ({} … {})".format(*(form.format(edge) for edge in edges)) if edges else ""
    return form.format(value) + interval


def table(rows: list[list[str]]) -> str:
    """Markdown; the first row is the heading."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


def write_sheets(work: Path, person: str) -> None:
    """The contact sheet and the fast passage."""
    sheets, folder = work / "sheets", work / "metrics" / person / "evaluation"
    sheets.mkdir(exist_ok=True)
    sheet = (folder / "contact_sheet.png").read_bytes()
    (sheets / f"{person}.png").write_bytes(sheet)
    lines = (folder / "mouth_opening.csv").read_text().splitlines()[1:]
    seconds, opening = np.array(
        [[float(cell or "nan") for cell in line.split(",")[:2]] for line in lines]
    ).T
    steps = np.diff(seconds)
    follows = steps < 1.5 * np.median(steps)  # not across a cut between evaluated passages
    moves = np.where(follows, np.nan_to_num(np.abs(np.diff(opening))), -1.0)
    count = min(probe(folder / "comparison.mp4").frames, len(opening))
    busy = np.convolve(moves[: count - 1], np.ones(CONSECUTIVE), "valid")
    first = int(busy.argmax()) if len(busy) else 0
    with FrameReader(folder / "comparison.mp4") as film:
        frames = [film[i] for i in range(first, min(first + CONSECUTIVE, len(film)))]
    half = frames[0].shape[1] // 2
    rows = [
        np.concatenate([frame[LABEL:, part] for frame in frames], axis=1)
        for part in (slice(0, half), slice(half, None))
    ]
    picture = cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(sheets / f"{person}_consecutive.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 92])


def main() -> None:
    """Run everybody and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--people", nargs="+", default=[SAMPLE, *CLIPS])
    arguments = parser.parse_args()
    work, people = arguments.work.resolve(), arguments.people
    make_project(work, arguments.clips, people)
    measured = {person: run(work, person) for person in people}
    details = {}
    for person in people:
        path = work / "metrics" / person / "evaluation" / "details.json"
        details[person] = json.loads(path.read_text())
        write_sheets(work, person)
    rows = [["held out, 95 % intervals", *people]]
    for heading, key, form in FIGURES:
        rows.append([heading, *(figure(details[person], key, form) for person in people)])
    print(table(rows), end="\n\n")
    costs = [
        ("video to rendered avatar, s", "avatar", "{:.0f}"),
        ("evaluation, s", "evaluation", "{:.0f}"),
        ("largest process, GB", "gigabytes", "{:.1f}"),
    ]
    rows = [["", *people]]
    for heading, name, form in costs:
        rows.append([heading, *(form.format(measured[person][name]) for person in people)])
    print(table(rows))


if __name__ == "__main__":
    main()
