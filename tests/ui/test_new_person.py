"""From a video to a training in the page, without a browser."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml
from safetensors.numpy import save_file

from lipsync.errors import LipsyncError
from lipsync.media.video import VideoWriter
from lipsync.people.adding import overrides
from lipsync.people.sources import Source
from lipsync.presets import PRESETS
from lipsync.ui import new_person as module
from lipsync.ui import runs as runs_module
from lipsync.ui import suitability, video_check
from lipsync.ui.new_person import AS_PROJECT, NewPerson, chosen, last_picture
from lipsync.ui.new_person_view import report_card, situation_card, timeline, training_card
from lipsync.ui.runs import Runs
from lipsync.ui.teleprompter import TEXT
from lipsync.ui.workspace import Workspace
from lipsync.visemes.labels import VISEMES
from lipsync.visemes.maps import load_map
from tests.media.files import voice, write_file
from tests.ui.conftest import wait_until

STAGES = """
stages:
  extract_frames:
    foreach: ${people}
    do: {cmd: x, deps: ["${item.video}"], outs: ["data/${key}/frames.mp4"]}
  export:
    foreach: ${people}
    do: {cmd: x, deps: ["data/${key}/frames.mp4"], outs: ["models/${key}/avatar"]}
"""
RUN = """
import signal, sys, time
signals = []
signal.signal(signal.SIGINT, lambda *a: signals.append(a))
print("at work", flush=True)
while not signals:
    time.sleep(0.02)
sys.exit(130)
"""
FINDINGS = {"warnings": [], "unfit": ""}
FIGURES = {"verdict": "amber", "values": {"coverage": 1.0}, "figures": [], "timeline": {}}


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    monkeypatch.delenv("LIPSYNC_SCRATCH", raising=False)
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "dvc.yaml").write_text(STAGES)
    (folder / "params.yaml").write_text("epochs: 1\nseed: 1\npeople:\n  bob: {video: b.mp4}\n")
    return folder


@pytest.fixture
def uploads(tmp_path) -> Path:
    (tmp_path / "uploads").mkdir()
    return tmp_path / "uploads"


def page(project: Path, uploads: Path) -> NewPerson:
    """Of a server that has just been started."""
    runs = Runs(project)
    runs.restore()
    return NewPerson(project, runs, uploads, 1_000_000)


@pytest.fixture
def new(project, uploads):
    made = page(project, uploads)
    yield made
    made.close()


@pytest.fixture
def judged(monkeypatch):
    """Every video is found fit at once."""

    def begin(self, state):
        (self.folder / "profile.json").write_text(json.dumps(FIGURES))
        (self.folder / "findings.json").write_text(json.dumps(FINDINGS))
        (self.folder / "profile.png").write_bytes(b"x")

    monkeypatch.setattr(NewPerson, "_begin_check", begin)


@pytest.fixture
def fake_run(monkeypatch):
    """`lipsync run` that waits for SIGINT; what was asked for."""
    begun = []

    def command(*words):
        begun.append(words)
        return [sys.executable, "-c", RUN]

    monkeypatch.setattr(runs_module, "lipsync", command)
    return begun


def film(path: Path, level: int = 90) -> Path:
    sound = (np.random.default_rng(level).normal(0, 0.1, 16_000).astype(np.float32), 16_000)
    with VideoWriter(path, 320, 240, 25, sound=sound) as writer:
        for number in range(25):
            writer.write(np.full((240, 320, 3), level + number % 2, np.uint8))
    return path


def end(new: NewPerson) -> None:
    new.cancel()
    wait_until(lambda: not new.runs.current.alive)


def test_what_is_no_upload_or_no_video_is_a_line(new, project, uploads, tmp_path):
    for path, words in (
        (film(tmp_path / "elsewhere.mp4"), "not there any more"),
        (uploads / "gone.mp4", "not there any more"),
        (shutil.copy(__file__, uploads / "notes.txt"), "notes.txt: not a video; known are .3g2,"),
    ):
        with pytest.raises(LipsyncError, match=words):
            new.take(path)
    new._max = 100
    with pytest.raises(LipsyncError, match=r"a.mp4: .* at most 0.0001 MB can be uploaded"):
        new.take(film(uploads / "a.mp4"))
    assert new.look().phase == "none"
    (project / "dvc.yaml").unlink()
    with pytest.raises(LipsyncError, match="no pipeline in this folder"):
        new.take(uploads / "a.mp4")


def test_a_full_disk_is_a_line_and_the_upload_stays(new, uploads, monkeypatch, judged):
    def full(source, target):
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    upload = film(uploads / "alice.mp4")
    with monkeypatch.context() as patch:
        patch.setattr(module.shutil, "copyfile", full)
        with pytest.raises(LipsyncError, match=r"^alice.mp4: No space left.*free some space"):
            new.take(upload)
    assert new.look().phase == "none"
    assert [path.name for path in new.folder.iterdir()] == []
    new.take(upload)
    assert new.look().phase == "ready"


@pytest.mark.parametrize("content", [b"no video", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/a\n"])
def test_a_file_that_cannot_be_read_is_refused_under_its_own_name(new, uploads, content):
    (uploads / "my film.mp4").write_bytes(content)
    new.take(uploads / "my film.mp4")
    wait_until(lambda: new.look().phase == "refused")
    why = new.look().why
    assert why.startswith("my film.mp4: not readable as video")
    assert "\n" not in why
    with pytest.raises(LipsyncError, match="no video that could be trained on"):
        new.train("alice", True, AS_PROJECT)
    new.clear()
    assert new.look().phase == "none"


def test_a_video_without_a_face_has_a_report_and_is_not_trained_on(
    new, project, uploads, face_models
):
    shutil.copytree(face_models, project / "models/face")
    sounds = [0 * voice(1), voice(1)]
    new.take(write_file(uploads / "grey.mp4", sounds=sounds))
    assert new.look().phase == "checking"
    assert new.suggested_name() == "grey"
    wait_until(lambda: new.look().phase != "checking", 120)
    now = new.look()
    assert (now.phase, now.why) == ("ready", "")
    with Workspace() as workspace:
        html = situation_card(now, new, workspace)
        assert len(list(workspace.pictures.iterdir())) == 1
    assert "no face was found; nothing can be trained on this video" in html
    line = "grey.mp4: 2 audio tracks; number 1 is used, it has the voice (frames.audio_track)"
    assert f'<p class="ls-warning">{line}</p>' in html
    assert "grey.mp4: 1.0 s is too short; give at least 3 s" in html
    assert str(new.folder) not in html
    assert '<li class="ls-red"><span class="ls-lamp"></span><i>red</i>' in html
    with pytest.raises(LipsyncError, match=r"^grey.mp4: no face was found in it"):
        new.train("alice", True, AS_PROJECT)
    assert "alice" not in (project / "params.yaml").read_text()
    assert new.look().phase == "ready", "nothing is lost"


def intruder(folder: Path, code: str, monkeypatch) -> None:
    """Run code at the beginning of each process that judges an upload."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        f"import os, signal, sys, time\nif 'lipsync.ui.suitability' in sys.orig_argv:\n    {code}\n"
    )
    before = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{before}")


def test_a_codec_that_crashes_costs_one_upload(new, uploads, tmp_path, monkeypatch):
    """The process that judges is killed as a segmentation fault would; the page lives on."""
    intruder(tmp_path / "crash", "os.kill(os.getpid(), signal.SIGSEGV)", monkeypatch)
    new.take(film(uploads / "alice.mp4"))
    wait_until(lambda: new.look().phase == "refused")
    assert new.look().why == "alice.mp4: reading it failed; convert it to mp4 (H.264 and AAC)"
    new.clear()
    assert new.look().phase == "none"


def test_a_video_whose_reading_never_ends_is_given_up(new, uploads, tmp_path, monkeypatch):
    monkeypatch.setattr(video_check, "LOOK_INTERVAL", 0.1)
    monkeypatch.setattr(video_check, "STALLED", 0.3)
    intruder(tmp_path / "slow", "time.sleep(600)", monkeypatch)
    new.take(film(uploads / "alice.mp4"))
    process = new._check._process
    wait_until(lambda: new.look().phase == "refused")
    assert new.look().why.startswith("alice.mp4: takes too long to read")
    assert process.poll() == -signal.SIGKILL


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
def test_the_process_that_judges_has_a_limit_of_memory(tmp_path):
    code = (
        "import resource, sys; from lipsync.ui import suitability as it\n"
        "it.judge = lambda *a: print(resource.getrlimit(resource.RLIMIT_AS)[0], file=sys.stderr)\n"
        "it.main()"
    )
    command = [sys.executable, "-c", code, "a.mp4", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 0 < int(done.stderr) <= suitability.MEMORY


def test_train_decodes_nothing_in_the_servers_process(
    new, project, uploads, judged, fake_run, monkeypatch
):
    new.take(film(uploads / "alice.mp4"))

    def crash(*arguments, **options):
        raise AssertionError("libav opens a stranger's file in the server")

    with monkeypatch.context() as patch:
        patch.setattr("av.open", crash)
        new.train("alice", True, AS_PROJECT)
    wait_until(lambda: "at work" in new.runs.current.tail(5))
    end(new)


def test_what_cannot_be_added_is_said_in_the_report_and_by_train(
    new, project, uploads, judged, monkeypatch
):
    new.take(film(uploads / "alice.mp4"))
    video = new.folder / "video.mp4"
    findings = {"warnings": [f"{video}: cut off"], "unfit": f"{video}: has no <audio>"}
    (new.folder / "findings.json").write_text(json.dumps(findings))
    monkeypatch.setattr("lipsync.ui.new_person_view.report_card", lambda *arguments: "report")
    with Workspace() as workspace:
        html = situation_card(new.look(), new, workspace)
    assert '<p class="ls-warning">alice.mp4: cut off</p>' in html
    assert "alice.mp4: has no &lt;audio&gt;" in html
    with pytest.raises(LipsyncError, match=r"^alice.mp4: has no <audio>$"):
        new.train("alice", True, AS_PROJECT)
    assert "alice" not in (project / "params.yaml").read_text()


def test_a_first_look_is_shown_while_the_rest_is_read(new, uploads, monkeypatch):
    monkeypatch.setattr(NewPerson, "_begin_check", lambda self, state: None)
    new.take(film(uploads / "alice.mp4"))
    light = {"name": "yaw", "label": "head turned aside", "value": 31.0, "unit": "degrees"}
    light |= {"verdict": "amber", "advice": "face the camera"}
    first = {"verdict": "amber", "values": {"coverage": 1}, "figures": [light]}
    first |= {"picture": {"frames": 27}}
    (new.folder / "first_look.json").write_text(json.dumps(first))
    (new.folder / "check.json").write_text('{"done": 30, "total": 120}')
    now = new.look()
    assert (now.phase, now.checked) == ("checking", 0.25)
    with Workspace() as workspace:
        html = situation_card(now, new, workspace)
    assert "Reading all frames of the video: 25%, about " in html
    assert "so far amber: can be trained on; better is possible; seen from 27 frames" in html
    assert "<b>head turned aside</b><span>31°</span>" in html


def test_a_check_that_begins_again_counts_from_its_own_beginning(new, project, uploads):
    """The video lay here for an hour, and an earlier check had read half of it."""
    new.take(film(uploads / "alice.mp4"))
    new.close()
    state = json.loads((new.folder / "state.json").read_text())
    (new.folder / "state.json").write_text(json.dumps(state | {"taken": time.time() - 3600}))
    (new.folder / "check.json").write_text('{"done": 60, "total": 120}')
    (new.folder / "first_look.json").write_text("{}")
    later = page(project, uploads)
    now = later.look()
    later.close()
    assert (now.phase, now.checked, now.first_look) == ("checking", 0, None)
    assert time.time() - 60 < now.check_began <= time.time()
    with Workspace() as workspace:
        assert "left" not in situation_card(now, later, workspace)
        html = situation_card(replace(now, checked=0.5), later, workspace)
    assert re.search(r"50%, about \d+ s left", html)


def test_one_video_at_a_time_whatever_tab_it_comes_from(new, project, uploads, judged):
    new.take(film(uploads / "alice.mp4"))
    second = film(uploads / "carol.mp4", 50)
    with pytest.raises(LipsyncError, match=r"alice.mp4 is here already, .* give carol.mp4 again"):
        new.take(second)
    assert second.exists()
    assert new.look().state.file == "alice.mp4"


@pytest.mark.parametrize(
    ("name", "words"),
    [("bob", "name bob: is taken"), ("Al ice", "name Al ice"), ("", "name"), ("face", "face")],
)
def test_names_that_cannot_be(new, uploads, judged, name, words):
    new.take(film(uploads / "alice.mp4"))
    with pytest.raises(LipsyncError, match=words):
        new.train(name, True, AS_PROJECT)
    assert new.look().phase == "ready"


def test_training_goes_on_when_the_page_ends_and_is_cancelled_and_resumed(
    new, project, uploads, judged, fake_run
):
    new.take(film(uploads / "alice.mp4"))
    new.train("alice", False, "production")
    people = yaml.safe_load((project / "params.yaml").read_text())["people"]
    assert people["alice"].items() >= {"video": "data/videos/alice.mp4", "base": False}.items()
    assert people["alice"]["epochs"] == PRESETS["production"].values["epochs"]
    assert (project / "data/videos/alice.mp4").is_file()
    assert not (new.folder / "video.mp4").exists(), "one copy is enough"
    assert fake_run == [("run", "alice")]
    assert new.look().phase == "training"
    run = new.runs.current
    wait_until(lambda: "at work" in run.tail(5))
    with pytest.raises(LipsyncError, match="alice is being trained"):
        new.clear()

    later = page(project, uploads)  # the server was restarted
    now = later.look()
    assert (now.phase, now.state.person, now.why) == ("training", "alice", "running")
    assert now.left == ("extract_frames", "export")
    with pytest.raises(LipsyncError, match="alice is being trained"):
        later.runs.start("bob", "person")
    assert "checkpoint is written first" in later.cancel()
    assert run.process.wait(timeout=30) == 130
    assert later.look().phase == "stopped"
    assert later.look().why.startswith("stopped; what was trained is kept")
    assert page(project, uploads).look().why.startswith("stopped; what was trained is kept")

    later.resume()
    assert fake_run == [("run", "alice")] * 2
    wait_until(lambda: "at work" in later.runs.current.tail(5))
    end(later)
    with Workspace() as workspace:
        html = training_card(later.look(), later, workspace)
    assert "stopped; what was trained is kept" in html
    assert html.count("<i>to do</i>") == 2
    later.clear()
    assert later.look().phase == "none"
    assert "alice" in (project / "params.yaml").read_text(), "who was added stays"


def test_a_run_that_died_with_the_computer_can_be_resumed(new, project, uploads, judged, fake_run):
    new.take(film(uploads / "alice.mp4"))
    new.train("alice", True, AS_PROJECT)
    os.killpg(new.runs.current.process.pid, signal.SIGKILL)
    new.runs.current.process.wait()
    later = page(project, uploads)
    assert later.look().phase == "stopped"
    assert later.look().why.startswith("ended while no page was open")
    later.resume()
    wait_until(lambda: "at work" in later.runs.current.tail(5))
    end(later)


def test_two_tabs_that_press_train_at_once_start_one_training(new, uploads, judged, fake_run):
    new.take(film(uploads / "alice.mp4"))
    together, got = threading.Barrier(2), []

    def click():
        together.wait()
        try:
            got.append(new.train("alice", True, AS_PROJECT))
        except LipsyncError as error:
            got.append(str(error))

    tabs = [threading.Thread(target=click) for _ in range(2)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    wait_until(lambda: "at work" in new.runs.current.tail(5))
    end(new)
    assert sorted(got, key=str) == [None, "alice is being trained already, by another tab"]
    assert len(fake_run) == 1


def test_a_person_that_cannot_be_added_leaves_the_video(new, project, uploads, judged, monkeypatch):
    new.take(film(uploads / "alice.mp4"))

    def full(addition, folder, repo):
        raise LipsyncError(f"{addition.source.path}: No space left on device; free some space")

    with monkeypatch.context() as patch:
        patch.setattr("lipsync.people.adding._write", full)
        with pytest.raises(LipsyncError, match=r"^alice.mp4: No space left"):
            new.train("alice", True, AS_PROJECT)
    assert new.look().phase == "ready"
    assert (new.folder / "video.mp4").is_file()


def test_who_has_every_stage_is_finished(new, project, uploads, judged, fake_run):
    new.take(film(uploads / "alice.mp4"))
    new.train("alice", True, AS_PROJECT)
    wait_until(lambda: "at work" in new.runs.current.tail(5))
    for out in ("data/alice/frames.mp4", "models/alice/avatar"):
        (project / out).parent.mkdir(parents=True, exist_ok=True)
        (project / out).write_bytes(b"x")
    stages = {f"{stage}@alice": {"cmd": "x"} for stage in ("extract_frames", "export")}
    (project / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
    (project / ".scratch/run").mkdir(parents=True, exist_ok=True)
    told = {"left": 100.4, "updated": time.time(), "people": ["alice"], "pid": os.getpid()}
    told["created"] = psutil.Process().create_time()
    (project / ".scratch/run/time_left.json").write_text(json.dumps(told))
    now = new.look()
    assert now.phase == "training", "it has not ended yet"
    with Workspace() as workspace:
        html = training_card(now, new, workspace)
    assert '<p data-say="2 of 2 stages done">2 of 2 stages done, about 1 min 40 s left</p>' in html
    end(new)
    assert new.look().phase == "finished"
    assert new.look().time_left is None


def test_a_check_that_the_page_took_along_begins_again(new, project, uploads):
    new.take(film(uploads / "alice.mp4"))
    new.close()
    later = page(project, uploads)
    assert later.look().phase == "checking"
    assert later._check.running
    later.close()


def test_a_preset_is_the_persons_own_but_for_what_everybody_shares():
    entry = overrides(Source(Path(), **chosen(True, "max")))
    assert "base" not in entry
    assert "crop" not in entry
    assert entry["generator"] == PRESETS["max"].values["generator"]
    assert overrides(Source(Path(), **chosen(False, AS_PROJECT))) == {"base": False}


def test_the_last_picture_is_that_of_the_newest_checkpoint(tmp_path, monkeypatch):
    monkeypatch.delenv("LIPSYNC_SCRATCH", raising=False)
    assert last_picture(tmp_path, "alice") is None
    folder = tmp_path / ".scratch/train_generator/alice/0123"
    folder.mkdir(parents=True)
    for epoch in (1, 2):
        pictures = {
            f"picture.epoch_{number:05d}.jpg": np.full(5, number, np.uint8)
            for number in range(1, epoch + 1)
        }
        path = folder / f"epoch_{epoch:05d}_step_00000.safetensors"
        save_file({"weight": np.zeros(3, np.float32), **pictures}, path)
        os.utime(path, (epoch, epoch))
    assert last_picture(tmp_path, "alice") == ("epoch_00002.jpg", b"\x02" * 5)
    (folder / "epoch_00003_step_00000.safetensors").write_bytes(b"half")
    assert last_picture(tmp_path, "alice") == ("epoch_00002.jpg", b"\x02" * 5)


def test_the_report_has_a_light_for_each_figure_and_the_shots(tmp_path):
    figure = {"unit": "s", "advice": "record <more>", "label": "duration", "value": 20.0}
    profile = {
        "verdict": "amber",
        "values": {"coverage": 0.9},
        "figures": [
            figure | {"name": "a", "verdict": "green"},
            figure | {"name": "b", "verdict": "amber"},
        ],
        "timeline": {
            "cuts": [50],
            "usable": 0.75,
            "unused_seconds": {"no face": 1.0},
            "unused": [{"reason": "no face", "frames": [25, 50]}],
        },
        "picture": {"frames": 100, "fps": 25.0},
    }
    shots = timeline(profile)
    assert '<rect class="ls-no-face" y="4" height="22" x="250.0" width="250.0">' in shots
    assert '<line x1="500.0"' in shots
    assert "2 shots, 4 s; 75% of the frames usable" in shots
    with Workspace() as workspace:
        html = report_card(profile, tmp_path / "none.png", workspace)
    assert html.index('<li class="ls-amber">') < html.index('<li class="ls-green">')
    assert "record &lt;more&gt;" in html
    assert "<summary>1 figure is green</summary>" in html


def test_the_text_to_read_has_every_viseme_several_times(root):
    espeak = pytest.importorskip("lipsync.sample.espeak")
    pytest.importorskip("espeakng_loader")
    phones = load_map(root / "visemes/maps/en_ipa.json")
    counts = dict.fromkeys(VISEMES, 0)
    for phoneme in espeak.speak(" ".join(TEXT), "en-us").phonemes:
        for viseme in phones.lookup(phoneme.symbol) or ():
            counts[VISEMES[viseme]] += 1
    assert min(counts.values()) >= 5, counts
