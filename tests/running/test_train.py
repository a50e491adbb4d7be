"""`lipsync train` with real DVC on a pipeline whose stages take a moment each; presets of a person.

A stage notes its begin in ``$NOTES``. The file mood.txt says what becomes of profile and training.
"""

import json
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

from lipsync.errors import LipsyncError
from lipsync.generator.params import GeneratorParams
from lipsync.media.video import VideoWriter
from lipsync.params import load_params
from lipsync.presets import PRESETS, for_one_person
from lipsync.running.graph import Step, up_to
from lipsync.running.train import read_profile
from tests.project import change_params, environment, must, shell
from tests.running.small import make_small, wait_for

PIPELINE = """
stages:
  extract_frames:
    foreach: ${people}
    do:
      cmd: python work.py ${key} data/${key}/frames.txt
      deps: ["${item.video}", work.py]
      outs: ["data/${key}/frames.txt"]
  profile:
    foreach: ${people}
    do:
      cmd: python work.py ${key} metrics/${key}/profile.json
      deps: ["data/${key}/frames.txt", mood.txt, work.py]
      metrics: ["metrics/${key}/profile.json": {cache: false}]
  train_motion:
    foreach: ${people}
    do:
      cmd: python work.py ${key} models/${key}/motion.txt
      deps: ["data/${key}/frames.txt", mood.txt, work.py]
      params: ["people.${key}"]
      outs: ["models/${key}/motion.txt"]
  evaluate:
    foreach: ${people}
    do:
      cmd: python work.py ${key} metrics/${key}/evaluation.json
      deps: ["models/${key}/motion.txt", work.py]
      metrics: ["metrics/${key}/evaluation.json": {cache: false}]
  render_sample:
    foreach: ${people}
    do:
      cmd: python work.py ${key} data/${key}/render.mp4
      deps: ["models/${key}/motion.txt", work.py]
      outs: ["data/${key}/render.mp4"]
"""
WORK = """
import json, os, pathlib, signal, sys, time
stage = os.environ["DVC_STAGE"]
with open(os.environ["NOTES"], "a") as file:
    print(stage, file=file)
mood, out = pathlib.Path("mood.txt").read_text(), pathlib.Path(sys.argv[2])
if "train" in stage and "broken" in mood:
    sys.exit(f"{stage}: too little speech; record more")
signal.signal(signal.SIGINT, lambda *args: sys.exit(130))
while "train" in stage and "endless" in mood:
    time.sleep(0.05)
advice = "come closer" if "red" in mood else None
figures = [
    {"name": "face width", "value": 90, "unit": "px", "advice": advice,
     "verdict": "red" if advice else "green"},
    {"name": "light", "value": None, "unit": "", "verdict": "green", "advice": None},
]
out.parent.mkdir(parents=True, exist_ok=True)
out.write_text(json.dumps({"verdict": figures[0]["verdict"], "figures": figures}))
"""
IGNORED = "/data/*/*.txt\n/data/*/render.mp4\n/models/\n.scratch/\n/notes\n"
ALL = ["extract_frames", "profile", "train_motion", "evaluate", "render_sample"]


@pytest.fixture
def project(root, tmp_path) -> Path:
    """One person, ann, on whom nothing has run; the video alice.mp4 beside the project's folder."""
    folder = make_small(root, tmp_path / "p", {"ann": "Ann"})
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / "work.py").write_text(WORK)
    (folder / "mood.txt").write_text("fine")
    (folder / ".gitignore").write_text(IGNORED)
    with VideoWriter(
        tmp_path / "alice.mp4", 64, 64, 25, sound=(np.ones(48000, np.float32) / 9, 16000)
    ) as writer:
        for shade in range(75):
            writer.write(np.full((64, 64, 3), shade, np.uint8))
    return folder


def train(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return shell(folder, "lipsync", "train", *arguments, NOTES=str(folder / "notes"))


def noted(folder: Path) -> list[str]:
    """Stages that were begun, of alice alone."""
    path = folder / "notes"
    lines = path.read_text().split() if path.exists() else []
    assert all(line.endswith("@alice") for line in lines)
    return [line.removesuffix("@alice") for line in lines]


def people(folder: Path) -> list[str]:
    return load_params(folder / "params.yaml").people


def test_one_command_makes_a_sample_video_and_says_what_dvc_would_do(project):
    result = train(project, "../alice.mp4", "--no-base", "--preset", "production")
    assert result.returncode == 0, result.stderr
    assert sorted(noted(project)) == sorted(ALL)
    assert noted(project)[:2] == ["extract_frames", "profile"], "the profile comes first"
    assert people(project) == ["ann", "alice"]
    alice = load_params(project / "params.yaml").for_person("alice")
    assert not alice.base
    assert alice[GeneratorParams].exemplars == 192
    said = result.stdout
    assert "alice  done  5 done" in said
    assert "data/alice/render.mp4, saying data/speech/sample.wav" in said
    assert "models/alice/avatar" in said
    for command in (
        "    lipsync add ../alice.mp4",
        "    in params.yaml, below people.alice:",
        "        base: false",
        "    dvc repro profile@alice",
        "    dvc repro evaluate@alice render_sample@alice",
    ):
        assert command in said.splitlines()
    entry = said.partition("below people.alice:\n")[2].partition("    dvc repro")[0]
    assert yaml.safe_load(entry) == {"base": False, **for_one_person("production")}
    keep = said.splitlines()[-1].removeprefix("to keep it: ").removesuffix(" && git commit")
    must(project, *shlex.split(keep))
    assert "params.yaml" in must(project, "git", "diff", "--cached", "--name-only").split()
    assert "the video is green: metrics/alice/profile.png" in result.stderr
    assert "warning: crop.size stays 160" in result.stderr
    dvc = must(project, "dvc", "repro", "evaluate@alice", "render_sample@alice", "profile@alice")
    assert "Running" not in dvc, "DVC has nothing left to do"


def test_the_same_command_again_goes_on_and_then_finds_nothing_to_do(project):
    (project / "mood.txt").write_text("broken")
    result = train(project, "../alice.mp4", "--no-evaluate")
    assert result.returncode == 1
    assert "train_motion@alice: too little speech; record more" in result.stdout
    assert result.stderr.splitlines()[-1].startswith("lipsync train: 1 stage failed; ")
    assert "with DVC" not in result.stdout
    (project / "mood.txt").write_text("fine")
    for video in ("../alice.mp4", "alice"):
        result = train(project, video, "--no-evaluate")
        assert result.returncode == 0, result.stderr
        assert "dvc repro render_sample@alice" in result.stdout
    assert "lipsync add" not in result.stdout, "who was named is there"
    assert "evaluate" not in noted(project)
    assert people(project) == ["ann", "alice"]
    assert noted(project).count("render_sample") == noted(project).count("extract_frames") == 1


def test_an_unfit_video_stops_with_the_reasons_before_the_training(project):
    (project / "mood.txt").write_text("red")
    for video in ("../alice.mp4", "alice"):  # the profile that is there already counts too
        result = train(project, video)
        assert result.returncode == 1
        assert result.stdout.split() == ["face", "width", "90", "px", "come", "closer"]
        last = result.stderr.splitlines()[-1]
        assert last.startswith("lipsync train: alice: the video is not fit to be trained on")
        assert "`lipsync train alice --anyway`" in last
        assert noted(project) == ["extract_frames", "profile"]
    result = train(project, "alice", "--anyway")
    assert result.returncode == 0, result.stderr
    assert sorted(noted(project)) == sorted(ALL)


def test_ctrl_c_stops_in_order(project):
    (project / "mood.txt").write_text("endless")
    process = subprocess.Popen(
        ["lipsync", "train", "../alice.mp4"],
        cwd=project,
        env=environment(NOTES=str(project / "notes")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: "train_motion" in noted(project))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert err.splitlines()[-1] == "lipsync train: stopped; run it again to go on"
    assert "alice  stopped" in out
    assert "2 done" in out, "the profile's part counts"


def test_what_is_wrong_is_one_line_and_nothing_is_written(project, tmp_path):
    before = (project / "params.yaml").read_bytes()
    (tmp_path / "text.mp4").write_text("no video")
    for arguments, said in (
        (["missing.mp4"], "missing.mp4: no such file"),
        (["../text.mp4"], "../text.mp4: "),
        (["../alice.mp4", "--name", "ann"], "name ann: is taken"),
        (["../alice.mp4", "--preset", "huge"], "preset huge: there is none; there are: quick"),
    ):
        result = train(project, *arguments)
        assert result.returncode == 1
        assert result.stderr.startswith(f"lipsync train: {said}")
        assert result.stderr.count("\n") == 1
    assert (project / "params.yaml").read_bytes() == before
    assert noted(project) == []
    assert list((project / "data/videos").iterdir()) == [project / "data/videos/ann.mp4"]
    result = train(tmp_path, "alice.mp4")
    assert result.stderr.startswith("lipsync train: ")
    assert "params.yaml: no such file" in result.stderr


def test_options_of_somebody_who_is_there_have_to_be_theirs(project):
    must(project, "lipsync", "add", "../alice.mp4")
    for arguments, said in (
        (["--no-base"], "--base: alice is in params.yaml already, with another people.alice.base"),
        (["--preset", "max"], "--preset: alice is in params.yaml already, with another people"),
        (["--name", "bob"], "--name bob: the video is that of alice already; leave out --name"),
    ):
        result = train(project, "../alice.mp4", *arguments)
        assert result.returncode == 1
        assert said in result.stderr.splitlines()[-1]
    assert noted(project) == []
    change_params(project, lambda values: values["people"]["alice"].update(base=False))
    result = train(project, "../alice.mp4", "--no-base", "--name", "alice", "--no-evaluate")
    assert result.returncode == 0, result.stderr


def test_a_pipeline_without_these_stages_is_told(root, project):
    text = PIPELINE.replace("profile:", "report:")
    (project / "dvc.yaml").write_text(text)
    result = train(project, "ann")
    assert result.returncode == 1
    assert "dvc.yaml: no stage profile@ann in there" in result.stderr


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_of_one_person_is_all_of_it_but_the_crops_size(root, tmp_path, name):
    path = Path(shutil.copy(root / "params.yaml", tmp_path))
    values = for_one_person(name)
    change_params(tmp_path, lambda params: params["people"]["speaker"].update(values))
    params = load_params(path)
    speaker = params.for_person("speaker")
    assert values.keys() == PRESETS[name].values.keys() - {"crop"}
    assert speaker.dump("epochs") == PRESETS[name].values["epochs"]
    assert speaker[GeneratorParams].exemplars == PRESETS[name].values["generator"]["exemplars"]
    assert params.shared().dump("crop") == speaker.dump("crop")
    with pytest.raises(LipsyncError, match="preset none: there is none; there are: quick, "):
        for_one_person("none")


def test_steps_up_to_a_stage():
    steps = [
        Step(name, name, "p", frozenset(after.split()), stale=True)
        for name, after in (("a", ""), ("b", "a"), ("c", "a"), ("d", "b"), ("e", "c d"))
    ]
    assert [step.name for step in up_to(steps, ["d"])] == ["a", "b", "d"]
    assert [step.name for step in up_to(steps, ["c", "b"])] == ["a", "b", "c"]
    with pytest.raises(LipsyncError, match="no stage x in there"):
        up_to(steps, ["x"])


def test_a_damaged_profile_is_told(tmp_path):
    path = tmp_path / "metrics/ann/profile.json"
    with pytest.raises(LipsyncError, match=r"profile\.json: cannot be read"):
        read_profile(tmp_path, "ann")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"verdict": "green"}))
    with pytest.raises(LipsyncError, match="run `dvc repro`"):
        read_profile(tmp_path, "ann")
