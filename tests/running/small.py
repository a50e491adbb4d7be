"""A small pipeline of real DVC: three stages a person, one for all, that take a moment each.

A stage joins its inputs and writes them; it notes its begin and end in ``$NOTES``. It fails if an
input says "broken", and waits for the SIGINT of Ctrl+C if one says "endless". With ``$MEET`` the
first stage of a person waits until that of another is at work too. ``$SECONDS`` is what the second
one takes; it tells that a quarter of it is done.
"""

import shutil
import time
from pathlib import Path

from ruamel.yaml import YAML

from tests.project import change_params, commit, must

PIPELINE = """
stages:
  fetch:
    cmd: python work.py models/fetched.txt
    deps: [work.py]
    outs: [models/fetched.txt]
  first:
    foreach: ${people}
    do:
      cmd: python work.py data/${key}/first.txt ${item.video}
      deps: ["${item.video}", work.py]
      params: ["people.${key}"]
      outs: ["data/${key}/first.txt"]
  train_second:
    foreach: ${people}
    do:
      cmd: python work.py data/${key}/second.txt data/${key}/first.txt models/fetched.txt
      deps: ["data/${key}/first.txt", models/fetched.txt, work.py]
      params: [compute, "people.${key}"]
      outs: ["data/${key}/second.txt"]
      metrics: ["data/${key}/second.json": {cache: false}]
  third:
    foreach: ${people}
    do:
      cmd: python work.py data/${key}/third.txt data/${key}/second.txt
      deps: ["data/${key}/second.txt", work.py]
      outs: ["data/${key}/third.txt"]
"""
WORK = """
import json, os, pathlib, signal, sys, time
from lipsync.parent_watchdog import ends_with_parent
name = os.environ["DVC_STAGE"]
def note(what):
    with open(os.environ["NOTES"], "a") as file:
        gpu, threads = (os.environ.get(k) for k in ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"))
        print(json.dumps([what, name, time.time(), gpu, threads, os.getcwd()]), file=file)
def stop(*args):
    note("stopped")
    sys.exit(130)
signal.signal(signal.SIGINT, stop)
note("begin")
if "second" in name:
    stage, person = name.split("@")
    told = pathlib.Path(os.environ.get("LIPSYNC_SCRATCH", ".scratch"), stage, person, "f")
    told.mkdir(parents=True, exist_ok=True)
    about = dict(stage=stage, person=person, pid=os.getpid(), host="h", started=0, epochs=4)
    about |= dict(epoch=1, left=7, losses=[], updated=time.time())
    (told / "progress.json").write_text(json.dumps(about))
out, *inputs = map(pathlib.Path, sys.argv[1:])
text = "".join(path.read_text() for path in inputs)
if "broken" in text:
    sys.exit(f"{name}: {inputs[0]}: broken; mend it")
with ends_with_parent():
    while "endless" in text and "second" in name:
        time.sleep(0.05)
if "first" in name and "MEET" in os.environ:
    end = time.time() + 60
    while pathlib.Path(os.environ["NOTES"]).read_text().count('"begin", "first@') < 2:
        time.sleep(0.05)
        assert time.time() < end, "nobody came"
if "second" in name:
    time.sleep(float(os.environ.get("SECONDS", 0)))
out.parent.mkdir(parents=True, exist_ok=True)
out.write_text(f"{out.name} of ({text})")
if "second" in name:
    out.with_suffix(".json").write_text(json.dumps({"letters": len(text)}))
note("end")
"""
IGNORED = "/data/*/*.txt\n/models/\n.scratch/\n/notes\n"


def make_small(root: Path, folder: Path, people: dict[str, str]) -> Path:
    """The pipeline with a "video" for each person, whose text is given; nothing has run."""
    (folder / "data/videos").mkdir(parents=True)
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / "work.py").write_text(WORK)
    (folder / ".gitignore").write_text(IGNORED)
    (folder / ".dvcignore").write_text(".scratch/\n")
    shutil.copy(root / "params.yaml", folder)
    for name, text in people.items():
        (folder / f"data/videos/{name}.mp4").write_text(text)
    entries = {name: {"video": f"data/videos/{name}.mp4"} for name in people}
    change_params(folder, lambda values: values.update(people=entries))
    must(folder, "git", "init", "-q", "-b", "main")
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text("[core]\n    analytics = false\n")
    (folder / ".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")
    commit(folder, "start")
    return folder


def locked(folder: Path) -> dict[str, dict]:
    """Entries of dvc.lock."""
    return YAML(typ="safe").load(folder / "dvc.lock")["stages"]


def wait_for(condition, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)
