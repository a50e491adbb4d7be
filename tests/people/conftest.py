"""A project of DVC's with the real params, and videos as small as they can be."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lipsync.media.video import VideoWriter
from tests.project import change_params, commit, must, only_the_sample


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes videos: ``film(path, 7)``; another number is another content, of the same length."""

    def make(path: Path, number: int, sound: bool = True, seconds: int = 3) -> Path:
        noise = np.random.default_rng(number).normal(0, 0.1, 16000 * seconds).astype(np.float32)
        path.parent.mkdir(parents=True, exist_ok=True)
        with VideoWriter(
            path, 64, 64, 25, preset="ultrafast", sound=(noise, 16000) if sound else None
        ) as writer:
            for _ in range(25 * seconds):
                writer.write(np.full((64, 64, 3), 10 * number, np.uint8))
        return path

    return make


@pytest.fixture
def project(tmp_path: Path, root: Path, film: Callable[..., Path]) -> Path:
    """params.yaml, dvc.yaml and ignored files as in the project; one person; committed."""
    folder = tmp_path / "project"
    for name in ("params.yaml", "dvc.yaml", ".gitignore", ".dvcignore", ".dvc/config"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, folder / name)
    (folder / ".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")
    change_params(folder, only_the_sample)
    film(folder / "data/videos/sample.mp4", 1)
    must(folder, "git", "init", "-q", "-b", "main")
    commit(folder, "start")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a project but DVC's cache and git's."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in (".git", ".dvc")
    }
