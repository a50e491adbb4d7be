"""A stranger's file: where it may lie, how large and how long it may be, what it may be."""

import os
import time
import wave
from pathlib import Path

import pytest

from lipsync.errors import LipsyncError
from lipsync.media.audio import read_audio
from lipsync.media.container import open_input
from lipsync.ui.settings import KEEP
from lipsync.ui.speak_view import sound_card
from lipsync.ui.uploads import check_upload, shown_name
from lipsync.ui.workspace import Workspace, url
from tests.media.files import voice, write_file
from tests.ui.conftest import write_tone

MB = 1_000_000


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "uploads").mkdir()
    return tmp_path / "uploads"


def test_sound_within_the_limits_is_taken(folder):
    path = write_tone(folder / "speech.wav", 1.5)
    taken = check_upload(str(path), folder, MB, 1.5)
    assert (taken.path, taken.name, taken.seconds) == (path, "speech.wav", 1.5)
    assert check_upload(path, folder, MB, 2, "recording").name == "recording"

    assert read_audio(taken.sound, 16_000) == pytest.approx(read_audio(path, 16_000), abs=1e-4)


def test_a_codec_that_crashes_costs_one_upload(folder, tmp_path, monkeypatch):
    """The decoding process is killed as a segmentation fault would; the page lives on."""
    crash = tmp_path / "crash"
    crash.mkdir()
    (crash / "sitecustomize.py").write_text(
        "import os, signal, sys\nif 'lipsync.ui.decoding' in sys.orig_argv:\n"
        "    os.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    path = write_tone(folder / "speech.wav", 1)
    before = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{crash}{os.pathsep}{before}")
    with pytest.raises(LipsyncError, match=r"^speech.wav: decoding it failed") as error:
        check_upload(path, folder, MB, 60)
    assert str(folder) not in str(error.value)
    monkeypatch.setenv("PYTHONPATH", before)
    assert check_upload(path, folder, MB, 60).seconds == 1


def test_what_is_wrong_with_a_file_is_said_under_its_own_name(folder):
    """As `lipsync render` says it; no param that has no effect here is named."""
    two = write_file(folder / "two.mkv", count=50, sounds=[0 * voice(2), voice(2)])
    taken = check_upload(two, folder, MB, 60)
    assert taken.warnings == ("two.mkv: 2 audio tracks; number 1 is used, it has the voice",)
    assert f'<p class="ls-warning">{taken.warnings[0]}</p>' in sound_card(taken)

    damaged = write_file(folder / "damaged.mp4", count=100)
    content = bytearray(damaged.read_bytes())
    for place in range(len(content) // 4, len(content) // 2, 40):
        content[place] ^= 0xFF
    damaged.write_bytes(content)
    (line,) = check_upload(damaged, folder, MB, 60).warnings
    assert line.startswith("damaged.mp4: its audio is damaged in ")
    assert line.endswith("; the rest is used")

    cut = write_file(folder / "cut.mka", video="", sounds=[voice(10)])
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    (line,) = check_upload(cut, folder, MB, 60).warnings
    assert line.startswith("cut.mka: cut off: it ends after ")

    assert check_upload(write_tone(folder / "whole.wav", 1), folder, MB, 60).warnings == ()


def test_too_large_or_too_long_is_refused_before_anything_is_rendered(folder):
    path = write_tone(folder / "speech.wav", 2)
    with pytest.raises(LipsyncError, match=r"^speech.wav: 0 MB; at most 0.02 MB"):
        check_upload(path, folder, 20_000, 60)
    with pytest.raises(LipsyncError, match=r"^speech.wav: longer than 0.03 minutes") as error:
        check_upload(path, folder, MB, 1.8)
    assert str(folder) not in str(error.value)


def test_what_lies_elsewhere_is_not_looked_at(folder, tmp_path):
    outside = write_tone(tmp_path / "private.wav", 1)
    (folder / "link.wav").symlink_to(outside)
    for path in (outside, folder / "link.wav", f"{folder}/../private.wav", folder, "", None):
        with pytest.raises(LipsyncError, match="not there any more"):
            check_upload(path, folder, MB, 60)


def test_no_sound_is_explained_with_the_name_that_its_owner_knows(folder):
    (folder / "notes.txt").write_text("no sound")
    (folder / "cut.wav").write_bytes(write_tone(folder / "whole.wav", 1).read_bytes()[:20])
    with wave.open(str(folder / "empty.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
    for name, why in (
        ("notes.txt", "not an audio or video file"),
        ("cut.wav", r"not an audio or video file that is known here \(Invalid data"),
        ("empty.wav", "its audio is empty"),
    ):
        with pytest.raises(LipsyncError, match=rf"^{name}: {why}") as error:
            check_upload(folder / name, folder, MB, 60)
        assert str(folder) not in str(error.value)
        assert len(str(error.value).splitlines()) == 1


def test_a_playlist_may_not_name_files_of_the_server(folder, tmp_path):
    """libav itself would follow it: that is shown first."""
    secret = write_tone(tmp_path / "secret.wav", 1)
    playlist = folder / "list.mp3"
    playlist.write_text(f"ffconcat version 1.0\nfile {secret.name}\n")
    hls = folder / "list.m3u8"
    hls.write_text(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.0,\n"
        f"{secret}\n#EXT-X-ENDLIST\n"
    )
    for path in (playlist, hls):
        with pytest.raises(LipsyncError, match="not an audio or video file that is known here"):
            check_upload(path, folder, MB, 60)
    (folder / secret.name).write_bytes(secret.read_bytes())
    with open_input(playlist) as container:
        assert container.format.name == "concat"


def test_long_and_odd_names_fit_a_line():
    assert shown_name(Path("a\n<b>\x07.wav")) == "a<b>.wav"
    assert len(shown_name(Path("x" * 300 + ".wav"))) == 60


def test_the_workspace_is_private_swept_and_gone_at_the_end(tmp_path):
    with Workspace(keep=100) as workspace:
        assert workspace.root.stat().st_mode & 0o077 == 0
        old, new = workspace.results / "old.mp4", workspace.results / "new.mp4"
        nested, working = workspace.uploads / "a/b.wav", workspace.jobs / "sound"
        nested.parent.mkdir()
        picture = tmp_path / "sheet.png"
        picture.write_bytes(b"picture")
        copied = workspace.copy(picture)
        for path in (old, new, nested, working):
            path.write_bytes(b"x")
        for path in (old, nested, nested.parent, working, copied):
            os.utime(path, (time.time() - 200,) * 2)
        workspace.sweep(time.time())
        assert not old.exists()
        assert not nested.exists()
        assert new.exists()
        assert working.exists(), "what is being rendered stays"
        assert copied.exists()
        workspace.sweep(time.time() + 101)
        assert not nested.parent.exists()
    assert not workspace.root.exists()
    assert KEEP == 3600


def test_copies_follow_the_projects_pictures(tmp_path):
    picture = tmp_path / "a sheet.png"
    picture.write_bytes(b"one")
    with Workspace() as workspace:
        first = workspace.copy(picture)
        assert first.read_bytes() == b"one"
        assert first == workspace.copy(picture)
        assert "sheet" not in url(first)
        picture.write_bytes(b"another")
        assert workspace.copy(picture).read_bytes() == b"another"
        picture.unlink()
        with pytest.raises(LipsyncError, match="No such file"):
            workspace.copy(picture)
