"""Avatars, sounds and options that the page's tests share."""

import time
from pathlib import Path

import numpy as np
import pytest

from lipsync.media.audio import write_wav
from tests.tiny_avatar import write_tiny_avatar
from tests.ui.browser import FLAGS, MICROPHONE, WAIT, find_chromium, require_browser


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


@pytest.fixture(scope="session", autouse=True)
def nothing_is_skipped() -> None:
    """Where the environment asks for that."""
    require_browser()


@pytest.fixture(scope="module")
def launch():
    """Starts a Chromium with further options."""
    sync_api = pytest.importorskip("playwright.sync_api")
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium here; install one (Debian: apt install chromium)")
    with sync_api.sync_playwright() as playwright:
        started = []

        def start(*options: str):
            args = [*FLAGS, *options]
            started.append(playwright.chromium.launch(executable_path=program, args=args))
            return started[-1]

        yield start
        for browser in started:
            browser.close()


@pytest.fixture(scope="module")
def browser(launch):
    return launch(*MICROPHONE)


@pytest.fixture(scope="module")
def chromium(launch):
    """Opens pages as wide as a phone, each in a browser of its own with further options."""

    def start(*options: str):
        page = launch(*options).new_page(viewport={"width": 390, "height": 844})
        page.set_default_timeout(WAIT)
        return page

    return start
