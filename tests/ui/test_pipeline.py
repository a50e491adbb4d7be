"""dvc.yaml and `dvc status` as states and reasons; who is at work; starting and stopping."""

import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest

from lipsync.errors import LipsyncError
from lipsync.pipeline import (
    Stage,
    read_stages,
    reasons_of,
    stage_states,
    stages_at_work,
    writers,
)
from lipsync.running import command
from lipsync.running.command import reason
from lipsync.telemetry import Telemetry
from lipsync.ui import runs
from lipsync.ui.pipeline_view import pipeline as pipeline_html
from lipsync.ui.runs import Run, Runs
from lipsync.ui.status import Status
from tests.ui.conftest import wait_until

DVC_YAML = """
stages:
  fetch: {cmd: x, outs: [models/face]}
  frames:
    foreach: ${people}
    do: {cmd: x, deps: ["${item.video}"], outs: ["data/${key}/frames.mp4"]}
  faces:
    foreach: ${people}
    do:
      cmd: x
      deps: ["data/${key}/frames.mp4", models/face/a.tflite]
      metrics: [{"metrics/${key}/faces.json": {cache: false}}]
  train_generator:
    foreach: ${people}
    do: {cmd: x, deps: ["metrics/${key}/faces.json"], outs: ["models/${key}/generator"]}
"""

RAN = {"fetch", "frames@alice", "faces@alice", "train_generator@alice"}  # in dvc.lock


@pytest.fixture
def project(tmp_path) -> Path:
    (tmp_path / "dvc.yaml").write_text(DVC_YAML)
    return tmp_path


def test_a_stage_follows_what_it_reads(project):
    stages = read_stages(project)
    assert [stage.name for stage in stages] == ["fetch", "frames", "faces", "train_generator"]
    assert [stage.key("alice") for stage in stages[:2]] == ["fetch", "frames@alice"]
    fresh = stage_states(
        stages, {"frames@bob": [{"changed deps": {"b.mp4": "modified"}}]}, "alice", RAN
    )
    assert [state.state for state in fresh] == ["fresh"] * 4
    status = {"frames@alice": [{"changed deps": {"a.mp4": "modified"}}]}
    states = stage_states(stages, status, "alice", RAN)
    assert [(state.state, state.reasons) for state in states] == [
        ("fresh", ()),
        ("stale", ("a.mp4 changed",)),
        ("follows", ("frames",)),
        ("follows", ("faces",)),
    ]
    states = stage_states(stages, {"fetch": ["changed command"]}, "alice", RAN)
    assert [state.state for state in states] == ["stale", "fresh", "follows", "follows"]


def test_a_stage_that_never_ran_has_not_changed(project):
    """DVC says of it that its dependencies are modified."""
    stages = read_stages(project)
    status = {
        f"{stage}@alice": [{"changed deps": {"a.mp4": "modified"}}]
        for stage in ("frames", "train_generator")
    }
    states = stage_states(stages, status, "alice", {"fetch", "frames@alice"})
    assert [(state.state, state.reasons) for state in states] == [
        ("fresh", ()),
        ("stale", ("a.mp4 changed",)),
        ("follows", ("frames",)),
        ("never", ()),
    ]
    html = pipeline_html(project, ["alice"], stages, Status(status, time.time()), Runs(project))
    assert html.count("<i>not run yet</i>") == 2
    assert '<b title="train_generator">Training: refiner</b>' in html
    assert "3 of 4 stages to run" in html


def test_reasons_say_what_changed_in_few_words():
    entry = [
        {
            "changed deps": {
                "src/lipsync/media": "modified",
                "data/a/speech.npz": "deleted",
                "params.yaml": {"epochs": "modified", "generator": "new"},
            }
        },
        {"changed outs": {"models/a/x": "not in cache", "models/a/y": "not in cache"}},
        "changed command",
    ]
    assert reasons_of(entry) == [
        "src/lipsync/media changed",
        "data/a/speech.npz missing",
        "epochs changed",
        "generator new",
        "changed command",
        "results not in the cache",
    ]
    assert reasons_of([]) == []


def test_no_pipeline_and_a_broken_one(tmp_path):
    assert read_stages(tmp_path) == []
    for text in ("stages: [", "nothing: 1", "[]", "stages: {a: 3}"):
        (tmp_path / "dvc.yaml").write_text(text)
        with pytest.raises(LipsyncError, match="cannot be read as a pipeline"):
            read_stages(tmp_path)


def write_rwlock(project: Path, pid: int) -> None:
    out = str(project / "data/alice/frames.mp4")
    (project / ".dvc/tmp").mkdir(parents=True, exist_ok=True)
    content = {"write": {out: {"pid": pid, "cmd": "dvc repro"}}, "read": {}}
    (project / ".dvc/tmp/rwlock").write_text(json.dumps(content))


def test_dvcs_own_lock_file_tells_who_is_at_work(project, sleeper):
    assert writers(project) == {}
    write_rwlock(project, sleeper.pid)
    writing = writers(project)
    assert list(writing.values()) == [(sleeper.pid, "dvc repro")]
    stages = read_stages(project)
    assert stages_at_work(project, stages, "alice", writing) == {"frames"}
    assert stages_at_work(project, stages, "bob", writing) == set()
    with pytest.raises(LipsyncError, match=rf"DVC is at work .*process {sleeper.pid}: dvc repro"):
        Runs(project).start("alice", "everything")
    html = pipeline_html(project, ["alice"], stages, Status({}, time.time()), Runs(project))
    assert "DVC is at work, not started here" in html
    assert '<li class="ls-running"><span class="ls-dot"></span><b title="frames">frames</b>' in html
    sleeper.kill()
    sleeper.wait()
    assert writers(project) == {}, "a dead one holds nothing"
    (project / ".dvc/tmp/rwlock").write_text("{")
    assert writers(project) == {}


def test_the_password_stays_in_the_page(monkeypatch):
    monkeypatch.setenv("LIPSYNC_PASSWORD", "correct horse")
    environment = command.environment()
    assert "LIPSYNC_PASSWORD" not in environment
    assert environment["PATH"].startswith(str(Path(sys.executable).parent))


STAGE = """
import signal, sys, time
signals = []
signal.signal(signal.SIGINT, lambda *a: signals.append(a))
print("Running stage", sys.argv, flush=True)
while not signals:
    time.sleep(0.02)
time.sleep(0.3)
print("stopped after epoch 3 by", len(signals), "signal", flush=True)
sys.exit(130)
"""


@pytest.fixture
def sleeper():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "repro"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def fake_dvc(project, monkeypatch):
    """A `dvc repro` that runs a stage of its own below a shell, as DVC does."""
    (project / "stages").mkdir()
    script = project / "stages" / "train_generator.py"
    script.write_text(STAGE)
    command = f"{sys.executable} {script} alice; echo ERROR: failed; exit 1"
    monkeypatch.delenv("LIPSYNC_SCRATCH", raising=False)
    monkeypatch.setattr(runs, "dvc", lambda *words: ["sh", "-c", f"trap : INT; {command}"])
    return script


def test_a_run_is_started_watched_and_stopped_with_one_signal_to_its_group(project, fake_dvc):
    own = Runs(project)
    own.start("alice", "generator")
    run = own.current
    try:
        wait_until(lambda: "Running stage" in run.tail(5))
        assert run.outcome() == "running"
        assert os.getpgid(run.process.pid) == run.process.pid != os.getpgid(0)
        assert run.log == project / ".scratch/page/alice.log"
        with pytest.raises(LipsyncError, match="alice is being trained"):
            own.start("bob", "generator")
        with pytest.raises(LipsyncError, match="bob: no training runs"):
            own.stop("bob")
        assert "checkpoint is written first" in own.stop("alice")
        own.stop("alice")  # no second signal
        wait_until(lambda: not run.alive)
        assert "stopped after epoch 3 by 1 signal" in run.tail(5)
        assert run.outcome().startswith("stopped; what was trained is kept")
    finally:
        if run.alive:
            os.killpg(run.process.pid, signal.SIGKILL)
            run.process.wait()


def at_once(what, times=2):
    """Call it from several threads; what each got, errors of people's kind as their text."""
    together, got = threading.Barrier(times), []

    def click():
        together.wait()
        try:
            got.append(what())
        except LipsyncError as error:
            got.append(str(error))

    clicks = [threading.Thread(target=click) for _ in range(times)]
    for thread in clicks:
        thread.start()
    for thread in clicks:
        thread.join()
    return got


def test_two_clicks_start_one_run(project, monkeypatch):
    commands = []

    def slow(folder):
        time.sleep(0.1)  # between seeing that nothing runs and starting
        return read_stages(folder)

    def echo(*words):
        commands.append(words)
        return ["sleep", "60"]

    monkeypatch.setattr(runs, "read_stages", slow)
    monkeypatch.setattr(runs, "dvc", echo)
    own = Runs(project)
    try:
        got = at_once(lambda: own.start("alice", "generator"), 4)
        assert len(commands) == got.count(None) == 1
        assert got.count("alice is being trained; stop that, or wait for it") == 3
    finally:
        os.killpg(own.current.process.pid, signal.SIGKILL)
        own.current.process.wait()


def test_two_clicks_send_one_signal_to_a_training_of_a_terminal(project, monkeypatch):
    sent = []

    class Training:
        pid = 7

        def cmdline(self):
            time.sleep(0.1)  # between seeing that no signal was sent and sending one
            return ["python", "stages/train_generator.py", "alice"]

        def send_signal(self, number):
            sent.append(number)

    training(psutil.Process(), project)
    monkeypatch.setattr(runs, "training_process", lambda telemetry: Training())
    own = Runs(project)
    got = at_once(lambda: own.stop("alice"))
    assert ["stops after this batch" in line for line in got] == [True, True]
    assert sent == [signal.SIGINT]


def test_two_clicks_send_one_signal_to_the_pages_own_run(project, monkeypatch):
    sent = []

    class SlowRun(Run):
        """Takes a while to note that somebody asked."""

        def __setattr__(self, name, value):
            if name == "stopped" and value:
                time.sleep(0.1)
            super().__setattr__(name, value)

    with subprocess.Popen(["sleep", "60"]) as process:
        monkeypatch.setattr(runs.os, "killpg", lambda *words: sent.append(words))
        own = Runs(project, current=SlowRun("alice", "generator", process, project / "log", 0.0))
        at_once(lambda: own.stop("alice"))
        process.kill()
    assert sent == [(process.pid, signal.SIGINT)]


def test_stopping_what_has_just_ended_is_no_error(project, monkeypatch):
    """It ends between the look at it and the signal."""

    def gone(pid, number):
        process.kill()
        process.wait()
        raise ProcessLookupError

    with subprocess.Popen(["sleep", "60"]) as process:
        monkeypatch.setattr(runs.os, "killpg", gone)
        own = Runs(project, current=Run("alice", "generator", process, project / "log", 0.0))
        assert own.stop("alice") == "alice: it has ended meanwhile"
    assert own.current.outcome().startswith("failed"), "nobody stopped it"


def test_what_is_run_is_the_generator_or_every_stage(project, monkeypatch):
    said = []

    def echo(*words):
        said.append(words)
        return ["true"]

    monkeypatch.setattr(runs, "dvc", echo)
    own = Runs(project)
    for what in ("generator", "everything"):
        own.start("alice", what)
        own.current.process.wait()
        assert own.current.outcome() == "finished"
    assert said == [
        ("repro", "train_generator@alice"),
        ("repro", "frames@alice", "faces@alice", "train_generator@alice"),
    ]
    (project / "dvc.yaml").unlink()
    with pytest.raises(LipsyncError, match="no pipeline in this folder"):
        own.start("alice", "generator")


def test_a_failed_run_says_why(tmp_path):
    log = tmp_path / "log"
    log.write_text(
        "Running stage 'crop_faces@alice':\ncrop_faces@alice: landmarks.npz: no face found\n"
        "ERROR: failed to reproduce 'crop_faces@alice': failed to run\n"
    )
    process = subprocess.Popen(["false"])
    process.wait()
    run = Run("alice", "everything", process, log, time.time())
    assert run.outcome() == "failed: crop_faces@alice: landmarks.npz: no face found"
    assert reason("ERROR: Unable to acquire lock.\n\nmore") == "Unable to acquire lock."
    assert reason("") == ""


def training(process: psutil.Process, project: Path) -> Telemetry:
    telemetry = Telemetry(
        "train_generator", "alice", process.pid, platform.node(), process.create_time(), 100,
        epoch=40, step=1, steps=2, rate=123.4, left=75, losses=((1, 2.0, 1.0), (40, 0.5, 0.7)),
        updated=time.time(),
    )  # fmt: skip
    folder = project / ".scratch/train_generator/alice/0123"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "progress.json").write_text(json.dumps(asdict(telemetry)))
    return telemetry


def test_a_training_of_a_terminal_is_shown_and_stopped(project, fake_dvc):
    stage = subprocess.Popen(
        [sys.executable, str(fake_dvc), "alice"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert "Running" in stage.stdout.readline()
        training(psutil.Process(stage.pid), project)
        html = pipeline_html(project, ["alice"], read_stages(project), Status(), Runs(project))
        assert "epoch 40 of 100" in html
        assert "123 samples per second" in html
        assert "1 min 15 s left" in html
        assert "width:40.5%" in html
        assert html.count("<polyline") == 2
        page = Runs(project)
        assert f"process {stage.pid}, not started here" in page.stop("alice")
        page.stop("alice")  # no second signal
        assert "by 1 signal" in stage.stdout.readline()
        assert stage.wait(timeout=60) == 130
        with pytest.raises(LipsyncError, match="no training runs"):
            page.stop("alice")
        html = pipeline_html(project, ["alice"], read_stages(project), Status(), Runs(project))
        assert "<span>interrupted</span><span>just now</span>" in html
    finally:
        stage.kill()
        stage.wait()
        stage.stdout.close()


def test_a_process_that_is_no_training_is_left_alone(project, sleeper):
    training(psutil.Process(sleeper.pid), project)
    with pytest.raises(LipsyncError, match="is not train_generator; left alone"):
        Runs(project).stop("alice")
    assert sleeper.poll() is None


def test_losses_of_an_ended_training_come_from_its_log(project):
    folder = project / "metrics/alice/generator"
    folder.mkdir(parents=True)
    rows = [{"epoch": e, "train/loss": 1 / e, "validation/loss": 2 / e} for e in (1, 2, 3)]
    (folder / "training_log.json").write_text(json.dumps({"history": rows}))
    stages = [Stage("train_generator", True, (), ())]
    html = pipeline_html(project, ["alice"], stages, Status({}, 0), Runs(project))
    assert "held-out loss: 0.6667 after epoch 3, lowest 0.6667" in html
    assert "up to date" in html
