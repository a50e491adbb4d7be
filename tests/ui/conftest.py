"""Avatars, sounds and options that the page's tests share."""

import time
from pathlib import Path

import numpy as np
import pytest

from lipsync.media.audio import write_wav
from tests.tiny_avatar import write_tiny_avatar
from tests.ui.browser import FLAGS, MICROPHONE, find_chromium


def write_tone(path: Path, seconds: float, rate: int = 16_000) -> Path:
    """A tone that comes and goes."""
    at = np.arange(round(seconds * rate)) / rate
    write_wav(path, (0.4 * np.sin(1400 * at) * np.sin(6 * at)).astype(np.float32), rate)
    return path


def wait_until(true, seconds=60.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory) -> Path:
    """A tiny avatar's folder. Look, do not touch."""
    return write_tiny_avatar(tmp_path_factory.mktemp("avatar") / "tiny")


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium here; install one (Debian: apt install chromium)")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=[*FLAGS, *MICROPHONE])
        yield chromium
        chromium.close()
