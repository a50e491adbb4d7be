"""How late a live avatar is, and how many frames of it a browser shows.

    python benchmarks/live.py AVATAR [--seconds 20] [--chromium PATH]

AVATAR is a folder, or a person's name in this project. The page itself is started, and a headless
Chromium on the same computer opens its tab Live, with the sample speech for a microphone. For each
frame that it shows, `requestVideoFrameCallback` says when it is on the screen, and its timestamp
which one it is. When that frame's audio was in the microphone is found by comparing the loudness
that the page's own ears (an AnalyserNode on the microphone's stream, every 10 ms) heard with that
which the avatar was fed. The difference is the latency from glass to glass, less what the sound
card and the screen themselves take, which a headless browser has none of. Beside it stands what the
page shows, which is an estimate of the same.
"""

import argparse
import itertools
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from aiortc import rtcrtpsender
from playwright.sync_api import sync_playwright

from lipsync.media.audio import SAMPLE_RATE, read_audio, write_wav
from lipsync.rendering.avatar import find_avatar, load_avatar
from lipsync.ui.live.speaking import WARM_UP, Speaking
from lipsync.ui.serve import serve
from lipsync.ui.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
VIDEO_CLOCK = 90_000  # Hz, of RTP timestamps
STEP = 0.01  # seconds between two looks at loudness
SETTLING = 5.0  # seconds that do not count: the encoder's bit rate and the browser's buffer settle
FARTHEST = 2.0  # seconds that the latency may be at most
LISTEN = """() => {
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.loudness = [], window.frames = [], window.figures = [];
  navigator.mediaDevices.getUserMedia = async (what) => {
    const stream = await ask(what);
    const ears = new AudioContext(), ear = ears.createAnalyser();
    ear.fftSize = 512;
    ears.createMediaStreamSource(stream).connect(ear);
    const wave = new Float32Array(ear.fftSize);
    setInterval(() => {
      ear.getFloatTimeDomainData(wave);
      loudness.push([performance.now(), Math.hypot(...wave) / Math.sqrt(wave.length)]);
    }, 10);
    return stream;
  };
  const video = document.querySelector('#live video');
  const seen = (now, frame) => {
    frames.push([frame.expectedDisplayTime, frame.rtpTimestamp]);
    video.requestVideoFrameCallback(seen);
  };
  video.requestVideoFrameCallback(seen);
  setInterval(() => figures.push(['latency', 'parts', 'fps', 'left'].map(
    (name) => document.querySelector(`#live [data-${name}]`).textContent)), 1000);
}"""


def measure(address: str, chromium: str, speech: Path, seconds: float) -> dict[str, list]:
    """Be live for so long; what the browser saw and heard."""
    options = [
        "--headless",
        "--no-sandbox",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={speech}",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address)
        page.get_by_role("tab", name="Live").click()
        page.wait_for_selector("#live-card .ls-avatar")
        page.evaluate(LISTEN)
        page.get_by_role("button", name="Start").click()
        page.wait_for_function("document.querySelector('#live video').videoWidth > 0")
        page.wait_for_timeout(1000 * (SETTLING + seconds))
        found = {name: page.evaluate(name) for name in ("loudness", "frames", "figures")}
        page.get_by_role("button", name="Stop").click()
        browser.close()
    return found


def latencies(found: dict[str, list], fed: np.ndarray, fps: float) -> np.ndarray:
    """Seconds, of each frame that was seen: from its middle in the microphone to the screen.

    fed: (n,) samples at 16 kHz, the microphone's from the first packet on
    """
    times, loud = np.array(found["loudness"]).T
    times = times / 1000
    at = np.arange(times[0], times[-1], STEP)
    heard = np.log10(np.interp(at, times, loud) + 1e-4)
    size = round(STEP * SAMPLE_RATE)
    pieces = fed[: len(fed) // size * size].reshape(-1, size)
    given = np.log10(np.sqrt((pieces**2).mean(1)) + 1e-4)
    shown, stamps = np.array(found["frames"]).T
    # Of each frame, from the middle of its time since the microphone's first sample.
    late = shown / 1000 - (np.round(stamps / VIDEO_CLOCK * fps) + 0.5 - WARM_UP) / fps - at[0]
    # A lag may be negative: the avatar hears before the page's own ears do.
    latest = round(float(np.median(late)) / STEP)
    fits = {}
    for lag in range(latest - round(FARTHEST / STEP), latest):
        ears, ours = heard[max(0, lag) :], given[max(0, -lag) :]
        count = min(len(ears), len(ours))
        fits[lag] = np.corrcoef(ours[:count], ears[:count])[0, 1]
    best = max(fits, key=lambda lag: fits[lag])
    print(f"  the two loudnesses correlate by {fits[best]:.3f}")
    return (late - STEP * best)[shown > shown[0] + 1000 * SETTLING]


def report(name: str, found: dict[str, list], fed: np.ndarray, fps: float) -> None:
    """Print the figures."""
    late = latencies(found, fed, fps)
    settled = found["figures"][round(SETTLING) + 1 :]
    told = [float(each[0].split()[0]) for each in settled if each[0].endswith("ms")]
    rates = [float(each[2].split()[0]) for each in settled if each[2].endswith("s")]
    shown = np.array(found["frames"])[:, 0]
    shown = shown[shown > shown[0] + 1000 * SETTLING]
    rate = (len(shown) - 1) / (shown[-1] - shown[0]) * 1000
    middle, high = np.quantile(late, [0.5, 0.95]) * 1000
    print(f"  latency measured: median {middle:.0f} ms, 95 % below {high:.0f} ms")
    print(f"  latency that the page shows: median {np.median(told):.0f} ms ({settled[-1][1]})")
    print(f"  frames a second: {rate:.1f} shown by the browser, {np.mean(rates):.1f} made")


def main() -> None:
    """Serve the page here; the browser is driven by a thread."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("avatar", metavar="AVATAR")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    arguments = parser.parse_args()
    folder = find_avatar(arguments.avatar)
    info = load_avatar(folder).info
    fed: list[np.ndarray] = []
    hear = Speaking.hear

    def hear_and_keep(self: Speaking, samples: np.ndarray) -> None:
        fed.append(samples)
        hear(self, samples)

    Speaking.hear = hear_and_keep
    # RTP's timestamps begin at a random number; here at a small one, so that they name the frame.
    numbers = itertools.count(1)
    rtcrtpsender.random32 = lambda: next(numbers)
    with tempfile.TemporaryDirectory() as scratch, socket.socket() as probe:
        samples = read_audio(ROOT / "data/speech/sample.wav", 48_000)
        write_wav(Path(scratch) / "speech.wav", samples, 48_000)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        page = Settings(project=Path(scratch), further=(folder,), port=port)

        def drive() -> None:
            try:
                address = f"http://127.0.0.1:{port}"
                wait_for(port)
                speech = Path(scratch) / "speech.wav"
                found = measure(address, arguments.chromium, speech, arguments.seconds)
                print(f"{info.person}: {info.width}x{info.height}, working size {info.crop_size}")
                report(info.person, found, np.concatenate(fed), info.fps)
            finally:
                os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=drive)
        thread.start()
        serve(page)
        thread.join()


def wait_for(port: int) -> None:
    """Until the page answers."""
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)


if __name__ == "__main__":
    main()
