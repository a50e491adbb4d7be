"""The queue: one rendering at a time, places, cancelling, errors; and what stays loaded."""

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.media.audio import write_wav
from lipsync.media.video import probe
from lipsync.rendering.options import make_options
from lipsync.ui import jobs
from lipsync.ui.jobs import Job, RenderQueue
from lipsync.ui.models import LoadedAvatars
from lipsync.ui.speak_view import job_card
from lipsync.ui.uploads import Upload
from tests.tiny_avatar import FPS
from tests.ui.conftest import wait_until, write_tone

FAST = make_options(preset="ultrafast")


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path]:
    for name in ("jobs", "results"):
        (tmp_path / name).mkdir()
    return tmp_path / "jobs", tmp_path / "results"


@pytest.fixture
def upload(tmp_path) -> Upload:
    path = write_tone(tmp_path / "speech.wav", 1.02)
    return Upload(path, "my speech.wav", 1.02, path)


@pytest.fixture
def long(tmp_path) -> Upload:
    path = write_tone(tmp_path / "long.wav", 600)
    return Upload(path, "long.wav", 600, path)


def test_a_video_is_made_and_nothing_else_is_left(folders, tiny_folder, upload):
    with RenderQueue(*folders, LoadedAvatars()) as queue:
        job = queue.submit("me", tiny_folder, upload, FAST)
        upload.path.unlink()  # the job has its own
        wait_until(lambda: job.over)
    assert (job.state, job.error) == ("done", "")
    assert job.done == job.total == job.rendered.pictures == probe(job.video).frames == 26
    assert job.video.parent.parent == folders[1]
    assert len(job.video.parent.name) == 32
    assert job.video.name == "tiny.mp4"
    assert list(folders[0].iterdir()) == []
    card = job_card(job, 0)
    assert "26 frames, 1.0 s" in card


def test_one_runs_the_others_see_their_place_and_cancel_stops_at_once(
    folders, tiny_folder, upload, long
):
    with RenderQueue(*folders, LoadedAvatars()) as queue:
        running = queue.submit("a", tiny_folder, long, FAST)
        wait_until(lambda: running.done > 3)
        second = queue.submit("b", tiny_folder, long, FAST)
        third = queue.submit("c", tiny_folder, upload, FAST)
        assert (queue.ahead(running), queue.ahead(second), queue.ahead(third)) == (0, 1, 2)
        assert "2 videos are before yours" in job_card(third, queue.ahead(third))
        card = job_card(running, 0)
        assert f"of {600 * FPS} frames" in card
        assert running.rate > 0
        assert running.left == pytest.approx((running.total - running.done) / running.rate, rel=0.5)
        with pytest.raises(LipsyncError, match="one video at a time"):
            queue.submit("c", tiny_folder, upload, FAST)
        queue.cancel("b")
        assert second.state == "cancelled"
        assert queue.ahead(third) == 1
        queue.cancel("a")
        queue.cancel("nobody")
        wait_until(lambda: third.over)
        assert running.state == "cancelled"
        assert running.done < running.total
        assert third.state == "done"
    assert list(folders[1].rglob("*.mp4")) == [third.video]
    assert list(folders[0].iterdir()) == []


def test_closing_ends_what_runs_and_what_waits(folders, tiny_folder, long):
    with RenderQueue(*folders, LoadedAvatars()) as queue:
        made = [queue.submit(str(n), tiny_folder, long, FAST) for n in range(2)]
        wait_until(lambda: made[0].done > 0)
    assert [job.state for job in made] == ["cancelled", "cancelled"]
    assert not list(folders[0].iterdir())
    assert not list(folders[1].iterdir())
    assert "render" not in {thread.name for thread in threading.enumerate()}


def test_errors_are_one_line_and_the_next_one_is_rendered(
    folders, tiny_folder, tmp_path, upload, monkeypatch
):
    silent = tmp_path / "notes.txt"
    silent.write_text("no sound")
    broken = shutil.copytree(tiny_folder, tmp_path / "broken")
    (broken / "motion.onnx").write_bytes(b"x")
    with RenderQueue(*folders, LoadedAvatars()) as queue:
        wrong = queue.submit("a", tiny_folder, Upload(silent, "<notes>.txt", 1, silent), FAST)
        damaged = queue.submit("b", broken, upload, FAST)
        beyond = queue.submit("c", tiny_folder, upload, replace_start(99))
        good = queue.submit("d", tiny_folder, upload, FAST)
        wait_until(lambda: good.over)
        assert (wrong.state, damaged.state, beyond.state, good.state) == (
            *("failed",) * 3,
            "done",
        )
        assert wrong.error.startswith("<notes>.txt: not readable")
        assert "&lt;notes&gt;.txt" in job_card(wrong, 0)
        assert "damaged" in damaged.error
        assert "start_frame: 99" in beyond.error
        monkeypatch.setattr(LoadedAvatars, "renderer", lambda *arguments: 1 / 0)
        defect = queue.submit("e", tiny_folder, upload, FAST)
        wait_until(lambda: defect.over)
        assert "division by zero" in defect.error


def test_what_a_rendering_notices_is_kept_with_the_job(folders, tiny_folder, tmp_path):
    path = tmp_path / "still.wav"
    write_wav(path, np.zeros(8000, np.float32), 16_000)
    still = Upload(path, "my pause.wav", 0.5, path, ("my pause.wav: cut off",))
    with RenderQueue(*folders, LoadedAvatars()) as queue:
        job = queue.submit("me", tiny_folder, still, FAST)
        wait_until(lambda: job.over)
    line = "my pause.wav: nothing is heard in it; the mouth stays closed"
    assert job.noticed == (line,)
    assert job.warnings == ["my pause.wav: cut off", line]
    assert line in job_card(job, 0)


def replace_start(frame):
    return make_options(preset="ultrafast", start_frame=frame)


def test_the_queue_is_not_endless_and_sound_must_be_there(
    folders, tiny_folder, upload, long, monkeypatch
):
    monkeypatch.setattr(jobs, "MOST_WAITING", 2)
    with RenderQueue(*folders, LoadedAvatars()) as queue:
        queue.submit("a", tiny_folder, long, FAST)
        with pytest.raises(LipsyncError, match="upload it again"):
            queue.submit("b", tiny_folder, replace(upload, sound=Path("gone.wav")), FAST)
        queue.submit("b", tiny_folder, long, FAST)
        with pytest.raises(LipsyncError, match="2 videos wait already"):
            queue.submit("c", tiny_folder, upload, FAST)


def test_pictures_a_second_are_of_the_last_seconds(monkeypatch):
    job = Job("a", Path("x"), Upload(Path("s"), "s", 1, Path("s")), FAST, Path("j"))
    now = 0.0
    monkeypatch.setattr(jobs.time, "monotonic", lambda: now)
    job.seen(1, 1000)
    assert job.left is None
    for second in range(1, 11):
        now = float(second)
        job.seen(job.done + (100 if second <= 4 else 10), 1000)
    assert job.rate == 10
    assert job.left == (1000 - 461) / 10
    job.wanted = False
    with pytest.raises(jobs.Cancelled):
        job.seen(500, 1000)


def test_avatars_are_loaded_once_few_of_them_and_again_when_exported_anew(tiny_folder, tmp_path):
    folders = [shutil.copytree(tiny_folder, tmp_path / name) for name in "abc"]
    loaded = LoadedAvatars(most=2)
    first = loaded.renderer(folders[0], FAST)
    other = make_options(mark="synthetic")
    assert loaded.renderer(folders[0], other) is first
    assert first.options == other
    loaded.renderer(folders[1], FAST)
    assert loaded.renderer(folders[0], FAST) is first  # used last, so kept
    loaded.renderer(folders[2], FAST)
    assert len(loaded) == 2
    assert loaded.renderer(folders[0], FAST) is first
    info = json.loads((folders[0] / "avatar.json").read_text())
    (folders[0] / "avatar.json").write_text(json.dumps(info | {"notice": "exported again"}))
    again = loaded.renderer(folders[0], FAST)
    assert again is not first
    assert again.avatar.info.notice == "exported again"
    assert len(loaded) == 2
    with pytest.raises(LipsyncError, match="export the avatar again"):
        loaded.renderer(tmp_path / "nowhere", FAST)
