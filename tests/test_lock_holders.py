"""DVC's locks that a killed process left: whose they are and how to remove them, in one line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lipsync.base.share import share_syncnet
from lipsync.errors import LipsyncError
from lipsync.lock_holders import explain, holders, in_one_line
from lipsync.pipeline import writers
from lipsync.running.graph import locked_repo, read_steps
from tests.project import commit, must

HOLD = "import time; time.sleep(60)"
KILLED = """
import os, signal, sys
from dvc.repo import Repo, lock_repo
with lock_repo(Repo(".")):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "in.txt").write_text("in")
    (folder / "params.yaml").write_text("a: 1\n")
    (folder / "dvc.yaml").write_text(
        "stages:\n  copy: {cmd: cp in.txt out.txt, deps: [in.txt], outs: [out.txt]}\n"
    )
    must(folder, "git", "init", "-q", "-b", "main")
    must(folder, "dvc", "init", "-q")
    commit(folder, "start")
    return folder


def note(project: Path, pid: int, command: str, kind: str = "write", age: float = 0.0) -> Path:
    """rwlock as a DVC of this number left it, ``age`` seconds ago."""
    by = {"pid": pid, "cmd": command}
    entry = {str(project / "out.txt"): by if kind == "write" else [by]}
    path = project / ".dvc/tmp/rwlock"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"write": {}, "read": {}} | {kind: entry}))
    os.utime(path, (time.time() - age,) * 2)
    return path


@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_number_that_another_process_has_is_no_owner(project, kind):
    """Number 1 is a container's own process, and always somebody's."""
    path = note(project, 1, "/app/.venv/bin/dvc repro", kind)
    assert not holders(project)[0].lives
    assert writers(project) == {}
    said = explain(project)
    assert said.startswith(
        f"{path}: says that `/app/.venv/bin/dvc repro` (process 1) is at work on "
    )
    assert f"{project / 'out.txt'}, but process 1 is `" in said
    assert said.endswith(f"if no other container or machine works in this folder, `rm {path}`")


def test_the_same_words_begun_later_are_another_run(project):
    with subprocess.Popen([sys.executable, "-c", HOLD, "repro", "-s", "copy"]) as process:
        note(project, process.pid, "dvc repro -s copy")
        assert holders(project)[0].lives
        assert explain(project).endswith("wait until it has ended")
        note(project, process.pid, "dvc repro -s other")
        assert not holders(project)[0].lives
        note(project, process.pid, "dvc repro -s copy", age=3600)
        assert not holders(project)[0].lives
        assert ", begun later: it was killed" in explain(project)
        process.kill()
        process.wait()
        note(project, process.pid, "dvc repro -s copy")
        assert not holders(project)[0].lives
        assert "but there is no such process" in explain(project)


def test_beside_one_that_lives_nobody_is_told_to_remove_the_file(project):
    """The file holds the entries of both."""
    path = note(project, 1, "dvc repro")
    content = json.loads(path.read_text())
    with subprocess.Popen([sys.executable, "-c", HOLD, "repro", "-s", "copy"]) as process:
        content["read"] = {"in.txt": [{"pid": process.pid, "cmd": "dvc repro -s copy"}]}
        path.write_text(json.dumps(content))
        assert [one.lives for one in holders(project)] == [True, False]
        said = explain(project)
        assert said.startswith(f"`dvc repro -s copy` (process {process.pid}) is at work on ")
        assert said.endswith("wait until it has ended")
        assert f"rm {path}" not in said
        process.kill()
        process.wait()
    assert f"`rm {path}`" in explain(project), "now none lives"


@pytest.mark.parametrize(
    "content",
    [
        '{"write": {',
        '{"write": []}',
        '{"write": {"a": {"pid": "x", "cmd": "dvc repro"}}}',
        '{"read": {"a": {"pid": 1, "cmd": "dvc repro"}}}',
        "[]",
    ],
)
def test_a_damaged_rwlock_is_named_with_the_remedy(project, content):
    path = note(project, 1, "dvc repro")
    path.write_text(content)
    assert holders(project) == []
    assert explain(project) == f"{path}: damaged; if no DVC works in this folder, `rm {path}`"
    with pytest.raises(LipsyncError) as caught:
        read_steps(project)
    assert str(caught.value) == explain(project)


def test_a_stage_that_cannot_start_says_whose_lock_it_is(project):
    path = note(project, 1, "dvc repro")
    with pytest.raises(LipsyncError) as caught:
        read_steps(project)
    assert f"`rm {path}`" in str(caught.value)
    assert "\n" not in str(caught.value)
    path.unlink()
    assert [step.stale for step in read_steps(project)] == [True]


def test_the_rwlock_of_a_larger_repository_is_found(project):
    """DVC keeps it in its root, which is above a project without a `.dvc` of its own."""
    inner = project / "inner"
    inner.mkdir()
    with subprocess.Popen([sys.executable, "-c", HOLD, "repro"]) as process:
        note(project, process.pid, "dvc repro")
        assert list(writers(inner)) == [project / "out.txt"]
        process.kill()


def test_a_lock_file_that_was_left_is_waited_for_and_named(project):
    """core.hardlink_lock: the file itself is the lock, and no process's death frees it."""
    must(project, "dvc", "config", "core.hardlink_lock", "true")
    killed = subprocess.run([sys.executable, "-c", KILLED], cwd=project, check=False)
    assert killed.returncode == -signal.SIGKILL
    path = project / ".dvc/tmp/lock"
    code = (
        "from pathlib import Path; from lipsync.running.graph import locked_repo\n"
        "with locked_repo(Path('.')): print('has it')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as waiting:
        assert waiting.stderr is not None
        line = waiting.stderr.readline()
        assert line.startswith(
            f"waiting: {path.resolve()}: DVC's lock was taken 0 minutes ago by a"
        )
        assert line.endswith(f"`rm {path.resolve()}`\n")
        path.unlink()
        out, _ = waiting.communicate(timeout=60)
        assert out == "has it\n"


def test_a_lock_of_a_living_process_names_it(project):
    code = KILLED.replace("os.kill(os.getpid(), signal.SIGKILL)", "print(1, flush=True); input()")
    with subprocess.Popen(
        [sys.executable, "-c", code, "dvc", "push"],
        cwd=project,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        said = in_one_line("Unable to acquire lock. Most likely another DVC process", project)
        assert f"(process {holder.pid}); wait" in said
        assert "dvc push" in said
        holder.kill()


def test_sharing_says_whose_lock_it_is(project, monkeypatch):
    must(project, "dvc", "config", "core.hardlink_lock", "true")
    subprocess.run([sys.executable, "-c", KILLED], cwd=project, check=False)
    (project / "models/alice").mkdir(parents=True)
    (project / "models/alice/syncnet.safetensors").write_text("weights")
    monkeypatch.chdir(project)
    with pytest.raises(LipsyncError, match=r"cannot track it: .*/\.dvc/tmp/lock: DVC's lock was"):
        share_syncnet("alice")


def test_whoever_gets_the_lock_at_once_says_nothing(project, capfd):
    with locked_repo(project) as repo:
        assert Path(repo.root_dir) == project.resolve()
    assert "waiting" not in capfd.readouterr().err
