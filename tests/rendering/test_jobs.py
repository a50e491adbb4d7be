"""Batches, and the command line that runs them."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lipsync.cli import app
from lipsync.errors import LipsyncError
from lipsync.media.audio import write_wav
from lipsync.media.video import probe
from lipsync.rendering.jobs import Job, collect_jobs, report, run_jobs
from lipsync.rendering.options import RenderOptions
from lipsync.rendering.render import Renderer

QUICK = ("--preset", "ultrafast")


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """A folder with three sounds of 0.4, 0.8 and 1.2 s, one of them damaged, and a text."""
    folder = tmp_path / "sounds"
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 19_200).astype(np.float32)
    for name, seconds in (("a", 0.4), ("b", 0.8), ("c", 1.2)):
        write_wav(folder / f"{name}.wav", noise[: round(seconds * 16_000)])
    (folder / "b.wav").write_bytes(b"RIFF of nothing")
    (folder / "notes.md").write_text("not a sound")
    return folder


def test_files_folders_lists_and_manifests_say_what_to_render(sounds: Path, tmp_path: Path):
    out = tmp_path / "out"
    assert collect_jobs([sounds / "a.wav"], tmp_path / "x.mp4") == [
        Job(sounds / "a.wav", tmp_path / "x.mp4")
    ]
    names = [job.output.name for job in collect_jobs([sounds], out)]
    assert names == ["a.mp4", "b.mp4", "c.mp4"]
    text = "# the first\na.wav\n\nc.wav  # and the last\n"
    (sounds / "list.txt").write_text(text, encoding="utf-8-sig")  # as Windows does
    assert collect_jobs([sounds / "list.txt"], out) == [
        Job(sounds / "a.wav", out / "a.mp4"),
        Job(sounds / "c.wav", out / "c.mp4"),
    ]
    manifest = {"videos": [{"audio": "a.wav", "out": "mine/hello.mp4"}, {"audio": "c.wav"}]}
    (sounds / "jobs.json").write_text(json.dumps(manifest))
    assert collect_jobs([sounds / "jobs.json"], out) == [
        Job(sounds / "a.wav", sounds / "mine/hello.mp4"),
        Job(sounds / "c.wav", out / "c.mp4"),
    ]
    assert len(collect_jobs([sounds, sounds / "a.wav"], out)) == 3  # the same once


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('{"videos": 3}', r"videos: input should be a valid list; it should be .*\"audio\""),
        ('{"videos": [{"sound": "a.wav"}]}', r"videos\[0\]\.audio: field required"),
        ("{", "not valid JSON"),
        ('{"videos": []}', "no sound in there"),
        ('{"videos": [{"audio": "a.wav", "out": "a.avi"}]}', "written as .mp4"),
        ('{"videos": [{"audio": "a.wav", "out": "o.mp4"}, {"audio": "c.wav", "out": "o.mp4"}]}',
         "would be written for"),
    ],
)  # fmt: skip
def test_a_wrong_manifest_is_one_line(sounds: Path, tmp_path: Path, content: str, line: str):
    (sounds / "jobs.json").write_text(content)
    with pytest.raises(LipsyncError, match=line) as caught:
        collect_jobs([sounds / "jobs.json"], tmp_path)
    assert "\n" not in str(caught.value)


def test_many_sounds_do_not_fit_into_one_file(sounds: Path, tmp_path: Path):
    with pytest.raises(LipsyncError, match=r"x\.mp4: is one file for 3 sounds"):
        collect_jobs([sounds], tmp_path / "x.mp4")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LipsyncError, match="no sound"):
        collect_jobs([tmp_path / "empty"], tmp_path)


def test_a_relative_manifest_says_where_its_videos_go(sounds: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (sounds / "jobs.json").write_text('{"videos": [{"audio": "a.wav", "out": "mine/a.mp4"}]}')
    wanted = [Job(Path("sounds/a.wav"), Path("sounds/mine/a.mp4"))]
    assert collect_jobs([Path("sounds/jobs.json")], Path("videos")) == wanted
    assert collect_jobs([Path("sounds/jobs.json")], Path("one.mp4")) == wanted


def test_a_sound_is_not_written_over(sounds: Path, tmp_path: Path, monkeypatch):
    (sounds / "film.mp4").write_bytes(b"a video with sound")
    monkeypatch.chdir(sounds)
    with pytest.raises(LipsyncError, match=r"film\.mp4: is one of the sounds"):
        collect_jobs([Path("film.mp4")], Path("."))
    (sounds / "track #1.wav").write_bytes(b"")
    (sounds / "list.txt").write_text("track#1.wav\n")
    assert collect_jobs([sounds / "list.txt"], tmp_path)[0].audio.name == "track#1.wav"


def test_a_defect_in_one_item_does_not_stop_the_others(avatar, sounds: Path, tmp_path, monkeypatch):
    from lipsync.rendering import render as module

    opened = module.open_sound

    def broken(path):
        if Path(path).name == "b.wav":
            raise ValueError("something nobody thought of")
        return opened(path)

    monkeypatch.setattr(module, "open_sound", broken)
    with Renderer(avatar, RenderOptions(preset="ultrafast")) as renderer:
        outcomes = list(run_jobs(renderer, collect_jobs([sounds], tmp_path)))
    assert [bool(outcome.done) for outcome in outcomes] == [True, False, True]
    assert "b.wav: something nobody thought of" in outcomes[1].problem


def test_a_failing_item_does_not_stop_the_others(avatar, sounds: Path, tmp_path: Path):
    with Renderer(avatar, RenderOptions(preset="ultrafast")) as renderer:
        outcomes = list(run_jobs(renderer, collect_jobs([sounds], tmp_path)))
    assert [bool(outcome.done) for outcome in outcomes] == [True, False, True]
    assert "b.wav: not readable" in outcomes[1].problem
    assert probe(tmp_path / "a.mp4").frames == 10
    assert probe(tmp_path / "c.mp4").frames == 30
    assert not (tmp_path / "b.mp4").exists()
    lines = report(outcomes).splitlines()
    assert len(lines) == 4
    assert "1.20" in lines[3]
    assert "not readable" in lines[2]


def run(*arguments: object):
    return CliRunner().invoke(app, ["render", *map(str, arguments)])


def test_the_command_renders_one(folder: Path, sounds: Path, tmp_path: Path):
    out = tmp_path / "hello.mp4"
    result = run(folder, "--audio", sounds / "a.wav", "--out", out, *QUICK)
    assert result.exit_code == 0, result.stderr
    assert "10 pictures, 0.40 s" in result.stdout
    assert probe(out).frames == 10


def test_the_command_renders_many_and_its_exit_code_tells_of_the_failed(
    folder: Path, sounds: Path, tmp_path: Path
):
    out = tmp_path / "videos"
    result = run(folder, "--audio", sounds, "--out", out, *QUICK)
    assert result.exit_code == 1
    assert sorted(path.name for path in out.iterdir()) == ["a.mp4", "c.mp4"]
    assert result.stdout.count("\n") == 4
    assert "1 of 3 failed" in result.stderr
    assert "Traceback" not in result.stderr
    (sounds / "b.wav").unlink()
    assert run(folder, "--audio", sounds, "--out", out, *QUICK).exit_code == 0


def test_every_option_of_the_command_reaches_the_options(
    folder: Path, sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from lipsync.rendering import render as module

    told = []

    class Noted(module.Renderer):
        def __init__(self, avatar, options) -> None:
            told.append(options)
            super().__init__(avatar, RenderOptions(preset="ultrafast"))

    monkeypatch.setattr(module, "Renderer", Noted)
    values = {
        "mode": "core_clips",
        "start_frame": 3,
        "template": Path("t.mp4"),
        "clips": Path("clips"),
        "min_silence": 0.5,
        "crossfade": 0.3,
        "voice": "silero",
        "preset": "faster",
        "crf": 20.5,
        "mark": "AI",
        "seed": 7,
    }
    flags = [part for k, v in values.items() for part in (f"--{k.replace('_', '-')}", str(v))]
    sound = ("--audio", sounds / "a.wav", "--out", tmp_path)
    result = run(folder, *sound, *flags, "--no-loop-back", "--provider", "cpu", "--threads", "1")
    assert result.exit_code == 0, result.stderr
    assert told == [RenderOptions(**values, loop_back=False)]
    assert set(values) | {"loop_back"} == set(RenderOptions.model_fields)  # there are no others


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (("--mode", "fancy"), "mode: 'fancy'"),
        (("--crf", "99"), "crf: 99"),
        (("--provider", "tpu"), "provider: 'tpu': give one of cpu, cuda, coreml"),
        (("--provider", "coreml"), "provider: coreml is not in the ONNX Runtime"),
        (("--start-frame", "99"), "start_frame: 99 is not in the film; give 0 to 11"),
    ],
)
def test_a_wrong_option_is_one_line(folder: Path, sounds: Path, tmp_path: Path, flags, line: str):
    result = run(folder, "--audio", sounds / "a.wav", "--out", tmp_path, *flags)
    assert result.exit_code == 1
    assert line in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_person_is_found_by_name_and_a_stranger_is_told_so(
    folder: Path, sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "tiny").mkdir(parents=True)
    (tmp_path / "models" / "tiny" / "avatar").symlink_to(folder)
    assert run("tiny", "--audio", sounds / "a.wav", "--out", "x.mp4", *QUICK).exit_code == 0
    result = run("bob", "--audio", sounds / "a.wav", "--out", "y.mp4")
    assert result.exit_code == 1
    assert "bob: neither a folder nor a trained person" in result.stderr
    result = run(sounds, "--audio", sounds / "a.wav", "--out", "y.mp4")
    assert "no avatar there (avatar.json is missing)" in result.stderr
