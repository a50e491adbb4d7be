"""A running `lipsync app`, and a headless Chromium that looks at it."""

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.project import environment

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
MODULES = ("playwright", "aiortc", "axe_playwright_python")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")  # it beeps
WAIT = 120_000  # milliseconds that a page may take to show something
START = 90.0  # seconds that importing Gradio may take on a busy machine


def find_chromium() -> str | None:
    """Path of a Chromium that is there already."""
    if Path("/usr/bin/chromium").is_file():
        return "/usr/bin/chromium"
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def missing() -> list[str]:
    """What the tests of the page need and this computer does not have; they are skipped then."""
    found = [name for name in MODULES if find_spec(name) is None]
    return found if find_chromium() else ["a Chromium (Debian: apt install chromium)", *found]


def require_browser() -> None:
    """Where LIPSYNC_BROWSER=required, as in CI, nothing may be missing that would skip a test."""
    if os.environ.get("LIPSYNC_BROWSER") == "required" and (names := missing()):
        pytest.fail(f"LIPSYNC_BROWSER=required, but missing: {', '.join(names)}", pytrace=False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running_app(folder: Path, *options: str, **variables: str) -> Iterator[str]:
    """`lipsync app` in ``folder``; its address. It must end by Ctrl+C and leave no folder."""
    port = free_port()
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    with (folder / "app.log").open("w") as log:
        process = subprocess.Popen(
            ["lipsync", "app", "--port", str(port), *options],
            cwd=folder,
            env=environment(TMPDIR=str(temporary), OMP_NUM_THREADS="1", **variables),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + START
        while not answers(address):
            assert process.poll() is None, (folder / "app.log").read_text()
            assert time.monotonic() < end, "the page did not start"
            time.sleep(0.1)
        yield address
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0, (folder / "app.log").read_text()
        assert not list(temporary.glob("lipsync-page-*"))
        assert "Traceback" not in (folder / "app.log").read_text()
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()


def answers(address: str) -> bool:
    try:
        status(address)
    except OSError:
        return False
    return True


def status(address: str, method: str = "GET", **headers: str) -> int:
    """The HTTP status of a request without a body."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(address, method=method, headers=names)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def wait_for(page, selector: str, folder: Path, longest: float = WAIT) -> None:
    """Wait for what ``selector`` names; a failure tells what page and server show instead.

    longest: milliseconds
    """
    from playwright.sync_api import TimeoutError as Late

    try:
        page.wait_for_selector(selector, timeout=longest)
    except Late as error:
        scratch = folder / ".scratch/page"
        found = {
            path.relative_to(scratch).as_posix(): path.read_text(errors="replace")[:2000]
            for path in sorted(scratch.rglob("*"))
            if path.suffix in (".json", ".log")
        }
        shown, said = page.inner_text("body"), (folder / "app.log").read_text()
        raise AssertionError(f"{error}\n\n{shown}\n\n{said}\n\n{found}") from None
