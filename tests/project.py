"""The project itself, small: its own files and params, a short video, run by DVC in a copy."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from ruamel.yaml import YAML

from lipsync.media.audio import read_audio, write_wav
from lipsync.media.video import VideoWriter, probe, read_frames
from lipsync.running.pack import copy_tracked

SECONDS = 7  # of the sample that are enough to train on and to hold out
STAGES = [
    "extract_frames",
    "detect_landmarks",
    "crop_faces",
    "fit_geometry",
    "align_audio",
    "profile",
    "extract_audio_features",
    "inherit",
    "train_syncnet",
    "train_motion",
    "train_generator",
    "evaluate",
    "export",
    "render_sample",
]
GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@t")


def environment(**variables: str) -> dict[str, str]:
    """Of a command: this Python's programs first, no settings of the tester's own."""
    programs = Path(sys.executable).parent
    left_out = ("LIPSYNC_", "DVC_", "AWS_", "PYTHONDONTWRITEBYTECODE")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
    return inherited | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"} | variables


def shell(folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command of this environment in ``folder``, with further environment variables."""
    return subprocess.run(
        command, cwd=folder, env=environment(**variables), capture_output=True, text=True
    )


def must(folder: Path, *command: str, **variables: str) -> str:
    """Run a command that has to succeed; what it said, stderr included."""
    result = shell(folder, *command, **variables)
    assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    return result.stdout + result.stderr


def commit(folder: Path, message: str) -> None:
    """Everything that git does not ignore."""
    must(folder, "git", "add", ".")
    must(folder, *GIT, "commit", "-qm", message)


def change_params(folder: Path, change: Callable[[dict], object]) -> None:
    """Edit params.yaml in place."""
    yaml = YAML()
    values = yaml.load(folder / "params.yaml")
    change(values)
    yaml.dump(values, folder / "params.yaml")


def only_the_sample(values: dict) -> None:
    """The sample, whose phonemes are known, in place of the project's people."""
    values["people"] = {"sample": {"video": "data/videos/sample.mp4", "base": False}}


def shrink(values: dict) -> None:
    """The project's own params, small."""
    values["epochs"] = 1
    values["split"].update(validation=0.3, gap=1.0)
    values["crop"].update(size=64)
    values["syncnet"].update(epochs=1, channels=8, embedding=16)
    values["motion"].update(epochs=1, members=4, channels=8)
    values["generator"].update(channels=[8, 16], batch_size=10, exemplars=16)
    values["evaluate"].update(frames=100, shifts=3, shifted_frames=10)
    values["render"].update(preset="ultrafast")


def ran(output: str) -> list[str]:
    """Stages of the sample that were run, in order."""
    return re.findall(r"Running stage '(\w+)@sample'", output)


def restored(output: str) -> list[str]:
    """Stages of the sample that the run-cache brought back."""
    return re.findall(r"Stage '(\w+)@sample' is cached", output)


def make_project(root: Path, folder: Path) -> None:
    """A copy of the project with a short video and tiny params, run once and committed."""
    videos = ("data/videos/sample.mp4", "data/videos/speaker.mp4")
    skipped = ("tests/", "docs/", "metrics/", "visemes/", *videos)
    copy_tracked(root, folder, without=skipped)
    shorten(root / "data/videos/sample.mp4", folder / "data/videos/sample.mp4")
    speech = read_audio(root / "data/speech/sample.wav", 16000)
    write_wav(folder / "data/speech/sample.wav", speech[: 2 * 16000 + 123], 16000)
    change_params(folder, only_the_sample)
    change_params(folder, shrink)
    must(folder, "git", "init", "-q", "-b", "main")
    commit(folder, "start")
    assert ran(must(folder, "dvc", "repro")) == STAGES
    commit(folder, "run")


def shorten(source: Path, target: Path) -> None:
    """The first seconds of a video, less its first one, with sound."""
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


def contents(folder: Path, paths: Iterable[str]) -> dict[str, bytes]:
    """Bytes of files and of all files in folders, by path."""
    found = {}
    for path in paths:
        top = folder / path
        files = sorted(top.rglob("*")) if top.is_dir() else [top]
        for file in files:
            if file.is_file():
                found[file.relative_to(folder).as_posix()] = file.read_bytes()
    return found


def results(folder: Path, network: str, person: str = "sample") -> dict[str, bytes]:
    """Everything that the training of a network leaves for DVC."""
    paths = [
        f"models/{person}/{network}.safetensors",
        f"models/{person}/{network}_state.safetensors",
        f"metrics/{person}/{network}",
    ]
    if network == "generator":
        paths.append(f"models/{person}/exemplars.npz")
    found = contents(folder, paths)
    assert len(found) >= 6
    assert found.keys() >= {path for path in paths if "." in path}
    return found
