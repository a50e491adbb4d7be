"""How much browsers' files take together: the oldest go, what is in use stays, or it is refused."""

import os
from collections import namedtuple

import pytest

from lipsync.ui import upload_quota as module
from lipsync.ui.jobs import RenderQueue
from lipsync.ui.models import LoadedAvatars
from lipsync.ui.upload_quota import QuotaExceeded, UploadQuota
from lipsync.ui.uploads import Upload
from lipsync.ui.workspace import Workspace

MB = 1_000_000


@pytest.fixture
def workspace():
    with Workspace() as made:
        yield made


def put(path, size=MB - 10_000, age=0.0):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def test_the_oldest_go_and_no_more_of_them_than_is_needed(workspace):
    oldest = put(workspace.results / "a/video.mp4", age=30)
    second = put(workspace.uploads / "b/sound.wav", age=20)
    third = put(workspace.results / "c/video.mp4", age=10)
    picture = put(workspace.pictures / "d.mp4", 9 * MB, age=99)
    quota = UploadQuota(workspace, MB)
    quota.release(quota.reserve(MB))
    assert oldest.exists(), "three and one are four"
    quota.release(quota.reserve(MB + 50_000))
    assert (oldest.exists(), second.exists(), third.exists()) == (False, True, True)
    assert picture.exists(), "the project's own are not counted"


def test_what_is_on_its_way_is_counted_once_and_stays(workspace):
    quota = UploadQuota(workspace, MB)
    first, second = quota.reserve(MB), quota.reserve(MB)
    part = put(workspace.uploads / "tmp1", age=50)  # as Gradio writes it
    first.left = 0
    third = quota.reserve(MB)
    put(workspace.uploads / "tmp3", age=50)
    third.left = 0
    with pytest.raises(
        QuotaExceeded, match=r"^no room for 1.1 MB: other uploads and waiting videos"
    ):
        quota.reserve(MB + 100_000)
    assert part.exists()
    for sending in (first, second, third):
        quota.release(sending)
    quota.release(quota.reserve(3 * MB))
    assert not part.exists(), "nobody is sending it any more"


def test_the_sound_of_a_job_stays(workspace, tmp_path):
    used = put(workspace.uploads / "a/used.wav", age=50)
    free = put(workspace.uploads / "b/free.wav", age=10)
    queue = RenderQueue(workspace.jobs, workspace.results, LoadedAvatars())  # nobody works
    job = queue.submit("me", tmp_path, Upload(used, "used.wav", 1, used), None)
    quota = UploadQuota(workspace, MB)
    quota.release(quota.reserve(2 * MB))
    assert free.exists(), "a job and its upload take their room once"
    quota.release(quota.reserve(3 * MB))
    assert not free.exists()
    assert job.sound.read_bytes() == b"x" * (MB - 10_000)
    with pytest.raises(QuotaExceeded):
        quota.reserve(3 * MB + 50_000)
    assert job.sound.exists()


def test_empty_files_take_room_too(workspace):
    for number in range(200):
        put(workspace.uploads / f"{number}", 0, age=number)
    quota = UploadQuota(workspace, 250_000)
    quota.release(quota.reserve(500_000))
    assert 100 < len(list(workspace.uploads.iterdir())) < 130


def test_a_disk_that_is_nearly_full_takes_nothing(workspace, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: usage(4 * MB))
    quota = UploadQuota(workspace, MB)
    quota.release(quota.reserve(1))
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: usage(4 * MB - 1))
    with pytest.raises(
        QuotaExceeded, match=r"has 0.00 GB free, and uploads want 0.00 GB; free some"
    ):
        quota.reserve(1)
