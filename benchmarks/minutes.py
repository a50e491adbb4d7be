"""How long each stage takes from a video to an avatar, and how much memory, by length of the video.

    python benchmarks/minutes.py WORK --clip ../shared/clips/grid_s1_4min.mp4 --seconds 20 240

WORK becomes a project of its own with a person for each length, whose video is the clip, repeated
or cut to that length without being encoded again. Each stage is run by itself, with
`dvc repro -s STAGE`, which takes about a second of its own. Printed is a Markdown table: seconds of
each stage, their sum, and the largest process in GB; "growth" is the time of the longest video over
that of the shortest, over the ratio of their lengths: above 1, a stage grows faster than the video.

`lipsync.running.time_left.REFERENCE` was made with it.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
from clips import dvc, make_project, table

from lipsync.pipeline import read_stages


def repeat(clip: Path, seconds: float, out: Path) -> None:
    """The packets of a clip, again and again, up to a length; timestamps go on."""
    if out.exists():
        return
    part = out.with_name(f".{out.name}")
    with av.open(str(clip)) as source, av.open(str(part), "w", format="mp4") as target:
        streams = [source.streams.video[0], source.streams.audio[0]]
        copies = {stream.index: target.add_stream_from_template(stream) for stream in streams}
        length = Fraction(source.duration, av.time_base)
        shift = Fraction(0)
        while shift < seconds:
            source.seek(0)
            for packet in source.demux(streams):
                begin = None if packet.dts is None else shift + packet.dts * packet.time_base
                if begin is None or begin >= seconds:
                    continue
                ticks = round(shift / packet.time_base)
                packet.dts += ticks
                packet.pts += ticks
                packet.stream = copies[packet.stream.index]
                target.mux(packet)
            shift += length
    part.replace(out)


def measure(work: Path, person: str) -> dict[str, tuple[float, float]]:
    """Seconds and gigabytes of each stage of a person, in the order of dvc.yaml."""
    record = work / f"{person}_stages.json"
    if record.exists():
        return {name: (t, m) for name, (t, m) in json.loads(record.read_text()).items()}
    environment = os.environ | {"PYTHONPATH": str(work / "src"), "LIPSYNC_FRESH": "1"}
    found: dict[str, tuple[float, float]] = {}
    for stage in (stage for stage in read_stages(work) if stage.each):
        started = time.monotonic()
        command = [*dvc(), "repro", "-s", stage.key(person)]
        child = subprocess.Popen(command, cwd=work, env=environment, stdout=sys.stderr)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            sys.exit(f"{stage.key(person)}: exit code {child.returncode}")
        found[stage.name] = (time.monotonic() - started, used.ru_maxrss * 1024 / 1e9)
    record.write_text(json.dumps(found))
    return found


def main() -> None:
    """Run each length and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--seconds", type=float, nargs="+", default=[20, 240, 1200])
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    lengths = {f"s{seconds:g}": seconds for seconds in sorted(arguments.seconds)}
    videos = work.parent / f"{work.name}_videos"
    videos.mkdir(exist_ok=True)
    for person, seconds in lengths.items():
        repeat(arguments.clip, seconds, videos / f"{person}.mp4")
    make_project(work, videos, list(lengths))
    measured = {person: measure(work, person) for person in lengths}
    ratio = max(lengths.values()) / min(lengths.values())
    first, last = measured[next(iter(lengths))], measured[list(lengths)[-1]]
    rows = [["stage", *(f"{seconds:g} s of video" for seconds in lengths.values()), "growth"]]
    for name in first:
        times = [f"{measured[person][name][0]:.0f}" for person in lengths]
        growth = f"{last[name][0] / first[name][0] / ratio:.2f}"
        rows.append([name, *times, growth])
    sums = [sum(t for t, _ in measured[person].values()) for person in lengths]
    rows.append(["sum", *(f"{total:.0f}" for total in sums), f"{sums[-1] / sums[0] / ratio:.2f}"])
    most = [max(m for _, m in measured[person].values()) for person in lengths]
    rows.append(["largest process, GB", *(f"{m:.1f}" for m in most), ""])
    print(table(rows))


if __name__ == "__main__":
    main()
