"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest

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
