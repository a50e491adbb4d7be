"""What a ``dvc repro`` with nothing to do costs, by the number of people.

    python benchmarks/repro.py [--people 1 10 50] [--runs 5]

Each project is a copy of this one's files with so many people. Nothing is trained: every out is a
few bytes, committed as if its stage had run, which is all that DVC looks at. Wanted: at most 2.5 s
for one person, and at most 0.2 s for each further one.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ruamel.yaml import YAML

from lipsync.running import command
from lipsync.running.pack import copy_tracked

ROOT = Path(__file__).resolve().parents[1]
MOST_FOR_ONE, MOST_FOR_EACH = 2.5, 0.2  # seconds
LEFT_OUT = ("benchmarks/", "docs/", "metrics/", "tests/", "dvc.lock")


def dvc(folder: Path, *arguments: str) -> str:
    """Run it; what it printed."""
    result = subprocess.run(
        command.dvc(*arguments),
        cwd=folder,
        env=command.environment(),
        capture_output=True,
        text=True,
    )
    if result.returncode:
        sys.exit(f"dvc {' '.join(arguments)}: {result.stdout}{result.stderr}")
    return result.stdout


def make_project(folder: Path, people: int) -> None:
    """A project whose stages have all run, as far as DVC can tell."""
    copy_tracked(ROOT, folder, without=LEFT_OUT)
    yaml = YAML()
    params = yaml.load(folder / "params.yaml")
    params["people"] = {f"p{i:02d}": {"video": "data/videos/sample.mp4"} for i in range(people)}
    yaml.dump(params, folder / "params.yaml")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    write_outs(folder)
    dvc(folder, "commit", "-f", "-q")


def write_outs(folder: Path) -> None:
    """A few bytes in place of every out."""
    from dvc.repo import Repo

    with Repo(str(folder)) as repo:
        for out in repo.index.outs:
            path = Path(out.fs_path)
            if path.suffix:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("{}" if path.suffix == ".json" else path.as_posix())
            else:
                path.mkdir(parents=True, exist_ok=True)
                (path / "file").write_text(path.as_posix())


def seconds(folder: Path) -> float:
    """Wall-clock time of a ``dvc repro`` that finds nothing to do."""
    started = time.perf_counter()
    output = dvc(folder, "repro")
    took = time.perf_counter() - started
    if "Running stage" in output or "up to date" not in output:
        sys.exit(f"dvc repro was not a no-op: {output[:2000]}")
    return took


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--people", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    first, missed = None, []
    print("people  median s  least s  s for each further person")
    for people in arguments.people:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_project(folder, people)
            seconds(folder)  # the first one fills DVC's own caches
            taken = [seconds(folder) for _ in range(arguments.runs)]
        median = statistics.median(taken)
        first = first or (people, median)
        further = people - first[0]
        each = f"{(median - first[1]) / further:.3f}" if further else ""
        print(f"{people:6d}  {median:8.2f}  {min(taken):7.2f}  {each}", flush=True)
        if (people == 1 and median > MOST_FOR_ONE) or (each and float(each) > MOST_FOR_EACH):
            missed.append(people)
    if missed:
        sys.exit(f"slower than wanted with {', '.join(map(str, missed))} people")


if __name__ == "__main__":
    main()
