"""Files whose names fold to one, and names that YAML, shells and file systems take amiss."""

import errno
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lipsync.errors import LipsyncError
from lipsync.params import load_params
from lipsync.people.adding import add_people, report
from lipsync.people.sources import Source, read_sources
from tests.people.conftest import files
from tests.project import must

POSIX = pytest.mark.skipif(sys.platform != "linux", reason="file names as Linux has them")


def variants(film, folder: Path, *names: str | bytes) -> None:
    """Files of these names; a few zeros at their ends make them different contents."""
    film(folder / "one.mp4", 2)
    for number, name in enumerate(names):
        target = os.fsencode(folder) + b"/" + os.fsencode(name)
        shutil.copy(os.fsencode(folder / "one.mp4"), target)
        with open(target, "ab") as file:
            file.write(b"\0" * 8 * (number + 1))
    (folder / "one.mp4").unlink()


@POSIX
def test_files_whose_names_fold_to_one_get_two_names_and_it_is_said(project, film, tmp_path):
    raw = tmp_path / "raw"
    zoe = [unicodedata.normalize(form, "zoë.mp4") for form in ("NFC", "NFD")]
    variants(film, raw, "Alice.mp4", "alice.mp4", "alice_2.mp4", "a b.mp4", "a_b.mp4", *zoe)
    (raw / "._Alice.mp4").write_bytes(b"\0\5\x16\7")
    outcomes = list(add_people(read_sources([raw]), project))
    named = {outcome.source.path.name: outcome.person for outcome in outcomes}
    assert named == {
        "Alice.mp4": "alice", "a b.mp4": "a_b", "a_b.mp4": "a_b_2", "alice.mp4": "alice_3",
        "alice_2.mp4": "alice_2", zoe[1]: "zoe", zoe[0]: "zoe_2",
    }  # fmt: skip
    assert f"data/videos/alice_3.mp4 (not alice, which is of {raw / 'Alice.mp4'})" in report(
        outcomes
    )
    before = files(project)
    again = list(add_people(read_sources([raw]), project))
    assert all(outcome.known for outcome in again)
    assert files(project) == before


WORDS = ["null", "yes", "on", "1", "1e3", "0o14", "2024-01-01", "1_000", "true"]


def test_words_that_yaml_reads_as_something_else_are_names(project, film, tmp_path):
    variants(film, tmp_path / "raw", *(f"{word}.mp4" for word in WORDS))
    added = {one.person for one in add_people(read_sources([tmp_path / "raw"]), project)}
    assert added == set(WORDS)
    assert set(load_params(project / "params.yaml").people) == {"sample", *WORDS}
    listed = set(re.findall(r"^extract_frames@(\S+)", must(project, "dvc", "stage", "list"), re.M))
    assert listed == {"sample", *WORDS}, "as DVC reads them"


ODD = ["it's.mp4", 'a"q.mp4', "${x}.mp4", "-dash.mp4", "#hash.mp4", "new\nline.mp4", "*?[a].mp4",
       "l" * 240 + ".mp4", "odd.mp4$x", "blank.mp4 ", b"bad\xff.mp4"]  # fmt: skip


@POSIX
def test_odd_names_become_plain_ones(project, film, tmp_path):
    variants(film, tmp_path / "raw", *ODD)
    sources = [Source(tmp_path / "raw" / os.fsdecode(name)) for name in ODD]
    outcomes = list(add_people(sources, project))
    assert [outcome.problem for outcome in outcomes] == [""] * len(ODD)
    for outcome in outcomes:
        assert outcome.video is not None
        assert re.fullmatch(r"data/videos/[a-z0-9_]{1,64}\.mp4", outcome.video.as_posix())
    assert len(report(outcomes).splitlines()) == len(ODD) + 1


@POSIX
def test_what_cannot_be_a_video_is_one_line(project, film, tmp_path):
    variants(film, project / "data/videos", b"bad\xff.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "broken.mp4").symlink_to("nowhere.mp4")
    paths = [project / "data/videos" / os.fsdecode(b"bad\xff.mp4")]
    paths += [tmp_path / f"{name}.mp4" for name in ("pipe", "empty", "broken")]
    problems = [one.problem for one in add_people([Source(path) for path in paths], project)]
    said = ["its name is not UTF-8", "is no regular file", "is empty", "no such file"]
    for problem, words in zip(problems, said, strict=True):
        assert words in problem.lower() or words in problem
    assert load_params(project / "params.yaml").people == ["sample"]


def test_two_adds_at_once_lose_nothing(project, film, tmp_path):
    """Without a lock both choose one name, or one writes params.yaml over the other's change."""
    folders = [tmp_path / name for name in ("a", "b")]
    for number, folder in enumerate(folders, start=2):
        film(folder / "alice.mp4", number)
    call = [sys.executable, "-c", "from lipsync.cli import app; app()", "add"]

    def add(folder: Path) -> int:
        return subprocess.run([*call, folder], cwd=project, capture_output=True).returncode

    with ThreadPoolExecutor() as pool:
        assert list(pool.map(add, folders)) == [0, 0]
    people = load_params(project / "params.yaml")
    assert people.people == ["sample", "alice", "alice_2"]
    contents = {(project / people.for_person(p).video).read_bytes() for p in people.people[1:]}
    assert contents == {(folder / "alice.mp4").read_bytes() for folder in folders}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_read_only_project_is_one_line_and_stays_as_it_was(project, film, tmp_path):
    video, before = film(tmp_path / "anna.mp4", 2), files(project)
    (project / "data/videos").chmod(0o555)
    (outcome,) = add_people([Source(video)], project)
    (project / "data/videos").chmod(0o755)
    assert "cannot write: Permission denied" in outcome.problem
    assert files(project) == before


def test_a_project_without_git_says_how_to_begin(project, film, tmp_path):
    shutil.rmtree(project / ".git")
    with pytest.raises(LipsyncError, match="is not a git repository; DVC wants one: `git init"):
        list(add_people([Source(film(tmp_path / "anna.mp4", 2))], project))
    assert not (project / "data/videos/anna.mp4").exists()


def test_videos_behind_a_link_are_refused_with_the_way_that_works(project, film, tmp_path):
    shutil.move(project / "data/videos", tmp_path / "large")
    (project / "data/videos").symlink_to(tmp_path / "large")
    (outcome,) = add_people([Source(film(tmp_path / "anna.mp4", 2))], project)
    assert "data/videos: is a link" in outcome.problem
    assert "`dvc cache dir --local" in outcome.problem
    assert not (tmp_path / "large/anna.mp4").exists()


def test_a_damaged_lock_is_named_before_anything_is_done(project, film, tmp_path):
    for content in ("", "<<<<<<< HEAD\nstages: {}\n"):
        (project / "dvc.lock").write_text(content)
        with pytest.raises(
            LipsyncError, match=r"dvc\.lock: damaged; take it from git, or delete it"
        ):
            list(add_people([Source(film(tmp_path / "anna.mp4", 2))], project))


def test_a_full_disk_is_said_of_the_file_that_has_no_room(project, film, tmp_path, monkeypatch):
    def full(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(source), None, str(target))

    before = files(project)
    monkeypatch.setattr(shutil, "copyfile", full)
    (outcome,) = add_people([Source(film(tmp_path / "anna.mp4", 2))], project)
    assert "data/videos/anna.mp4: No space left on device; free some space" in outcome.problem
    assert str(tmp_path / "anna.mp4") not in outcome.problem
    assert files(project) == before
