"""Judge an upload: ``python -m lipsync.ui.suitability VIDEO FOLDER``, a process of its own.

A codec that crashes on a stranger's file ends this process and not the server's. It runs in the
project's folder and writes into FOLDER

    first_look.json, first_look.jpg    within seconds, of a longer video: what some frames tell
    check.json                         {"done": frames read, "total": of so many}, each second
    findings.json                      {"warnings": [lines], "unfit": why it cannot be added, or ""}
    profile.json, profile.png          those of `lipsync profile`

On stdout stands one object of JSON: ``{}``, or ``{"error": ...}`` with one line.
"""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.media.container import open_input
from lipsync.media.saying import gathered
from lipsync.ui.decoding import CONTAINERS, limit_memory

if TYPE_CHECKING:
    from lipsync.profiling.measure import Profile

MODELS = Path("models/face")
FINDINGS = "findings.json"
# bytes of address space that the process may take, where the system can limit it: with all
# libraries, of a video of 1080p, 8.5 GB on 2 cores, of which 1.8 GB are used; more cores take more
MEMORY = 24 << 30


def judge(video: Path, folder: Path) -> None:
    """Write the first look at a video, then its findings and profile, into ``folder``.

    Raises LipsyncError if it is no video, or the face models cannot be had.
    """
    from lipsync.profiling.run import write_all

    with gathered() as warnings:
        unfit = _look(video)
        profile = _judge(video, folder)
    with atomic_path(folder / FINDINGS) as temporary:
        findings = {"warnings": warnings, "unfit": unfit}
        temporary.write_text(json.dumps(findings, ensure_ascii=False), encoding="utf-8")
    write_all(folder, profile)


def _look(video: Path) -> str:
    """Why `lipsync add` would refuse a video, in one line; "" if it takes it.

    Raises LipsyncError if it is no video, or a playlist.
    """
    from lipsync.media.params import FramesParams
    from lipsync.params import load_params
    from lipsync.people.checking import check_video
    from lipsync.stage import PARAMS_FILE

    with open_input(video, container_options={"format_whitelist": CONTAINERS}):
        pass
    shared = load_params(PARAMS_FILE).shared() if PARAMS_FILE.is_file() else None
    try:
        check_video(video, FramesParams() if shared is None else shared[FramesParams])
    except LipsyncError as error:
        return str(error)
    return ""


def _judge(video: Path, folder: Path) -> "Profile":
    from lipsync.faces import models
    from lipsync.profiling.first_look import write_strip
    from lipsync.profiling.report import write_profile
    from lipsync.profiling.run import judge_video, look_at_video
    from lipsync.stage import PARAMS_FILE

    where = MODELS
    if not MODELS.is_dir():  # of a project that has not run yet; `lipsync run` fetches them there
        where = folder.parent / "face"
        try:
            models.verify(where)
        except LipsyncError:
            models.fetch(where)
    first = look_at_video(video, where, PARAMS_FILE)
    if first is not None:
        write_strip(folder / "first_look.jpg", first)
        write_profile(folder / "first_look.json", first)
    progress = _Progress(folder / "check.json")
    return judge_video(video, where, PARAMS_FILE, on_progress=progress.note)


class _Progress:
    """check.json, written once a second."""

    def __init__(self, path: Path) -> None:
        self._path, self._last = path, 0.0

    def note(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last < 1.0:
            return
        self._last = now
        with atomic_path(self._path) as temporary:
            temporary.write_text(json.dumps({"done": done, "total": total}), encoding="utf-8")


def main() -> None:
    limit_memory(MEMORY)
    video, folder = map(Path, sys.argv[1:])
    answer = {}
    try:
        judge(video, folder)
    except LipsyncError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
