"""An avatar to render with, and something to say."""

from pathlib import Path

import pytest

from lipsync.media.audio import write_wav
from lipsync.rendering.avatar import Avatar, load_avatar
from tests.rendering_material import RATE, speech
from tests.tiny_avatar import write_tiny_avatar


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_avatar(tmp_path_factory.mktemp("avatars") / "tiny")


@pytest.fixture(scope="module")
def avatar(folder: Path) -> Avatar:
    return load_avatar(folder)


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """2 s of speech, 2 s of silence, 1.5 s of speech, 1.2 s of silence."""
    write_wav(tmp_path / "talk.wav", speech((2, 0.3), (2, 0), (1.5, 0.3), (1.2, 0)), RATE)
    return tmp_path / "talk.wav"
