"""A small project with two states of a person: a commit, and an experiment made by real DVC."""

import shutil
from pathlib import Path

import numpy as np

from lipsync.media.video import VideoWriter
from tests.project import commit, must

SECONDS = 4
DVC_YAML = """
stages:
  evaluate:
    foreach: ${people}
    do:
      cmd: python evaluate.py ${key} ${epochs}
      deps: [evaluate.py, clips]
      params: [epochs]
      outs:
        - metrics/${key}/evaluation/comparison.mp4
        - metrics/${key}/evaluation/contact_sheet.png
        - metrics/${key}/evaluation/details.json
      metrics:
        - metrics/${key}/evaluation.json: {cache: false}
  render_sample:
    foreach: ${people}
    do:
      cmd: mkdir -p data/${key} && cp clips/${epochs}.mp4 data/${key}/render.mp4
      deps: [clips]
      params: [epochs]
      outs: ["data/${key}/render.mp4"]
"""
# r of the mouth and its interval, flicker (less is better), spread (1 is wanted), PSNR of a
# baseline (no direction of its own): by epochs
EVALUATE = """
import json, shutil, sys
from pathlib import Path

person, epochs = sys.argv[1], int(sys.argv[2])
better = epochs > 1
values = {
    "mouth": {"correlation": 0.91 if better else 0.71, "spread": 1.4 if better else 1.0},
    "picture": {"flicker": 1.1 if better else 1.2},
    "copy": {"psnr_region": 30.0 + epochs},
    "sync": {"base_score": 0.7, "base_real_score": 0.6, "offset": 0, "real_offset": 1},
}
folder = Path("metrics") / person
(folder / "evaluation").mkdir(parents=True, exist_ok=True)
(folder / "evaluation.json").write_text(json.dumps(values))
r = values["mouth"]["correlation"]
values["mouth"]["correlation_interval"] = [r - 0.05, r + 0.05]
values["picture"]["flicker_interval"] = [0.9, 1.5]
values["sync"] |= {"base_offset": 0.016, "base_real_offset": -0.04}
values["sync"]["base_score_interval"] = [0.6, 0.8]
(folder / "evaluation" / "details.json").write_text(json.dumps(values))
shutil.copyfile(f"clips/{epochs}.mp4", folder / "evaluation" / "comparison.mp4")
shutil.copyfile("clips/sheet.png", folder / "evaluation" / "contact_sheet.png")
"""


def make_experiments(folder: Path, avatar: Path) -> Path:
    """alice with epochs 1 in a commit, and with epochs 2 in the experiment "longer"."""
    import cv2

    shutil.copytree(avatar, folder / "models/alice/avatar")
    (folder / "clips").mkdir()
    for epochs in (1, 2):
        write_clip(folder / f"clips/{epochs}.mp4", SECONDS, 60 * epochs)
    cv2.imwrite(str(folder / "clips/sheet.png"), np.full((60, 200, 3), 90, np.uint8))
    (folder / "params.yaml").write_text("epochs: 1\nseed: 1\npeople:\n  alice: {video: a.mp4}\n")
    (folder / "dvc.yaml").write_text(DVC_YAML)
    (folder / "evaluate.py").write_text(EVALUATE)
    must(folder, "git", "init", "-q", "-b", "main")
    must(folder, "dvc", "init", "-q")
    must(folder, "dvc", "remote", "add", "-q", "-d", "store", "remote")  # in the commit too
    (folder / ".gitignore").write_text("/.scratch\n/tmp\n/app.log\n/models\n/remote\n")
    must(folder, "dvc", "repro", "-q")
    commit(folder, "one <epoch>")
    must(folder, "dvc", "exp", "run", "-q", "-n", "longer", "-S", "epochs=2")
    return folder


def write_clip(path: Path, seconds: float, level: int) -> None:
    """Frames that grow brighter, with noise for audio."""
    sound = np.random.default_rng(level).normal(0, 0.1, round(seconds * 16_000)).astype(np.float32)
    with VideoWriter(path, 320, 160, 25, preset="ultrafast", sound=(sound, 16_000)) as writer:
        for number in range(round(seconds * 25)):
            writer.write(np.full((160, 320, 3), level + number, np.uint8))
