"""`dvc status` in the background: when it is asked, and that it is never in a run's way."""

import sys
import threading
from pathlib import Path

import pytest

from lipsync.ui import runs, status
from lipsync.ui.runs import Runs
from lipsync.ui.status import Check, StatusCache
from tests.ui.conftest import wait_until

# Takes DVC's lock as DVC does. `status` holds it until it is interrupted, or killed if it is told
# to be deaf; `repro` gives up at once where it is taken.
FAKE = """
import fcntl, signal, sys, time
from pathlib import Path
# Said in both cases: what was started in the background inherits that it is ignored.
deaf = "deaf" in sys.argv
signal.signal(signal.SIGINT, signal.SIG_IGN if deaf else signal.default_int_handler)
lock = open("lock", "w")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    sys.exit("ERROR: Unable to acquire lock.")
print("Running", flush=True)
Path(sys.argv[1]).write_text("has the lock")
if sys.argv[1] == "status":
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        Path("interrupted").write_text("yes")
while sys.argv[1] == "repro" and Path("hold").exists():
    time.sleep(0.01)
"""


@pytest.fixture
def project(tmp_path) -> Path:
    (tmp_path / "dvc.yaml").write_text(
        "stages: {train_generator: {foreach: [alice], do: {cmd: x}}}\n"
    )
    return tmp_path


def test_status_is_asked_once_in_the_background_until_something_changes(project, monkeypatch):
    asked, busy = [], []
    answers = iter([({}, ""), (None, "locked"), ({"fetch": []}, ""), ({}, "")])

    class Asked:
        stopped = False

        def __init__(self, folder):
            asked.append(folder)

        def answer(self):
            return next(answers)

    monkeypatch.setattr(status, "Check", Asked)
    cache = StatusCache(project, lambda: bool(busy))
    assert cache.look().checking
    wait_until(lambda: not cache.look().checking)
    assert cache.look().stages == {}
    assert len(asked) == 1
    (project / "params.yaml").write_text("epochs: 2\n")
    wait_until(lambda: cache.look().error == "locked")
    assert cache.look().stages == {}, "the last answer is still shown"
    cache.look(again=True)
    wait_until(lambda: cache.look().stages == {"fetch": []})
    assert cache.look().error == ""
    assert len(asked) == 3
    busy.append(True)  # DVC is running a stage and will want its lock
    (project / "src/lipsync").mkdir(parents=True)
    (project / "src/lipsync/a.py").write_text("new code")
    assert not cache.look(again=True).checking
    busy.clear()
    assert cache.look().checking
    wait_until(lambda: not cache.look().checking)
    assert len(asked) == 4


def test_what_dvc_says_is_parsed_or_told_in_a_line(project, monkeypatch):
    for stdout, stderr, code, expected in (
        ('{"a": ["changed command"]}', "", 0, ({"a": ["changed command"]}, "")),
        ("", "hm\nERROR: Unable to lock.\nsee docs", 255, (None, "Unable to lock.")),
        ("", "No module named dvc", 1, (None, "No module named dvc")),
        ("", "", 3, (None, "exit code 3")),
    ):  # fmt: skip
        script = f"import sys; print({stdout!r}); sys.stderr.write({stderr!r}); sys.exit({code})"
        monkeypatch.setattr(status, "dvc", lambda *words, s=script: [sys.executable, "-c", s])
        assert Check(project).answer() == expected
    monkeypatch.setattr(status, "dvc", lambda *words: [sys.executable, "-c", "print('no JSON')"])
    assert Check(project).answer()[1].startswith("no answer")


@pytest.mark.parametrize("deaf", [(), ("deaf",)])
def test_a_run_ends_the_check_first_and_no_check_begins_beside_it(project, monkeypatch, deaf):
    for module in (status, runs):
        monkeypatch.setattr(
            module, "dvc", lambda word, *rest: [sys.executable, "-c", FAKE, word, *deaf]
        )
    monkeypatch.delenv("LIPSYNC_SCRATCH", raising=False)
    monkeypatch.setattr(status, "SIGINT_TIMEOUT", 0.5 if deaf else 30.0)
    own = Runs(project)
    cache = StatusCache(project, lambda: own.current is not None and own.current.alive)
    own.quiet = cache.paused
    assert cache.look().checking
    wait_until((project / "status").exists)
    (project / "hold").write_text("the run goes on while this is here")
    own.start("alice", "generator")
    wait_until(lambda: (project / "repro").exists() or not own.current.alive)
    (project / "status").unlink()
    seen = cache.look(again=True)
    (project / "hold").unlink()
    own.current.process.wait()
    assert own.current.outcome() == "finished", own.current.tail(5)
    assert (project / "interrupted").exists() is not bool(deaf)
    assert not (project / "status").exists(), "asked beside the run"
    assert (seen.checking, seen.error, seen.stages) == (False, "", None)
    assert cache.look().checking, "asked again when the run is over"
    cache.close()


def test_no_check_begins_while_a_run_is_being_started(project, monkeypatch):
    begun = []

    class Asked:
        stopped = False

        def __init__(self, folder):
            begun.append(folder)

        def answer(self):
            return {}, ""

    monkeypatch.setattr(status, "Check", Asked)
    busy = []
    cache = StatusCache(project, lambda: bool(busy))
    with cache.paused():
        looker = threading.Thread(target=cache.look)
        looker.start()
        looker.join(0.2)
        busy.append(True)
    looker.join()
    assert begun == []


def test_a_dvc_that_cannot_be_started_is_a_line(project, monkeypatch):
    monkeypatch.setattr(status, "dvc", lambda *words: [str(project / "nowhere")])
    seen = StatusCache(project, lambda: False).look()
    assert seen.error.startswith("no answer: ")
    assert not seen.checking
