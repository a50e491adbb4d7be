"""Videos become people: all of one, or nothing."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lipsync.errors import LipsyncError
from lipsync.media.params import FramesParams
from lipsync.params import load_params
from lipsync.people import adding
from lipsync.people.adding import add_people
from lipsync.people.sources import Source, read_sources
from lipsync.speech.params import SpeechParams
from tests.media.files import voice, write_file
from tests.people.conftest import files
from tests.project import commit, must


def add(project: Path, *sources: Source, **options) -> list[adding.Outcome]:
    return list(add_people(sources, project, **options))


def people(project: Path) -> list[str]:
    return load_params(project / "params.yaml").people


def test_a_video_is_copied_tracked_and_named(project, film, tmp_path):
    before = (project / "params.yaml").read_text()
    video = film(tmp_path / "raw/Anna K.MP4", 2)
    (outcome,) = add(project, Source(video, encoder="ave"))
    assert (outcome.person, outcome.problem) == ("anna_k", "")
    assert (project / "data/videos/anna_k.mp4").read_bytes() == video.read_bytes()
    params = load_params(project / "params.yaml")
    assert params.people == ["sample", "anna_k"]
    assert params.for_person("anna_k").video == Path("data/videos/anna_k.mp4")
    assert params.for_person("anna_k")[SpeechParams].encoder == "ave"
    assert params.for_person("sample")[SpeechParams].encoder == "mel"
    lines = (project / "params.yaml").read_text().splitlines()
    added = ["  anna_k:", "    video: data/videos/anna_k.mp4", "    speech:", "      encoder: ave"]
    assert [line for line in lines if line not in added] == before.splitlines()
    status = must(project, "git", "status", "--short", "-uall").splitlines()
    assert status == [" M params.yaml", "?? data/videos/anna_k.mp4.dvc"]


def test_dvc_pushes_what_was_added(project, film, tmp_path):
    """DVC looks for .dvc files where git ignores most: not with every pattern in .gitignore."""
    video = film(tmp_path / "anna.mp4", 2)
    add(project, Source(video))
    commit(project, "anna")
    must(project, "dvc", "remote", "add", "-q", "-d", "there", str(tmp_path / "remote"))
    said = must(project, "dvc", "push")
    md5 = hashlib.md5(video.read_bytes()).hexdigest()
    assert (tmp_path / "remote/files/md5" / md5[:2] / md5[2:]).is_file(), said


def test_a_gitignore_that_hides_the_record_from_dvc_is_an_error(project, film, tmp_path):
    ignored = project / ".gitignore"
    ignored.write_text(ignored.read_text().replace("/data/?*", "/data/*"))
    before = files(project)
    (outcome,) = add(project, Source(film(tmp_path / "anna.mp4", 2)))
    assert ".gitignore hides its folder" in outcome.problem
    assert files(project) == before


def test_a_link_shares_the_caches_copy_and_leaves_the_original_alone(project, film, tmp_path):
    video = film(tmp_path / "anna.mp4", 2)
    (outcome,) = add(project, Source(video), link=True)
    assert outcome.person == "anna"
    md5 = hashlib.md5(video.read_bytes()).hexdigest()
    cached = project / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    placed = project / "data/videos/anna.mp4"
    assert placed.read_bytes() == video.read_bytes()
    if placed.samefile(cached):  # else the file system shares blocks between files
        assert not os.stat(placed).st_mode & 0o222, "who wrote to it would spoil the cache"
    assert not video.samefile(cached)
    assert os.stat(video).st_mode & 0o200
    shutil.rmtree(project / ".dvc")
    with pytest.raises(LipsyncError, match="this is no DVC project"):
        add(project, Source(video), link=True)


def test_a_batch_goes_on_past_what_is_bad_and_says_why(project, film, tmp_path):
    folder = tmp_path / "raw"
    for number, name in enumerate(["anna", "bert", "carl", "dora", "emil"], start=2):
        film(folder / f"{name}.mp4", number)
    film(folder / "mute.mp4", 9, sound=False)
    shutil.copy(folder / "anna.mp4", folder / "twin.mp4")
    (folder / "corrupt.mp4").write_bytes((folder / "emil.mp4").read_bytes()[:600])
    lines = [
        "anna.mp4", "twin.mp4", "corrupt.mp4 x", "missing.mp4 y", "mute.mp4", "bert.mp4 anna",
        "carl.mp4 Carl", "dora.mp4", "emil.mp4 videos", "emil.mp4 emil",
    ]  # fmt: skip
    (folder / "list.txt").write_text("\n".join(lines))
    outcomes = add(project, *read_sources([folder / "list.txt"]))
    said = [
        "", "same content as anna", "not readable as video", "no such file", "has no audio track",
        "name anna: is taken, by", "name Carl: not a usable", "", "name videos: is reserved", "",
    ]  # fmt: skip
    for outcome, words in zip(outcomes, said, strict=True):
        assert words in outcome.problem
        assert bool(outcome.problem) == bool(words)
    assert [outcome.failed for outcome in outcomes].count(True) == 6  # the twin is no failure
    assert people(project) == ["sample", "anna", "dora", "emil"]
    placed = sorted(path.name for path in (project / "data/videos").glob("*.mp4"))
    assert placed == ["anna.mp4", "dora.mp4", "emil.mp4", "sample.mp4"]
    table = adding.report(outcomes).splitlines()
    assert len(table) == 11
    assert table[2].endswith("skipped: same content as anna (data/videos/anna.mp4)")
    assert table[6].endswith(f"({folder / 'list.txt'} line 6)")


def test_the_same_content_is_known_under_any_name(project, film, tmp_path):
    video = film(tmp_path / "anna.mp4", 2)
    add(project, Source(video))
    before = files(project)
    shutil.copy(video, tmp_path / "other.mp4")
    (outcome,) = add(project, Source(tmp_path / "other.mp4", name="other"))
    assert outcome.known
    assert not outcome.failed
    assert files(project) == before
    (project / "data/videos/anna.mp4").unlink()  # as in a clone before `dvc pull`
    (outcome,) = add(project, Source(tmp_path / "other.mp4", name="other"))
    assert outcome.known
    longer = tmp_path / "longer.mp4"
    longer.write_bytes(video.read_bytes() + b"\0")
    (outcome,) = add(project, Source(longer))
    assert outcome.person == "longer"


def test_the_same_video_can_be_two_people_who_share_the_file(project, film, tmp_path):
    video = film(tmp_path / "anna.mp4", 2)
    source = Source(video, name="anna_hears", encoder="hubert")
    added = add(project, Source(video), source, again=True)
    assert [outcome.person for outcome in added] == ["anna", "anna_hears"]
    params = load_params(project / "params.yaml")
    assert params.for_person("anna_hears").video == Path("data/videos/anna.mp4")
    assert not (project / "data/videos/anna_hears.mp4").exists()


def test_a_video_that_lies_there_already_is_used_in_place(project, film):
    film(project / "data/videos/Anna K.mp4", 2)
    (outcome,) = add(project, Source(project / "data/videos/Anna K.mp4"))
    assert outcome.person == "anna_k"
    video = load_params(project / "params.yaml").for_person("anna_k").video
    assert video == Path("data/videos/Anna K.mp4")
    assert (project / "data/videos/Anna K.mp4.dvc").is_file()
    assert not (project / "data/videos/anna_k.mp4").exists()


def test_another_video_of_the_same_name_is_not_written_over(project, film, tmp_path):
    there = film(project / "data/videos/anna.mp4", 3).read_bytes()
    (outcome,) = add(project, Source(film(tmp_path / "anna.mp4", 2)))
    assert "data/videos/anna.mp4: is there, of another video" in outcome.problem
    assert (project / "data/videos/anna.mp4").read_bytes() == there
    assert people(project) == ["sample"]


def test_nothing_stays_of_a_person_that_dvc_did_not_take(project, film, tmp_path):
    before = files(project)
    (project / ".dvc/cache").write_text("in the way of the cache")
    (outcome,) = add(project, Source(film(tmp_path / "anna.mp4", 2)))
    assert "data/videos/anna.mp4: `dvc add` failed: " in outcome.problem
    assert files(project) == before
    (project / ".dvc/cache").unlink()
    assert add(project, Source(tmp_path / "anna.mp4"))[0].person == "anna"


def test_nothing_stays_of_a_person_after_ctrl_c(project, film, tmp_path, monkeypatch):
    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    before = files(project)
    monkeypatch.setattr(adding, "with_entry", interrupted)
    with pytest.raises(KeyboardInterrupt):
        add(project, Source(film(tmp_path / "anna.mp4", 2)))
    assert files(project) == before


def test_without_dvc_the_video_is_copied_and_named(project, film, tmp_path):
    shutil.rmtree(project / ".dvc")
    (outcome,) = add(project, Source(film(tmp_path / "anna.mp4", 2)))
    assert outcome.person == "anna"
    assert not (project / "data/videos/anna.mp4.dvc").exists()
    assert people(project) == ["sample", "anna"]


def test_a_run_at_work_is_not_disturbed(project, film, tmp_path):
    rwlock = project / ".dvc/tmp/rwlock"
    rwlock.parent.mkdir()
    running = [sys.executable, "-c", "import time; time.sleep(60)", "repro"]
    with subprocess.Popen(running) as process:
        by = {"pid": process.pid, "cmd": "dvc repro"}
        rwlock.write_text(json.dumps({"write": {"data/sample/frames.mp4": by}}))
        with pytest.raises(LipsyncError, match="is being written by `dvc repro`"):
            add(project, Source(film(tmp_path / "anna.mp4", 2)))
        process.kill()
    assert people(project) == ["sample"]


def test_a_real_clip(project, clips):
    (outcome,) = add(project, *read_sources([clips / "close_up_5s.mp4"], name="close"))
    assert outcome.person == "close"
    (outcome,) = add(project, *read_sources([clips / "speech_a.wav"]))
    assert "has no video track" in outcome.problem


def test_the_command_ends_with_a_table_and_an_exit_code(project, film, tmp_path):
    film(tmp_path / "raw/anna.mp4", 2)
    (tmp_path / "raw/bad.mp4").write_text("no video")
    call = [sys.executable, "-c", "from lipsync.cli import app; app()", "add", "../raw"]
    done = subprocess.run(call, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert [line.split()[:2] for line in done.stdout.splitlines()[:3]] == [
        ["file", "person"], ["anna.mp4", "anna"], ["bad.mp4", "-"],
    ]  # fmt: skip
    # a slow machine says how far it is before
    assert done.stderr.splitlines()[-1] == "lipsync add: 1 of 2 failed; see above"


def test_an_audio_track_is_written_for_the_person_and_checked(project, film, tmp_path):
    video = film(tmp_path / "Dora.mp4", 4)
    (refused,) = add(project, Source(video, name="dora", audio_track=1))
    assert "audio_track: 1: legal values: auto, or 0 to 0" in refused.problem
    add(project, Source(video, name="dora", audio_track=0))
    params = load_params(project / "params.yaml")
    assert params.for_person("dora")[FramesParams].audio_track == 0
    assert params.for_person("sample")[FramesParams].audio_track == "auto"


def test_a_video_that_is_too_short_is_refused_already(project, tmp_path):
    """By what is there, not by what its header says: a part of 2.4 s, two parts joined, a cut."""
    short = write_file(tmp_path / "fay.ts", count=60)
    joined, cut = tmp_path / "gil.ts", tmp_path / "hal.mkv"
    joined.write_bytes(2 * short.read_bytes())
    whole = write_file(tmp_path / "whole.mkv", count=250)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 8])
    outcomes = add(project, *map(Source, (short, joined, cut)))
    said = "is too short; give at least 3 s, better 2 to 4 minutes"
    assert outcomes[0].problem == f"{short}: 2.4 s {said}"
    assert outcomes[1].person == "gil"
    assert outcomes[2].problem.endswith(said)


def test_everybodys_audio_track_is_the_one_that_is_checked(project, tmp_path):
    two = write_file(tmp_path / "ivy.mkv", count=75, sounds=[voice(3), voice(3)])
    text = (project / "params.yaml").read_text()
    assert "audio_track: auto" in text
    (project / "params.yaml").write_text(text.replace("audio_track: auto", "audio_track: 2"))
    (refused,) = add(project, Source(two))
    assert "frames.audio_track: 2: legal values: auto, or 0 to 1" in refused.problem


def test_a_codec_that_is_not_known_is_refused_already(project, tmp_path):
    video = write_file(tmp_path / "eve.mov", count=75, audio="pcm_s16le")
    video.write_bytes(video.read_bytes().replace(b"sowt", b"apac"))
    (refused,) = add(project, Source(video))
    assert "its audio is in a codec that is not known here" in refused.problem
    assert not (project / "data/videos/eve.mov").exists()
