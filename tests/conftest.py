"""Fixtures that all tests share."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from lipsync.errors import LipsyncError
from lipsync.faces import models
from tests.project import make_project

# Workers side by side share the cores; set before torch is imported, and inherited by stages.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"

ROOT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file starts first, or a worker would end alone with it."""
    items.sort(key=lambda item: item.path.name != "test_resume.py")


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def clips() -> Path:
    """The folder of real clips; a test that wants them is skipped where it is absent."""
    folder = Path(os.environ.get("LIPSYNC_CLIPS", ROOT.parent / "shared" / "clips"))
    if not folder.is_dir():
        pytest.skip(
            f"wants real clips, which are no part of the project: the folder {folder} is missing; "
            "give one with LIPSYNC_CLIPS=/path/of/clips"
        )
    return folder


@pytest.fixture(scope="session")
def face_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the two face models; fetched once where the project does not have them."""
    folder = ROOT / "models" / "face"
    try:
        models.verify(folder)
    except LipsyncError:
        folder = tmp_path_factory.mktemp("face")
        models.fetch(folder)
    return folder


@pytest.fixture(scope="session")
def ran_project(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, small, run once and committed. Look, do not touch: copy it to change it."""
    base = tmp_path_factory.getbasetemp()
    # Workers side by side have folders of their own below one that they share.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "ran"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            half_made = folder.with_name(f"making-{os.getpid()}")
            make_project(root, half_made)
            half_made.rename(folder)
    return folder


@pytest.fixture(scope="session")
def project_copy(
    ran_project: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """Makes copies of the project that has run: ``project_copy()``, each in a folder of its own."""

    def copy() -> Path:
        folder = tmp_path_factory.mktemp("copy") / "project"
        shutil.copytree(ran_project, folder, symlinks=True)
        return folder

    return copy
