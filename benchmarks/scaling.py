"""Wall time of many people: `dvc repro` against `lipsync run`, by people, jobs and threads.

    python benchmarks/scaling.py [--people 1 2 4] [--jobs 1 2] [--epochs 2] [--crop 160]

Each row is a fresh copy of the project, with an empty cache, in which each person has the sample's
video. The face models are fetched before the clock starts. Ratios are of one run of this script:
run it while nothing else is at work. With the defaults, some 40 minutes on 2 cores.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ruamel.yaml import YAML

from lipsync.running.command import dvc, environment
from lipsync.running.local import available_cores
from lipsync.running.pack import copy_tracked

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = ("benchmarks/", "docs/", "metrics/", "tests/", "visemes/")


def make_project(folder: Path, people: int, epochs: int, crop: int) -> None:
    """So many people, of whom nothing has run."""
    copy_tracked(ROOT, folder, without=LEFT_OUT)
    yaml = YAML()
    params = yaml.load(folder / "params.yaml")
    params["people"] = {f"p{i:02d}": {"video": "data/videos/sample.mp4"} for i in range(people)}
    params["epochs"] = params["syncnet"]["epochs"] = epochs
    params["crop"]["size"] = crop
    yaml.dump(params, folder / "params.yaml")
    me = ("-c", "user.name=b", "-c", "user.email=b@localhost")
    for command in (["init", "-q"], ["add", "."], [*me, "commit", "-q", "-m", "start"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    run(folder, dvc("repro", "-q", "fetch_face_models"))


def run(folder: Path, command: Sequence[str], **variables: str) -> float:
    """Seconds that a command took."""
    begin = time.perf_counter()
    # Threads are the rows' own business, not that of the shell that this was started from.
    env = {k: v for k, v in environment(**variables).items() if not k.startswith("LIPSYNC_")}
    result = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(command)}: {result.stdout[-4000:]}{result.stderr[-4000:]}")
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--people", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--epochs", type=int, default=2, help="of SyncNet and generator")
    parser.add_argument("--crop", type=int, default=160, help="pixels")
    arguments = parser.parse_args()
    cores = available_cores()
    threads = int(os.environ.get("OMP_NUM_THREADS", cores))
    print(f"{cores} cores; {arguments.epochs} epochs at {arguments.crop} px")
    print("people  command                          wall s  against dvc repro", flush=True)
    lipsync = [sys.executable, "-c", "from lipsync.cli import app; app()", "run"]
    for people in arguments.people:
        rows: dict[str, list[str]] = {"dvc repro": dvc("repro")}
        for jobs in arguments.jobs:
            rows[f"lipsync run --jobs {jobs}"] = [*lipsync, "--jobs", str(jobs)]
            if jobs * threads > cores and jobs > 1:
                each = str(max(1, cores // jobs))
                command = [*lipsync, "--jobs", str(jobs), "--threads", each]
                rows[f"lipsync run --jobs {jobs} --threads {each}"] = command
        serial = 0.0
        for name, command in rows.items():
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary)
                make_project(folder, people, arguments.epochs, arguments.crop)
                took = run(folder, command, OMP_NUM_THREADS=str(threads))
            serial = serial or took
            print(f"{people:6d}  {name:32s} {took:6.0f}  {took / serial:.2f}", flush=True)


if __name__ == "__main__":
    main()
