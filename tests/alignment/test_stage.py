"""Stage align_audio as DVC runs it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from lipsync.alignment.prediction import BASE
from lipsync.geometry.storage import write_geometry
from lipsync.media.audio import read_audio, write_wav
from tests.alignment.recording import filmed, tiny_base, voice, write_base

RATE, SECONDS = 16_000, 12
AHEAD = 0.24  # seconds by which the recording's audio comes too early


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A person whose lips come too late by AHEAD."""
    base, audio = tiny_base(), voice(SECONDS)
    write_wav(tmp_path / "data/alice/audio.wav", audio)
    write_geometry(tmp_path / "data/alice/geometry.npz", *filmed(base, audio, round(AHEAD * 100)))
    write_base(tmp_path / BASE, base)
    return tmp_path


def run(root: Path, project: Path, **person) -> tuple[subprocess.CompletedProcess, dict]:
    done = align(root, project, **person)
    assert done.returncode == 0, done.stderr
    return done, json.loads((project / "metrics/alice/offset.json").read_text())


def align(root: Path, project: Path, **person) -> subprocess.CompletedProcess:
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["people"] = {"alice": {"video": "alice.mp4"} | person}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    command = [sys.executable, root / "stages/align_audio.py", "alice"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True)


def test_it_corrects_by_default(root, project):
    done, offset = run(root, project)
    assert done.stderr == ""
    assert offset["trusted"] is True
    assert offset["doubt"] == ""
    assert offset["applied_ms"] == offset["measured_ms"] == pytest.approx(AHEAD * 1e3, abs=10)
    assert offset["low_ms"] < offset["measured_ms"] < offset["high_ms"]
    assert offset["as_it_is"] < offset["chance"] < offset["correlation"]
    data = project / "data/alice"
    before, after = read_audio(data / "audio.wav"), read_audio(data / "speech.wav")
    samples = offset["applied_ms"] * RATE // 1000
    assert len(after) == len(before)
    assert not after[:samples].any()
    np.testing.assert_array_equal(after[samples:], before[:-samples])
    curve = np.genfromtxt(
        project / "metrics/alice/alignment/correlation.csv", delimiter=",", names=True
    )
    best = curve["audio_after_lips_ms"][curve["correlation"].argmax()]
    assert best == pytest.approx(-AHEAD * 1e3, abs=10)
    assert (project / "metrics/alice/alignment/correlation.png").stat().st_size > 1000


def test_told_to_leave_it_it_warns(root, project):
    done, offset = run(root, project, audio_offset=0)
    assert done.stderr.startswith("warning: alice.mp4: the audio is ahead of the picture by 2")
    assert done.stderr.count("\n") == 1
    assert offset["applied_ms"] == 0
    data = project / "data/alice"
    assert (data / "speech.wav").read_bytes() == (data / "audio.wav").read_bytes()


def test_a_base_that_is_missing_is_one_line(root, project):
    (project / BASE).unlink()
    done = align(root, project)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr == (
        f"align_audio@alice: {BASE}: no such file; `git checkout models/shared/base` brings it "
        "back\n"
    )


def test_geometry_that_is_cut_or_gone_is_one_line(root, project):
    geometry = project / "data/alice/geometry.npz"
    whole = geometry.read_bytes()
    for content in (whole[: len(whole) // 2], b""):
        geometry.write_bytes(content)
        done = align(root, project)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert done.stderr.startswith("align_audio@alice: data/alice/geometry.npz: damaged: ")
        assert done.stderr.endswith("; run `dvc repro`\n")
    geometry.unlink()
    wanted = "align_audio@alice: data/alice/geometry.npz: no such file; run `dvc repro`\n"
    assert align(root, project).stderr == wanted
