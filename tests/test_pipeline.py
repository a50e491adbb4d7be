"""The whole pipeline through DVC, tiny: what runs, what it leaves, and what a change reruns."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from ruamel.yaml import YAML

from lipsync.media.audio import read_audio
from lipsync.media.label import DIGITAL_SOURCE_TYPE
from lipsync.media.video import VideoWriter, probe, read_frames

SECONDS = 7  # of the sample that are enough to train on and to hold out
STAGES = [
    "extract_frames",
    "detect_landmarks",
    "crop_faces",
    "extract_audio_features",
    "train_syncnet",
    "train_generator",
    "evaluate",
    "export",
    "render_sample",
]


def shell(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of this environment in ``folder``."""
    programs = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "LIPSYNC_SCRATCH": str(folder / ".scratch"),
    }
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def change_params(folder: Path, change) -> None:
    yaml = YAML()
    values = yaml.load(folder / "params.yaml")
    change(values)
    yaml.dump(values, folder / "params.yaml")


def shrink(values: dict) -> None:
    """The project's own params, small."""
    values["epochs"] = 1
    values["split"].update(validation=0.3, gap=1.0)
    values["crop"].update(size=64)
    values["syncnet"].update(epochs=1, channels=8, embedding=16)
    values["generator"].update(channels=[8, 16], speech_channels=16, batch_size=10)
    values["evaluate"].update(shifts=3, shifted_frames=10)
    values["render"].update(preset="ultrafast")


def ran(result: subprocess.CompletedProcess[str]) -> list[str]:
    """Stages of the sample that a repro ran, in order."""
    assert result.returncode == 0, result.stdout + result.stderr
    return re.findall(r"Running stage '(\w+)@sample'", result.stdout)


@pytest.fixture(scope="module")
def project(root: Path, tmp_path_factory: pytest.TempPathFactory, face_models: Path) -> Path:
    """A copy of the project with a short video and tiny params, run once."""
    folder = tmp_path_factory.mktemp("project")
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    skipped = ("tests/", "docs/", "metrics/", "dvc.lock", "data/videos/sample.mp4")
    for name in filter(None, tracked):
        if not name.startswith(skipped) and (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, folder / name)
    shorten(root / "data/videos/sample.mp4", folder / "data/videos/sample.mp4")
    speak_shortly(root / "data/speech/sample.wav", folder / "data/speech/sample.wav")
    change_params(folder, shrink)
    for command in (
        ["git", "init", "-q"],
        ["git", "add", "."],
        ["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "start"],
    ):
        subprocess.run(command, cwd=folder, check=True)
    assert ran(shell(folder, "dvc", "repro")) == STAGES
    return folder


def shorten(source: Path, target: Path) -> None:
    """The first seconds of a video, with sound."""
    sound = read_audio(source, 16000)[16000 : 16000 * (1 + SECONDS)]
    info = probe(source)
    with VideoWriter(
        target, info.width, info.height, info.fps, preset="ultrafast", sound=(sound, 16000)
    ) as writer:
        for i, picture in enumerate(read_frames(source)):
            if i >= info.fps * (1 + SECONDS):
                break
            if i >= info.fps:
                writer.write(picture)


def speak_shortly(source: Path, target: Path) -> None:
    from lipsync.media.audio import write_wav

    write_wav(target, read_audio(source, 16000)[: 2 * 16000 + 123], 16000)


def test_every_person_has_one_number_of_frames(project):
    data = project / "data/sample"
    frames = len(list(read_frames(data / "frames.mp4")))
    assert frames == SECONDS * 25
    counts = {
        "landmarks": len(np.load(data / "landmarks.npz")["points"]),
        "faces": len(np.load(data / "faces.npz")["crops"]),
        "speech": len(np.load(data / "speech.npz")["rows"]),
        "sound": len(read_audio(data / "audio.wav")) // 640,
    }
    assert set(counts.values()) == {frames}


def test_the_rendered_video_lasts_as_long_as_its_speech(project):
    render = project / "data/sample/render.mp4"
    seconds = len(read_audio(project / "data/speech/sample.wav")) / 16000
    assert probe(render).frames == round(seconds * 25)
    with av.open(str(render)) as container:
        assert DIGITAL_SOURCE_TYPE in container.metadata["comment"]


def test_metrics_are_there_and_finite(project):
    evaluation = json.loads((project / "metrics/sample/evaluation.json").read_text())
    export = json.loads((project / "metrics/sample/export.json").read_text())
    assert 5 < evaluation["picture"]["psnr_mask"] < 60
    assert -1 <= evaluation["mouth"]["correlation"] <= 1
    assert 0 <= evaluation["sync"]["top1"] <= 1
    assert export["parity_max_abs"] <= 1e-3
    shown = shell(project, "dvc", "metrics", "show")
    assert "psnr_mask" in shown.stdout


def test_the_summary_names_the_results(project):
    shown = shell(project, "lipsync", "summary")
    assert shown.returncode == 0, shown.stderr
    assert "data/sample/render.mp4" in shown.stdout
    assert "mouth follows the voice" in shown.stdout


def test_an_untouched_tree_reruns_nothing(project):
    result = shell(project, "dvc", "repro")
    assert ran(result) == []
    assert "up to date" in result.stdout


def test_more_epochs_continue_and_rerun_only_what_follows(project):
    change_params(project, lambda values: values.update(epochs=2))
    result = shell(project, "dvc", "repro")
    assert ran(result) == ["train_generator", "evaluate", "export", "render_sample"]
    assert "continues after epoch 1" in result.stdout + result.stderr
    log = json.loads((project / "metrics/sample/generator/training_log.json").read_text())
    assert [row["epoch"] for row in log["history"]] == [1, 2]


def test_another_crop_size_reruns_from_crop_faces(project):
    change_params(project, lambda values: values["crop"].update(size=96))
    assert ran(shell(project, "dvc", "repro", "train_generator@sample")) == [
        "crop_faces",
        "train_syncnet",
        "train_generator",
    ]
    log = json.loads((project / "metrics/sample/generator/training_log.json").read_text())
    assert [row["epoch"] for row in log["history"]] == [1, 2]


@pytest.mark.parametrize("change", [{"video": "data/videos/gone.mp4"}, {"video": "README.md"}])
def test_a_bad_video_is_one_line_and_leaves_nothing(project, change):
    def add(values):
        values["people"]["bob"] = change

    change_params(project, add)
    result = shell(project, sys.executable, "stages/extract_frames.py", "bob")
    assert result.returncode == 1
    assert change["video"] in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (project / "data/bob").exists() or not list((project / "data/bob").iterdir())


def test_a_typo_in_params_stops_the_first_stage_that_reads_them(project):
    change_params(project, lambda values: values["generator"].update(learning_rat=1))
    result = shell(project, sys.executable, "stages/extract_frames.py", "sample")
    assert result.returncode == 1
    assert "generator.learning_rat: unknown key; legal keys: learning_rate" in result.stderr
    assert "Traceback" not in result.stderr
