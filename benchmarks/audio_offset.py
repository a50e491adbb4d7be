"""How well the offset of audio against picture is measured, on recordings of known offsets.

    python benchmarks/audio_offset.py DATA --late LATE.json [--base BASE] [--people NAME ...]

DATA is the folder data/ of a project in which `extract_frames` and `fit_geometry` have run at 25
fps: a folder for each recording, with audio.wav and geometry.npz. LATE.json says by how many frames
the audio of a recording comes late as it is, like {"alice": 0, "bob": 2.3}; of others only
impostors are made. Printed are three Markdown tables and a line:

- each recording as it is: milliseconds by which the audio is ahead, 95 % interval, correlation
- the same with its audio moved by -8 ... 8 frames: how often the measured offset is right to a
  frame, how often it is certain, and how often it is certain and wrong
- the same of excerpts of 8 s, the audio of which is moved by chance
- how often the audio of other recordings is taken for certain to belong to an excerpt
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lipsync.alignment.correction import delay
from lipsync.alignment.offset import LEAST_SECONDS, Offset, measure_offset
from lipsync.alignment.prediction import BASE, FPS, filmed_opening, load_base, predict_opening
from lipsync.geometry.storage import read_geometry
from lipsync.media.audio import SAMPLE_RATE, read_audio
from lipsync.motion.adaptation import MotionBase
from lipsync.speech.mel import COLUMNS

MOST_SHIFT = 8  # frames
EXCERPT = 8.0  # seconds
STEP = 1.0  # seconds between the beginnings of excerpts
MOST_EXCERPTS = 30  # of a recording, evenly spread
IMPOSTORS = 3  # other recordings whose audio each excerpt gets


@dataclass(frozen=True)
class Recording:
    """A recording at 25 fps.

    Attributes:
        audio: (n,) at 16 kHz; filmed: (N,) opening, NaN without a face
        late: frames by which the audio comes late; None where it is not known
    """

    name: str
    audio: np.ndarray
    filmed: np.ndarray
    late: float | None

    @property
    def seconds(self) -> float:
        return len(self.filmed) / FPS

    def excerpt(self, start: float) -> "Recording":
        """EXCERPT seconds from ``start`` on."""
        first, count = round(start * FPS), round(EXCERPT * FPS)
        begin = round(start * SAMPLE_RATE)
        audio = self.audio[begin : begin + round(EXCERPT * SAMPLE_RATE)]
        return Recording(self.name, audio, self.filmed[first : first + count], self.late)

    def starts(self) -> np.ndarray:
        """Beginnings of excerpts, seconds."""
        last = self.seconds - EXCERPT
        if last < 0:
            return np.zeros(0)
        count = min(MOST_EXCERPTS, 1 + int(last / STEP))
        return np.linspace(0, last, count).round(2)

    def measure(self, base: MotionBase, shift: int = 0) -> Offset:
        """With the audio ``shift`` frames later."""
        moved = delay(self.audio, shift / FPS, SAMPLE_RATE)
        predicted = predict_opening(base, moved, len(self.filmed))
        return measure_offset(predicted, self.filmed, FPS, COLUMNS)


@dataclass
class Tally:
    """Of measured offsets whose true one is known."""

    asked: int = 0
    right: int = 0
    certain: int = 0
    wrong: int = 0

    def add(self, found: Offset, late: float) -> None:
        """late: frames by which the audio really comes late"""
        error = np.inf if found.seconds is None else abs(found.seconds * FPS + late)
        self.asked += 1
        self.right += bool(error <= 1)
        self.certain += not found.doubt
        self.wrong += not found.doubt and bool(error > 1)

    def cells(self) -> str:
        return (
            f"{self.asked} | {self.right / self.asked:.0%} | {self.certain / self.asked:.0%} | "
            f"{self.wrong}"
        )


def read(folder: Path, late: float | None) -> Recording:
    shape, track = read_geometry(folder / "geometry.npz")
    audio = read_audio(folder / "audio.wav")
    return Recording(folder.name, audio, filmed_opening(shape, track, FPS), late)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--late", type=Path, required=True)
    parser.add_argument("--base", type=Path, default=BASE)
    parser.add_argument("--people", nargs="+", metavar="NAME")
    chosen = parser.parse_args()
    base, late = load_base(chosen.base), json.loads(chosen.late.read_text())
    names = chosen.people or sorted(path.parent.name for path in chosen.data.glob("*/geometry.npz"))
    found = [read(chosen.data / name, late.get(name)) for name in names]
    recordings = [each for each in found if each.seconds >= LEAST_SECONDS]
    known = [each for each in recordings if each.late is not None]
    as_they_are(base, recordings)
    shifted(base, known)
    excerpts(base, known)
    impostors(base, recordings)


def as_they_are(base: MotionBase, recordings: list[Recording]) -> None:
    print("| recording | s | known, ms | measured, ms | correlation | by chance | |")
    print("|---|---|---|---|---|---|---|")
    warned = 0
    for each in recordings:
        offset = each.measure(base)
        assert offset.seconds is not None
        assert offset.low is not None
        assert offset.high is not None
        wanted = "" if each.late is None else f"{-each.late / FPS * 1e3:.0f}"
        warned += each.late is not None and abs(each.late) <= 0.5 and offset.excludes(1 / FPS)
        print(
            f"| {each.name} | {each.seconds:.0f} | {wanted} | {offset.seconds * 1e3:.0f} "
            f"[{offset.low * 1e3:.0f}, {offset.high * 1e3:.0f}] | {offset.correlation:.2f} | "
            f"{offset.chance:.2f} | {'doubt' if offset.doubt else 'certain'} |"
        )
    print(f"\nfalse warnings of those in step: {warned}\n")


def shifted(base: MotionBase, recordings: list[Recording]) -> None:
    print("| shifted | asked | right to a frame | certain | certain and wrong |")
    print("|---|---|---|---|---|")
    total = Tally()
    for each in recordings:
        assert each.late is not None
        tally = Tally()
        for shift in range(-MOST_SHIFT, MOST_SHIFT + 1):
            offset = each.measure(base, shift)
            for counted in (tally, total):
                counted.add(offset, each.late + shift)
        print(f"| {each.name} | {tally.cells()} |", flush=True)
    print(f"| all | {total.cells()} |\n")


def excerpts(base: MotionBase, recordings: list[Recording]) -> None:
    print(
        f"| excerpts of {EXCERPT:.0f} s | asked | right to a frame | certain | certain and wrong |"
    )
    print("|---|---|---|---|---|")
    total, draw = Tally(), np.random.default_rng(0)
    for each in recordings:
        assert each.late is not None
        tally = Tally()
        for start in each.starts():
            shift = int(draw.integers(-MOST_SHIFT, MOST_SHIFT + 1))
            offset = each.excerpt(start).measure(base, shift)
            for counted in (tally, total):
                counted.add(offset, each.late + shift)
        if tally.asked:
            print(f"| {each.name} | {tally.cells()} |", flush=True)
    print(f"| all | {total.cells()} |\n")


def impostors(base: MotionBase, recordings: list[Recording]) -> None:
    long = [each for each in recordings if len(each.starts())]
    certain, asked, draw = 0, 0, np.random.default_rng(0)
    for each in long:
        for start in each.starts():
            filmed = each.excerpt(start).filmed
            for _ in range(IMPOSTORS):
                other = long[int(draw.integers(len(long)))]
                if other is each:
                    continue
                audio = other.excerpt(float(draw.uniform(0, other.seconds - EXCERPT))).audio
                certain += not Recording("", audio, filmed, None).measure(base).doubt
                asked += 1
    print(f"audio of another recording: certain {certain} of {asked} times")


if __name__ == "__main__":
    main()
