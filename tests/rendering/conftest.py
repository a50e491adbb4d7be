"""An avatar to render with."""

from pathlib import Path

import pytest

from lipsync.rendering.avatar import Avatar, load_avatar
from tests.tiny_avatar import write_tiny_avatar


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_avatar(tmp_path_factory.mktemp("avatars") / "tiny")


@pytest.fixture(scope="module")
def avatar(folder: Path) -> Avatar:
    return load_avatar(folder)
