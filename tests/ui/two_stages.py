"""A project with two stages in place of all of them, and real DVC."""

import shutil
from pathlib import Path

from tests.project import commit, must

DVC_YAML = """
stages:
  extract_frames:
    foreach: ${people}
    do:
      cmd: mkdir -p data/${key} && cp ${item.video} data/${key}/frames.mp4
      deps: ["${item.video}"]
      outs: ["data/${key}/frames.mp4"]
  export:
    foreach: ${people}
    do:
      cmd: mkdir -p models/${key} && cp -r tiny models/${key}/avatar
      deps: ["data/${key}/frames.mp4"]
      outs: ["models/${key}/avatar"]
"""


def two_stage_project(folder: Path, avatar: Path, face_models: Path, params: str) -> Path:
    """Its training gives every person a copy of ``avatar``; ``params``: of params.yaml."""
    shutil.copytree(avatar, folder / "tiny")
    shutil.copytree(face_models, folder / "models/face")
    (folder / "params.yaml").write_text(params)
    (folder / "bob.mp4").write_bytes(b"x")
    (folder / "dvc.yaml").write_text(DVC_YAML)
    must(folder, "git", "init", "-q", "-b", "main")
    must(folder, "dvc", "init", "-q")
    (folder / ".gitignore").write_text("/.scratch\n/tmp\n/app.log\n")
    commit(folder, "start")
    return folder
