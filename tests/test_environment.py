"""Stages find their Python, and their own code, however DVC was started; make, a moved folder."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.project import commit, must

BARE = "/usr/bin:/bin"  # a PATH without the environment
STAGE = """
import os, sys
import lipsync
open("out.txt", "w").write("\\n".join([sys.executable, lipsync.__file__, *sys.argv[1:]]))
"""


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    """One stage, started as the project's are, in a folder whose name shells have to quote."""
    folder = tmp_path / "Zoë's $HOME (1)"
    (folder / "stages").mkdir(parents=True)
    shutil.copy(root / "stages/run", folder / "stages/run")
    (folder / "stages/work.py").write_text(STAGE)
    (folder / "src/lipsync").mkdir(parents=True)
    (folder / "src/lipsync/__init__.py").touch()
    (folder / "dvc.yaml").write_text(
        "stages:\n  work:\n    cmd: '\"stages/run\" stages/work.py alice'\n    outs: [out.txt]\n"
    )
    must(folder, "git", "init", "-q", "-b", "main")
    must(folder, "dvc", "init", "-q")
    commit(folder, "start")
    return folder


def foreign(folder: Path) -> Path:
    """A folder with a `python` that lacks the pipeline's packages, as a system's own does."""
    folder.mkdir()
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    python.chmod(0o755)
    return folder


def repro(project: Path, *dvc: str, path: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": path, "HOME": str(project.parent), "SHELL": "/bin/sh"}
    return subprocess.run([*dvc, "repro"], cwd=project, env=env, capture_output=True, text=True)


@pytest.mark.parametrize(
    "way", ["activated", "not activated", "another python first", "python -m dvc"]
)
def test_a_stage_runs_where_its_dvc_does_and_with_the_projects_own_code(project, tmp_path, way):
    programs = Path(sys.executable).parent
    dvc, path = [str(programs / "dvc")], BARE
    if way == "activated":
        dvc, path = ["dvc"], f"{programs}{os.pathsep}{BARE}"
    elif way == "another python first":
        path = f"{foreign(tmp_path / 'bin')}{os.pathsep}{BARE}"
    elif way == "python -m dvc":
        dvc = [sys.executable, "-m", "dvc"]
    env_dvc = [shutil.which(dvc[0], path=path) or dvc[0], *dvc[1:]]
    result = repro(project, *env_dvc, path=path)
    assert result.returncode == 0, result.stderr
    python, code, person = (project / "out.txt").read_text().splitlines()
    assert Path(python).parent == programs
    assert Path(code) == project / "src/lipsync/__init__.py"
    assert person == "alice"


def test_without_dvc_above_the_projects_environment_is_found(project):
    (project / ".venv").symlink_to(Path(sys.executable).parents[1])
    done = orphaned(project, BARE)
    assert done.returncode == 0, done.stderr
    assert (project / "out.txt").read_text().splitlines()[-1] == "bob"


def test_no_python_that_fits_is_one_line_that_says_what_to_do(project, tmp_path):
    path = f"{foreign(tmp_path / 'bin')}{os.pathsep}{tmp_path / 'nothing'}"
    done = orphaned(project, f"{path}:{BARE}")
    if done.returncode == 0:
        pytest.skip("this system's own python3 has the pipeline's packages")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("stages/work.py: no Python here has the pipeline's packages")
    assert "`source .venv/bin/activate`" in done.stderr


def orphaned(project: Path, path: str) -> subprocess.CompletedProcess[str]:
    """Start the stage below so many shells that the launcher sees no Python above itself."""
    command = '"stages/run" stages/work.py bob; exit $?'
    for _ in range(4):
        command = f"sh -c {shlex.quote(command)}; exit $?"
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=project,
        env={"PATH": path},
        capture_output=True,
        text=True,
    )


def test_every_stage_is_started_by_the_launcher(root):
    for name in ("dvc.yaml", "visemes/dvc.yaml"):
        for stage, entry in yaml.safe_load((root / name).read_text())["stages"].items():
            command = entry.get("do", entry)["cmd"]
            assert command.startswith('"stages/run" '), f"{name}: {stage}"
            assert (root / command.split()[1]).is_file()
    assert os.access(root / "stages/run", os.X_OK)


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
def test_make_serves_an_environment_that_was_moved_and_a_path_with_spaces(root, tmp_path):
    folder = tmp_path / "Zoë's films"
    (folder / ".venv").mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(root / name, folder / name)
    fresh = must(folder, "make", "-n", "install")
    assert f'"{folder}/.venv/bin/python" -m pip' in fresh
    (folder / ".venv/.installed").write_text(f"{folder}\n")
    assert "Nothing to be done" in must(folder, "make", "-n", "install")
    (folder / ".venv/.installed").write_text("/where/it/was\n")
    assert "venv --clear .venv" in must(folder, "make", "-n", "install")
