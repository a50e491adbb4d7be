"""The tab *Live* in a real browser, which hears a file in place of a microphone."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from lipsync.media.audio import read_audio, write_wav
from lipsync.rendering.avatar import load_avatar
from lipsync.rendering.live import LiveAvatar
from tests.tiny_avatar import (
    FACELESS,
    FPS,
    GREYS,
    mouth_grey,
    tiny_film,
    tiny_shape,
    write_tiny_avatar,
)
from tests.ui.browser import FLAGS, MICROPHONE, WAIT, find_chromium, running_app
from tests.ui.conftest import wait_until

pytest.importorskip("aiortc")

SECONDS = 12  # of speech that the microphone hears, ...
QUIET = 3  # ... with so many seconds of silence after it, again and again
WATCHED = 16.0  # seconds of pictures, so that some of the silence is among them
CORNER = (4, 4)  # x, y in a picture; it shows the film, whatever is said
WATCH = """([mouth, corner]) => {
  const video = document.querySelector('#live video'), canvas = document.createElement('canvas');
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  const grey = ([x, y]) => {
    const of = pen.getImageData(x - 1, y - 1, 3, 3).data;
    let sum = 0;
    for (let i = 0; i < of.length; i += 4) sum += (of[i] + of[i + 1] + of[i + 2]) / 3;
    return sum / (of.length / 4);
  };
  window.watched = [];
  const look = (now, frame) => {
    canvas.width = video.videoWidth, canvas.height = video.videoHeight;
    pen.drawImage(video, 0, 0);
    window.watched.push([frame.rtpTimestamp, grey(mouth), grey(corner)]);
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
}"""


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
    samples = read_audio(root / "data/speech/sample.wav", 48_000)[: SECONDS * 48_000]
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    samples = np.resize(samples, SECONDS * 48_000)
    write_wav(path, np.pad(samples, (0, QUIET * 48_000)).astype(np.float32), 48_000)
    return path


@pytest.fixture(scope="module")
def chromium():
    """Opens pages; what is given are further options of the browser."""
    sync_api = pytest.importorskip("playwright.sync_api")
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium here; install one (Debian: apt install chromium)")
    with sync_api.sync_playwright() as playwright:
        started = []

        def start(*options: str):
            browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, *options])
            started.append(browser)
            page = browser.new_page(viewport={"width": 390, "height": 844})
            page.set_default_timeout(WAIT)
            return page

        yield start
        for browser in started:
            browser.close()


def hears(file: Path) -> tuple[str, ...]:
    return (*MICROPHONE, f"--use-file-for-fake-audio-capture={file}")


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


def lips() -> tuple[int, int]:
    """x, y of the middle of the lips in a picture."""
    mesh = tiny_film(Path("none"), tiny_shape(), 1, drift=0).track.mesh(tiny_shape(), 0)
    x, y = mesh[[13, 14], :2].mean(0).round().astype(int).tolist()
    return x, y


def expected_mouth(avatar_folder: Path, speech: Path, phase: int) -> np.ndarray:
    """Grey of the lips in each frame, (n,), of the file, begun so many samples late."""
    avatar = load_avatar(avatar_folder)
    sound = read_audio(speech, 16_000)
    with LiveAvatar(avatar, voice=sound) as live:
        pictures = [*live.feed(np.roll(sound, -phase)), *live.finish()]
    greys = np.array([mouth_grey(each, avatar.film, avatar.shape, 0) for each in pictures])
    corners = np.array([each[3:6, 3:6].mean() for each in pictures])
    return without_faceless(np.arange(len(greys)), greys, corners)


def without_faceless(numbers: np.ndarray, greys: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Greys, interpolated over the film's frame without a face, which its corner tells."""
    face = np.abs(corners - (60 + 12 * FACELESS)) > 6
    return np.interp(numbers, numbers[face], greys[face])


@pytest.mark.slow
def test_ten_seconds_live_with_lips_that_follow(chromium, project, still, speech):
    asked, errors, closed = [], [], []
    with running_app(project) as address:
        page = chromium(*hears(speech))
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("response", lambda answer: answer.status >= 400 and closed.append(answer.url))
        open_tab(page, address)
        start(page)
        page.evaluate(WATCH, [lips(), CORNER])
        assert page.evaluate("document.querySelector('#live video').muted")
        assert page.evaluate("document.documentElement.scrollWidth") == 390

        # Somebody else is told that the place is taken.
        other = chromium(*hears(speech))
        open_tab(other, address)
        other.get_by_role("button", name="Start").click()
        assert "Somebody else is live" in error(other)

        page.wait_for_function(
            f"watched.length && watched.at(-1)[0] - watched[0][0] > {WATCHED * 90_000}"
        )
        watched = np.array(page.evaluate("watched"))
        latency = page.inner_text("[data-latency]")
        assert latency.endswith(" ms")
        assert int(latency.split()[0]) > 67  # what the tiny avatar listens ahead
        assert "listening ahead" in page.inner_text("[data-parts]")

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
        assert (errors, closed) == ([], [])
        assert not [url for url in asked if not url.startswith((address, "blob:", "data:"))]

    numbers = np.round((watched[:, 0] - watched[0, 0]) / (90_000 / FPS)).astype(int)
    assert numbers[-1] >= 10 * FPS
    assert len(np.unique(numbers)) > 0.4 * numbers[-1], "most frames were lost"
    seen = without_faceless(numbers, watched[:, 1], watched[:, 2])
    # Where in the file, and where in a frame, the microphone began is not known.
    correlations = np.array(
        [
            [np.corrcoef(np.roll(mouth, -lag)[numbers % len(mouth)], seen)[0, 1] for lag in lags]
            for mouth in (expected_mouth(still, speech, phase) for phase in (0, 160, 320, 480))
            for lags in [range(len(mouth))]
        ]
    )
    best = correlations.max()
    assert best > 0.7
    assert best > np.median(correlations) + 0.5  # at other times it does not fit
    lag = int(correlations.max(0).argmax())
    silent = (numbers + lag) % ((SECONDS + QUIET) * FPS) > (SECONDS + 1) * FPS
    assert silent.sum() > FPS / 2
    assert np.quantile(seen[silent], 0.9) < GREYS[1] - 30, "the mouth is open in silence"


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
        open_tab(page, address)
        page.evaluate(
            """() => {
                const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
                navigator.mediaDevices.getUserMedia = async (what) =>
                  window.opened = await ask(what);
            }"""
        )
        start(page)
        page.evaluate("opened.getAudioTracks()[0].dispatchEvent(new Event('ended'))")
        assert "The microphone has gone." in error(page)
        assert page.evaluate("opened.getAudioTracks()[0].readyState") == "ended"
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
