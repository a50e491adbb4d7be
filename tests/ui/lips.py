"""Do the lips of a live avatar follow what the browser's made-up microphone hears, and how late?

The microphone plays a file over and over, begun at an unknown moment. So with each picture the
browser notes the lips' grey and how loud the microphone is at that time. Which part of the file the
pictures say is found by correlation with what the avatar makes of the file; how much further the
microphone is, by correlation with the file's loudness.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from lipsync.media.audio import read_audio, write_wav
from lipsync.rendering.avatar import load_avatar
from lipsync.rendering.live import LiveAvatar
from tests.tiny_avatar import FACELESS, FPS, GREYS, mouth_grey, tiny_film, tiny_shape
from tests.ui.browser import MICROPHONE

SECONDS = 12  # of speech that the microphone hears, ...
QUIET = 3  # ... with so many seconds of silence after it, again and again
WATCHED = 16.0  # seconds of pictures at least, so that some of the silence is among them
FRAMES = 10 * FPS  # that have to be shown, ten seconds' worth
LONGEST = 240.0  # seconds that a machine which does much else may take for so many
CORNER = (4, 4)  # x, y in a picture; it shows the film, whatever is said
RATE = 48_000  # Hz, of the file and of the browser's analyser
EAR = 2048  # samples that the analyser takes into one level
STEP = 0.02  # seconds between two delays that are tried
LATEST = 1.5  # seconds that lips may be late on a loaded machine

# Keeps the stream that the page opens as `heard`. For `page.add_init_script`.
KEEP_MICROPHONE = """if (navigator.mediaDevices) {
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (what) => window.heard = await ask(what);
}"""
WATCH = """([mouth, corner, ear, rate]) => {
  const video = document.querySelector('#live video'), canvas = document.createElement('canvas');
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  const audio = new AudioContext({ sampleRate: rate }), analyser = audio.createAnalyser();
  analyser.fftSize = ear;
  audio.createMediaStreamSource(heard).connect(analyser);
  const wave = new Float32Array(ear);
  const loudness = () => {
    analyser.getFloatTimeDomainData(wave);
    return Math.sqrt(wave.reduce((sum, one) => sum + one * one, 0) / ear);
  };
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
    window.watched.push([frame.rtpTimestamp / 90000, grey(mouth), grey(corner), loudness()]);
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
}"""


@dataclass(frozen=True)
class Watched:
    """What the browser saw, one value for each picture that it was shown, (n,).

    Attributes:
        numbers: of frames, from the first one
        greys: of the lips
        levels: how loud the microphone was then, 0..1
    """

    numbers: np.ndarray
    greys: np.ndarray
    levels: np.ndarray


@dataclass(frozen=True)
class Following:
    """How well lips follow.

    Attributes:
        fit: correlation with the lips that the file's speech makes
        elsewhere: the same, in the middle of all other places in the file
        late: seconds
        closed: grey that 90 % of the lips in the file's silence are darker than
    """

    fit: float
    elsewhere: float
    late: float
    closed: float


def write_speech(sample: Path, path: Path) -> Path:
    """Speech and silence, as a file that Chromium plays over and over."""
    samples = np.resize(read_audio(sample, RATE)[: SECONDS * RATE], SECONDS * RATE)
    write_wav(path, np.pad(samples, (0, QUIET * RATE)).astype(np.float32), RATE)
    return path


def hears(file: Path) -> tuple[str, ...]:
    """Options of a Chromium whose microphone plays a file."""
    return (*MICROPHONE, f"--use-file-for-fake-audio-capture={file}")


def watch(page) -> Watched:
    """Look at a session that has begun, for WATCHED seconds; KEEP_MICROPHONE has to be there.

    A machine that does much else leaves frames out; then it takes longer.
    """
    page.evaluate(WATCH, [lips(), CORNER, EAR, RATE])
    page.wait_for_function(
        f"watched.length > {FRAMES} && watched.at(-1)[0] - watched[0][0] > {WATCHED}",
        timeout=1000 * LONGEST,
    )
    stamps, greys, corners, levels = np.array(page.evaluate("watched")).T
    numbers = np.round((stamps - stamps[0]) * FPS).astype(int)
    return Watched(numbers, without_faceless(numbers, greys, corners), levels)


def lips() -> tuple[int, int]:
    """x, y of the middle of the lips in a picture of an avatar that keeps its head still."""
    mesh = tiny_film(Path("none"), tiny_shape(), 1, drift=0).track.mesh(tiny_shape(), 0)
    x, y = mesh[[13, 14], :2].mean(0).round().astype(int).tolist()
    return x, y


def following(watched: Watched, avatar_folder: Path, speech: Path) -> Following:
    """Compare with what the avatar makes of the file."""
    mouths = [expected_mouth(avatar_folder, speech, phase) for phase in (0, 160, 320, 480)]
    count = (SECONDS + QUIET) * FPS
    fits = np.array(
        [
            [
                np.corrcoef(mouth[(watched.numbers + lag) % count], watched.greys)[0, 1]
                for lag in range(count)
            ]
            for mouth in mouths
        ]
    )
    lag = int(fits.max(0).argmax())
    shown = (watched.numbers + lag + 0.5) / FPS  # seconds in the file, of each picture
    silent = shown % (SECONDS + QUIET) > SECONDS + 1
    assert silent.sum() > FPS / 2, "too little of the silence was seen"
    closed = float(np.quantile(watched.greys[silent], 0.9))
    late = how_late(shown, watched.levels, speech)
    return Following(float(fits.max()), float(np.median(fits)), late, closed)


@cache
def expected_mouth(avatar_folder: Path, speech: Path, phase: int) -> np.ndarray:
    """Grey of the lips in each frame, (n,), of the file, begun so many samples late.

    Look, do not touch.
    """
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


def how_late(shown: np.ndarray, levels: np.ndarray, speech: Path) -> float:
    """Seconds from what a picture says to what the microphone hears when it is shown.

    shown: seconds in the file, (n,); levels: of the microphone at the time, (n,)
    """
    sound = read_audio(speech, RATE)
    energy = np.cumsum(np.concatenate([sound[-EAR:], sound]).astype(np.float64) ** 2)

    def level(at: np.ndarray) -> np.ndarray:
        """Of the last EAR samples before these seconds in the file."""
        last = np.round(at * RATE).astype(int) % len(sound)
        return np.sqrt((energy[last + EAR - 1] - energy[last]).clip(0) / EAR)

    delays = np.arange(-1, (SECONDS + QUIET) / 2, STEP)
    fits = [np.corrcoef(level(shown + delay), levels)[0, 1] for delay in delays]
    assert max(fits) > 0.4, "the microphone's level is not that of the file"
    return float(delays[np.argmax(fits)])


def assert_lips_follow(watched: Watched, avatar_folder: Path, speech: Path) -> float:
    """Lips are those of the speech, in time, closed in silence; how late they are, in seconds."""
    assert len(np.unique(watched.numbers)) > 0.9 * FRAMES, "frames are shown twice"
    found = following(watched, avatar_folder, speech)
    assert found.fit > 0.7, found
    assert found.fit > found.elsewhere + 0.5, found  # at other times it does not fit
    assert 0 < found.late < LATEST, found
    assert found.closed < GREYS[1] - 30, f"the mouth is open in silence: {found}"
    return found.late
