"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest

from lipsync.errors import LipsyncError
from lipsync.faces import models

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def clips() -> Path:
    """The folder of real clips; a test that wants them is skipped where it is absent."""
    folder = Path(os.environ.get("LIPSYNC_CLIPS", ROOT.parent / "shared" / "clips"))
    if not folder.is_dir():
        pytest.skip(f"no real clips at {folder}; set LIPSYNC_CLIPS to their folder")
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
