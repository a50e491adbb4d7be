"""Stage align_audio as DVC runs it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from lipsync.alignment.offset import LEAD
from lipsync.faces.landmarks import LIPS
from lipsync.media.audio import read_audio, write_wav

RATE, FPS, SECONDS = 16_000, 25, 16
AHEAD = 0.24  # seconds by which the recording's sound comes too early


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Noise whose loudness the lips follow, too late by AHEAD."""
    draw = np.random.default_rng(0)
    level = np.convolve(draw.uniform(0, 1, SECONDS * FPS + 100), np.hanning(7) / 3, "same")
    time = np.arange(SECONDS * RATE) / RATE
    loud = np.interp(time + 2, (np.arange(len(level)) + 0.5) / FPS, level)
    sound = 0.2 * loud**2 * draw.normal(size=len(time))
    write_wav(tmp_path / "data/alice/audio.wav", sound.astype(np.float32))
    seen = (np.arange(SECONDS * FPS) + 0.5) / FPS
    gap = np.interp(seen + 2 - AHEAD + LEAD, (np.arange(len(level)) + 0.5) / FPS, level)
    lips = np.zeros((len(gap), len(LIPS), 2), np.float32)
    lips[:, [LIPS.index(point) for point in (14, 87, 317, 17)], 1] = 20 * gap[:, None]
    lips[:, LIPS.index(291), 0] = 40 - 5 * gap
    seen = np.ones(len(gap), bool)
    seen[100:110], lips[100:105] = False, np.nan
    np.savez(tmp_path / "data/alice/faces.npz", lips=lips, seen=seen)
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


def test_it_warns_and_leaves_the_sound_alone_unless_told(root, project):
    done, offset = run(root, project)
    assert done.stderr.startswith("warning: alice.mp4: the sound is ahead of the picture by 2")
    assert done.stderr.count("\n") == 1
    assert offset["trusted"] is True
    assert offset["applied_ms"] == 0
    assert offset["measured_ms"] == pytest.approx(AHEAD * 1e3, abs=15)
    assert offset["low_ms"] < offset["measured_ms"] < offset["high_ms"]
    data = project / "data/alice"
    assert (data / "speech.wav").read_bytes() == (data / "audio.wav").read_bytes()
    curve = np.genfromtxt(
        project / "metrics/alice/alignment/correlation.csv", delimiter=",", names=True
    )
    best = curve["sound_after_lips_ms"][curve["correlation"].argmax()]
    assert best == pytest.approx((LEAD - AHEAD) * 1e3, abs=15)
    assert (project / "metrics/alice/alignment/correlation.png").stat().st_size > 1000


def test_auto_mends_it(root, project):
    done, offset = run(root, project, audio_offset="auto")
    assert done.stderr == ""
    assert offset["applied_ms"] == offset["measured_ms"]
    data = project / "data/alice"
    before, after = read_audio(data / "audio.wav"), read_audio(data / "speech.wav")
    samples = offset["applied_ms"] * RATE // 1000
    assert len(after) == len(before)
    assert not after[:samples].any()
    np.testing.assert_array_equal(after[samples:], before[:-samples])


def test_faces_that_are_cut_or_gone_are_one_line(root, project):
    faces = project / "data/alice/faces.npz"
    whole = faces.read_bytes()
    for content in (whole[: len(whole) // 2], b""):
        faces.write_bytes(content)
        done = align(root, project)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert done.stderr.startswith("align_audio@alice: data/alice/faces.npz: damaged: ")
        assert done.stderr.endswith("; run `dvc repro`\n")
    faces.unlink()
    wanted = "align_audio@alice: data/alice/faces.npz: no such file; run `dvc repro`\n"
    assert align(root, project).stderr == wanted
