"""Judge an upload: ``python -m lipsync.ui.suitability VIDEO FOLDER``, a process of its own.

A codec that crashes on a stranger's file ends this process and not the server's. It runs in the
project's folder and writes into FOLDER

    first_look.json, first_look.jpg    within seconds, of a longer video: what some frames tell
    check.json                         {"done": frames read, "total": of so many}, each second
    profile.json, profile.png          those of `lipsync profile`

On stdout stands one object of JSON: ``{}``, or ``{"error": ...}`` with one line.
"""

import json
import sys
import time
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.media.container import open_input
from lipsync.ui.decoding import CONTAINERS

MODELS = Path("models/face")


def judge(video: Path, folder: Path) -> None:
    """Write the first look at a video, then its profile, into ``folder``.

    Raises LipsyncError if it is no video, or the face models cannot be had.
    """
    from lipsync.faces import models
    from lipsync.profiling.first_look import write_strip
    from lipsync.profiling.report import write_profile
    from lipsync.profiling.run import judge_video, look_at_video, write_all
    from lipsync.stage import PARAMS_FILE

    with open_input(video, container_options={"format_whitelist": CONTAINERS}):
        pass
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
    write_all(folder, judge_video(video, where, PARAMS_FILE, on_progress=progress.note))


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
    video, folder = map(Path, sys.argv[1:])
    answer = {}
    try:
        judge(video, folder)
    except LipsyncError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
