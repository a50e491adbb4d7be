"""The tab *Live* in a real browser, which hears a file in place of a microphone."""

import re
import shutil
from pathlib import Path

import pytest

from tests.tiny_avatar import write_tiny_avatar
from tests.ui.browser import running_app
from tests.ui.conftest import wait_until
from tests.ui.lips import (
    KEEP_MICROPHONE,
    assert_lips_follow,
    hears,
    watch,
    write_speech,
)

pytest.importorskip("aiortc")

# Keeps what a report of the server is given to as `report`, and lets none of the server's through.
REPORTS = """Object.defineProperty(RTCDataChannel.prototype, 'onmessage', {
  set(hear) { window.report = hear && ((told) => hear({ data: JSON.stringify(told) })); },
});"""
AGREES = 0.5  # seconds between the latency that is shown and that of the lips


@pytest.fixture(scope="module")
def still(tmp_path_factory) -> Path:
    """An avatar that keeps its head still."""
    return write_tiny_avatar(tmp_path_factory.mktemp("still") / "still", drift=0)


@pytest.fixture
def project(tmp_path, still) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(still, folder / "models/alice/avatar")
    return folder


@pytest.fixture(scope="module")
def speech(root, tmp_path_factory) -> Path:
    """Speech and silence, as a file that Chromium plays over and over."""
    sample = root / "data/speech/sample.wav"
    return write_speech(sample, tmp_path_factory.mktemp("speech") / "speech.wav")


def open_tab(page, address: str) -> None:
    page.goto(address)
    page.get_by_role("tab", name="Live").click()
    page.wait_for_selector("#live-card .ls-avatar")


def start(page) -> None:
    page.get_by_role("button", name="Start").click()
    page.wait_for_function("document.querySelector('#live video').videoWidth > 0")


def error(page) -> str:
    page.wait_for_selector("#live .ls-error")
    assert page.is_visible("[data-do=start]")
    return page.inner_text("#live .ls-error")


@pytest.mark.slow
def test_ten_seconds_live_with_lips_that_follow(chromium, project, still, speech):
    asked, errors, closed = [], [], []
    with running_app(project) as address:
        page = chromium(*hears(speech))
        page.add_init_script(KEEP_MICROPHONE)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("response", lambda answer: answer.status >= 400 and closed.append(answer.url))
        open_tab(page, address)
        start(page)
        page.wait_for_selector("#live >> text=You are live.")
        assert page.is_disabled("#live-avatar input"), "the card would show another avatar"
        assert page.evaluate("document.querySelector('#live video').muted")
        assert page.evaluate("document.documentElement.scrollWidth") == 390

        # Somebody else is told that the place is taken.
        other = chromium(*hears(speech))
        open_tab(other, address)
        other.get_by_role("button", name="Start").click()
        assert "Somebody else is live" in error(other)

        watched = watch(page)
        words = page.inner_text("[data-latency]")
        assert words.endswith(" ms")
        latency = int(words.split()[0])
        assert latency > 67  # what the tiny avatar listens ahead
        parts = page.inner_text("[data-parts]")
        for part in ("microphone", "connection", "listening ahead", "making the frame", "screen"):
            assert re.search(rf"\d ms [a-z ]*{part}", parts), parts

        # The delayed voice comes with the picture, once it is wanted.
        page.check("[data-voice]")
        assert not page.evaluate("document.querySelector('#live video').muted")
        page.wait_for_function(
            """async () => {
                const video = document.querySelector('#live video');
                const heard = new AudioContext(), ear = heard.createAnalyser();
                heard.createMediaStreamSource(video.srcObject).connect(ear);
                await new Promise((done) => setTimeout(done, 1000));
                const wave = new Float32Array(ear.fftSize);
                ear.getFloatTimeDomainData(wave);
                heard.close();
                return Math.max(...wave) > 0.02;
            }"""
        )

        # A page that is closed makes room for the next one.
        page.close()
        other.get_by_role("button", name="Start").click()
        other.wait_for_function(
            """() => {
                if (document.querySelector('#live video').videoWidth > 0) return true;
                if (!document.querySelector('[data-do=start]').hidden)
                    document.querySelector('[data-do=start]').click();
            }"""
        )
        other.get_by_role("button", name="Stop").click()
        other.wait_for_selector("#live >> text=Stopped.")
        assert other.is_enabled("#live-avatar input")
        assert (errors, closed) == ([], [])
        assert not [url for url in asked if not url.startswith((address, "blob:", "data:"))]

    late = assert_lips_follow(watched, still, speech)
    assert abs(late - latency / 1000) < AGREES, "the latency that is shown is not that of the lips"


def test_what_the_page_says_of_a_session(chromium, project, speech):
    """Before the first frame, of a computer that is too slow, and when it is fast enough again."""
    with running_app(project) as address:
        page = chromium(*hears(speech))
        page.add_init_script(REPORTS)
        open_tab(page, address)
        page.evaluate(
            "HTMLVideoElement.prototype.requestVideoFrameCallback = (call) => window.frame = call"
        )
        page.get_by_role("button", name="Start").click()
        page.wait_for_selector("#live >> text=Waiting for the first frame.")
        report = {"made": 5, "left_out": 20, "latency": 0.2, "look_ahead": 0.1}
        page.wait_for_function("Boolean(window.report)")
        page.evaluate("(told) => report(told)", report)
        assert "Waiting for the first frame." in page.inner_text("#live [role=status]")
        page.evaluate("frame(0, {})")
        assert "You are live." in page.inner_text("#live [role=status]")
        page.evaluate("(told) => report(told)", report)
        page.wait_for_selector("#live >> text=a training runs on it, wait for that; else choose")
        assert "80 %" in page.inner_text("#live [data-left]")
        page.evaluate("(told) => report(told)", report | {"left_out": 0})
        page.wait_for_selector("#live >> text=You are live.")


def test_a_microphone_that_is_refused_is_a_line(chromium, project):
    with running_app(project) as address:
        page = chromium("--use-fake-device-for-media-stream", "--deny-permission-prompts")
        open_tab(page, address)
        page.get_by_role("button", name="Start").click()
        assert "The microphone was refused. Allow it" in error(page)
        assert page.evaluate("document.activeElement.dataset.do") == "start"


def test_a_computer_without_a_microphone_is_a_line(chromium, project):
    with running_app(project) as address:
        page = chromium("--use-fake-ui-for-media-stream")
        open_tab(page, address)
        page.get_by_role("button", name="Start").click()
        assert "No microphone was found. Connect one" in error(page)


def test_a_session_ends_with_its_microphone_its_avatar_or_its_page(chromium, project, speech):
    avatar = project / "models/alice/avatar"
    with running_app(project) as address:
        page = chromium(*hears(speech))
        page.add_init_script(KEEP_MICROPHONE)
        open_tab(page, address)
        start(page)
        page.evaluate("heard.getAudioTracks()[0].dispatchEvent(new Event('ended'))")
        assert "The microphone has gone." in error(page)
        assert page.evaluate("heard.getAudioTracks()[0].readyState") == "ended"
        start(page)
        page.get_by_role("button", name="Stop").click()
        page.wait_for_selector("#live >> text=Stopped.")
        (project / "away").mkdir()
        motion = (avatar / "motion.onnx").rename(project / "away/motion.onnx")
        page.get_by_role("button", name="Start").click()
        assert "motion.onnx" in error(page)
        motion.rename(avatar / "motion.onnx")
        start(page)
    # The server has ended.
    assert "The page was ended on its computer." in error(page)
    wait_until(lambda: page.is_hidden("#live video"))
