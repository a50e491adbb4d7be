"""Judge an upload: ``python -m lipsync.ui.suitability VIDEO FOLDER``, a process of its own.

A codec that crashes on a stranger's file ends this process and not the server's. It runs in the
project's folder and writes profile.json and profile.png, those of `lipsync profile`, into FOLDER.
On stdout stands one object of JSON: ``{}``, or ``{"error": ...}`` with one line.
"""

import json
import sys
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.media.container import open_input
from lipsync.ui.decoding import CONTAINERS

MODELS = Path("models/face")


def judge(video: Path, folder: Path) -> None:
    """Write a video's profile into ``folder``.

    Raises LipsyncError if it is no video, or the face models cannot be had.
    """
    from lipsync.faces import models
    from lipsync.profiling.run import judge_video, write_all
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
    write_all(folder, judge_video(video, where, PARAMS_FILE))


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
