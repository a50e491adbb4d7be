"""A project as others keep it: a clone with Windows' line ends, a folder of a larger repository, a
submodule, a worktree."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from lipsync.running.graph import read_steps
from lipsync.running.pack import copy_tracked
from lipsync.training.record import REVISIONS, open_recorded
from tests.project import GIT, change_params, commit, must

SYNCNET = "models/shared/sample.safetensors"


def test_a_clone_with_windows_line_ends_has_the_same_bytes(root, tmp_path):
    """What git has and would check out, by core.autocrlf and .gitattributes."""
    source = tmp_path / "source"
    copy_tracked(root, source)
    must(source, "git", "init", "-q", "-b", "main")
    commit(source, "all")
    must(tmp_path, "git", "clone", "-q", "-c", "core.autocrlf=true", "source", "windows")
    there = tmp_path / "windows"
    assert must(there, "git", "status", "--short") == ""
    names = must(there, "git", "ls-files", "-z").split("\0")[:-1]
    differ = [n for n in names if (there / n).read_bytes() != (source / n).read_bytes()]
    assert differ == [] or differ == ["stages/run.cmd"]
    assert b"\r\n" in (there / "stages/run.cmd").read_bytes(), "cmd.exe wants them"
    assert not [n for n in names if n.endswith(".py") and b"\r" in (there / n).read_bytes()]


@pytest.fixture(scope="module")
def project(root, tmp_path_factory) -> Path:
    """The project and the made-up person, who was never run."""
    folder = tmp_path_factory.mktemp("plain") / "project"
    copy_tracked(root, folder, without=("tests/", "docs/"))
    change_params(
        folder,
        lambda values: values["people"].update(sample={"video": "data/videos/sample.mp4"}),
    )
    must(folder, "git", "init", "-q", "-b", "main")
    commit(folder, "start")
    return folder


def in_a_folder(project: Path, place: Path) -> Path:
    """Of a larger git repository with a DVC of its own at the top; the project has one too."""
    must(place, "git", "init", "-q", "-b", "main", "outer")
    must(place / "outer", "dvc", "init", "-q")
    copy_tracked(project, place / "outer/some project")
    commit(place / "outer", "all")
    return place / "outer/some project"


def below_one_dvc(project: Path, place: Path) -> Path:
    """As before, but DVC's root is the larger repository's."""
    folder = in_a_folder(project, place)
    shutil.rmtree(folder / ".dvc")
    commit(folder, "one DVC for all")
    return folder


def as_submodule(project: Path, place: Path) -> Path:
    must(place, "git", "init", "-q", "-b", "main", "outer")
    allow = ("-c", "protocol.file.allow=always")
    must(place / "outer", "git", *allow, "submodule", "add", "-q", str(project), "inner")
    must(place / "outer", *GIT, "commit", "-qm", "inner")
    return place / "outer/inner"


def as_worktree(project: Path, place: Path) -> Path:
    must(place, "git", "clone", "-q", str(project), "main")
    must(place / "main", "git", "worktree", "add", "-q", "-b", "other", "../other")
    return place / "other"


@pytest.mark.parametrize("kind", [in_a_folder, below_one_dvc, as_submodule, as_worktree])
def test_commands_work_wherever_the_project_lies(
    project: Path, tmp_path, monkeypatch, kind: Callable[[Path, Path], Path]
):
    here = kind(project, tmp_path)
    assert "inherit@sample" in must(here, "dvc", "repro", "-s", "inherit@sample")
    shutil.copy(here / "models/shared/base/syncnet.safetensors", here / "models/sample")
    lipsync = ("python", "-c", "from lipsync.cli import app; app()")
    assert f"{SYNCNET}: commit" in must(here, *lipsync, "share", "sample")
    must(here, *lipsync, "add", "data/videos/sample.mp4", "--name", "twin", "--again")
    assert "twin" in must(here, *lipsync, "list")
    must(here, *lipsync, "summary", "speaker")
    commit(here, "shared")
    for options in ([], ["--temp"]):
        must(here, "dvc", "exp", "run", *options, "-s", "-S", "adapter.rank=5", "inherit@sample")
    lock = yaml.safe_load((here / "dvc.lock").read_text())
    assert lock["stages"]["inherit@sample"]["cmd"] == '"stages/run" stages/inherit.py sample'
    monkeypatch.chdir(here)
    steps = {step.name: step for step in read_steps(here, ["sample"])}
    assert not steps["inherit@sample"].stale
    assert steps["train_motion@sample"].after >= {"inherit@sample"}
    size = (here / SYNCNET).stat().st_size
    for revision in REVISIONS:  # a training goes on from what either of them names
        with open_recorded(Path(SYNCNET), revision) as file:
            assert len(file.read()) == size
