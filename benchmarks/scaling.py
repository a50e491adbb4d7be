"""Wall time of many people: `dvc repro` against `lipsync run`, by people, jobs and threads.

    python benchmarks/scaling.py [--people 1 2 4] [--jobs 1 2] [--seconds 14] [--epochs 2]
                                 [--crop 160] [--crowded]

Each row is a fresh copy of the project, with an empty cache, in which each person has the beginning
of the sample's video. The face models are fetched before the clock starts. `dvc repro`, which does
what `--jobs 1` does, is timed for the smallest number of people. Ratios are of one run of this
script: run it while nothing else is at work.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from ruamel.yaml import YAML

from lipsync.media.audio import SAMPLE_RATE, read_audio
from lipsync.media.video import VideoWriter, probe, read_frames
from lipsync.running.command import dvc, environment
from lipsync.running.local import available_cores
from lipsync.running.pack import copy_tracked

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = ("benchmarks/", "docs/", "metrics/", "tests/", "visemes/")


def make_project(folder: Path, people: int, epochs: int, crop: int, seconds: float) -> None:
    """So many people, of whom nothing has run."""
    copy_tracked(ROOT, folder, without=LEFT_OUT)
    shorten(ROOT / "data/videos/sample.mp4", folder / "data/videos/sample.mp4", seconds)
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


def shorten(source: Path, target: Path, seconds: float) -> None:
    """The beginning of a video, with its sound."""
    info, sound = probe(source), read_audio(source, SAMPLE_RATE)[: round(seconds * SAMPLE_RATE)]
    with VideoWriter(
        target, info.width, info.height, info.fps, sound=(sound, SAMPLE_RATE)
    ) as writer:
        for picture in islice(read_frames(source), round(seconds * info.fps)):
            writer.write(picture)


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
    parser.add_argument("--seconds", type=float, default=14, help="of the sample's video")
    parser.add_argument("--epochs", type=int, default=2, help="of SyncNet and generator")
    parser.add_argument("--crop", type=int, default=160, help="pixels")
    parser.add_argument("--crowded", action="store_true", help="also more threads than cores")
    arguments = parser.parse_args()
    cores = available_cores()
    threads = int(os.environ.get("OMP_NUM_THREADS", cores))
    about = f"{arguments.seconds:g} s of video, {arguments.epochs} epochs at {arguments.crop} px"
    print(f"{cores} cores; {about}\npeople  {'command':32s}  wall s  to the first")
    lipsync = [sys.executable, "-c", "from lipsync.cli import app; app()", "run"]
    for people in arguments.people:
        rows: dict[str, list[str]] = {}
        if people == min(arguments.people):
            rows["dvc repro"] = dvc("repro")
        for jobs in arguments.jobs:
            command = [*lipsync, "--jobs", str(jobs)]
            shared = jobs > 1 and jobs * threads > cores
            if not shared or arguments.crowded:
                rows[f"lipsync run --jobs {jobs}"] = command
            if shared:
                each = str(max(1, cores // jobs))
                rows[f"lipsync run --jobs {jobs} --threads {each}"] = [*command, "--threads", each]
        first = 0.0
        for name, command in rows.items():
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary)
                make_project(folder, people, arguments.epochs, arguments.crop, arguments.seconds)
                took = run(folder, command, OMP_NUM_THREADS=str(threads))
            first = first or took
            print(f"{people:6d}  {name:32s} {took:6.0f}  {took / first:.2f}", flush=True)


if __name__ == "__main__":
    main()
