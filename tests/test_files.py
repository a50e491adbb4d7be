"""Folders as people have them: hidden files, half downloads, links, odd names."""

import errno
import os
import sys

import av
import pytest

from lipsync.errors import LipsyncError, printable
from lipsync.files import atomic_path, files_in, visible_below
from lipsync.rendering.jobs import collect_jobs
from lipsync.table import table
from lipsync.training.fingerprint import fingerprint
from tests.project import must, shell


def test_hidden_files_are_left_out_without_a_word(tmp_path, capsys):
    for name in ("._alice.mp4", ".hidden.mp4", ".DS_Store", "Thumbs.db", "alice.mp4", "B.MP4"):
        (tmp_path / name).touch()
    (tmp_path / "folder.mp4").mkdir()
    assert [path.name for path in files_in(tmp_path, {".mp4"})] == ["B.MP4", "alice.mp4"]
    assert capsys.readouterr().err == ""
    (tmp_path / ".Trash").mkdir()
    (tmp_path / ".Trash/old.wav").touch()
    below = {path.name for path in visible_below(tmp_path)}
    assert below == {"Thumbs.db", "alice.mp4", "B.MP4", "folder.mp4"}


@pytest.mark.parametrize("end", [".part", ".crdownload", ".aria2", ".download", ".!qB"])
def test_what_is_still_being_downloaded_is_left_out_and_named(tmp_path, capsys, end):
    for name in ("alice.mp4", f"alice.mp4{end}", "bob.mp4", f"carl.mp4{end}"):
        (tmp_path / name).touch()
    assert files_in(tmp_path, {".mp4"}) == [tmp_path / "bob.mp4"]
    said = capsys.readouterr().err
    assert said == (
        f"warning: {tmp_path / 'alice.mp4'}: is still being downloaded, for alice.mp4{end} lies "
        "beside it; it is left out\n"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of POSIX")
def test_links_that_lead_nowhere_and_pipes_are_named(tmp_path, capsys):
    (tmp_path / "broken.wav").symlink_to("nowhere.wav")
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "real.wav").touch()
    (tmp_path / "good.wav").symlink_to("real.wav")
    assert [path.name for path in files_in(tmp_path, {".wav"})] == ["good.wav", "real.wav"]
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[-1] for line in lines] == [
        "a link that leads nowhere; it is left out",
        "a link that leads nowhere; it is left out",
        "no regular file; it is left out",
    ]


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(LipsyncError, match="gone: cannot be read: No such file"):
        files_in(tmp_path / "gone", {".mp4"})


def test_a_name_that_no_terminal_can_show_stays_in_its_line():
    assert printable("a\nb\t\x1b[2J\udcff é 写") == "a\\nb\\t\\x1b[2J\\udcff é 写"
    assert len(table([("new\nline.mp4", "x"), ("a", "y")]).splitlines()) == 2


def test_sounds_of_a_folder_become_videos_but_hidden_ones(tmp_path):
    for name in ("._a.wav", "a.wav", "b.mp3", ".b.mp3.icloud"):
        (tmp_path / name).touch()
    jobs = collect_jobs([tmp_path], tmp_path / "out")
    assert [job.audio.name for job in jobs] == ["a.wav", "b.mp3"]


@pytest.mark.parametrize("names", [("A.wav", "a.wav"), ("e\u0301.wav", "\u00e9.wav")])
def test_sounds_whose_videos_a_mac_takes_for_one_file_are_refused(tmp_path, names):
    sounds = [tmp_path / str(number) / name for number, name in enumerate(names)]
    with pytest.raises(LipsyncError, match="would be written for"):
        collect_jobs(sounds, tmp_path / "out")


JUNK = (".DS_Store", "._model.py", "Thumbs.db", "desktop.ini", "model.py~", ".model.py.swp")


def test_what_systems_and_editors_leave_makes_no_stage_stale(project_copy, monkeypatch):
    """In code, in results, and in the fingerprint by which a training is continued."""
    from lipsync.params import load_params

    project = project_copy()
    monkeypatch.chdir(project)

    def look() -> str:
        return fingerprint("train_syncnet", load_params("params.yaml").for_person("sample"))

    before = look()
    for folder in ("src/lipsync/syncnet", "src/lipsync/faces", "models/sample/inherited", "stages"):
        for name in JUNK:
            (project / folder / name).write_text("left behind")
    assert must(project, "dvc", "status", "--json").splitlines()[-1] == "{}"
    assert look() == before
    assert shell(project, "git", "status", "--short").stdout == ""
    (project / "models/sample/inherited/more.json").touch()
    assert look() != before


def test_what_libav_raises_is_no_full_disk(tmp_path):
    """Whatever code it has: only a disk that is full is told as one."""
    path = tmp_path / "frames.mp4"
    with pytest.raises(av.error.PermissionError), atomic_path(path):
        raise av.error.PermissionError(errno.EPERM, "Operation not permitted")
    full = av.error.OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(LipsyncError, match=r"No space left.*free some space"), atomic_path(path):
        raise full
    assert not list(tmp_path.iterdir())
