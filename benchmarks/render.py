"""How quickly an avatar speaks, and where the time goes.

    python benchmarks/render.py AVATAR [AVATAR ...] [--seconds 12] [--repeats 3]

AVATAR is a folder, or a person's name in this project. Each renders the sample speech at its own
film's size with x264's preset slow and veryfast; the median of the repeats is printed, in frames a
second. Then each step alone, one after the other in one thread (the networks with as many as there
are cores), in milliseconds a frame: in a rendering they overlap.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import cv2

from lipsync.media.audio import read_audio, write_wav
from lipsync.rendering.articulation import Articulation
from lipsync.rendering.avatar import Avatar, find_avatar, load_avatar
from lipsync.rendering.options import RenderOptions
from lipsync.rendering.pictures import Readers, Speaker, cut_out
from lipsync.rendering.plan import Layer, ping_pong
from lipsync.rendering.render import Renderer
from lipsync.speech.windows import stream_windows

ROOT = Path(__file__).resolve().parents[1]
PRESETS = ("slow", "veryfast")
RATE = 16000  # Hz
STEPS = 100  # frames that the steps are timed on


def frames_per_second(avatar: Avatar, speech: Path, scratch: Path, preset: str, n: int) -> float:
    """Median over ``n`` renderings, after one that does not count."""
    found = []
    with Renderer(avatar, RenderOptions(preset=preset)) as renderer:
        for _ in range(n + 1):
            started = time.perf_counter()
            rendered = renderer.render(speech, scratch / "out.mp4")
            found.append(rendered.pictures / (time.perf_counter() - started))
    return statistics.median(found[1:])


def steps(avatar: Avatar, speech: Path) -> dict[str, float]:
    """Milliseconds a frame of each step."""
    cv2.setNumThreads(1)
    with Renderer(avatar, RenderOptions()) as renderer:
        encoder, info = renderer.encoder, avatar.info
        samples = read_audio(speech, RATE)
        articulation = Articulation(avatar, encoder)
        rows = map(articulation.normalise, encoder.stream(iter([samples]), STEPS))
        windows = list(stream_windows(rows, articulation.silence, info.past, info.future))
        spent = dict.fromkeys(("decode and crop", "motion", "layers and refiner", "paste"), 0.0)
        speaker = Speaker(avatar, renderer.films)
        frames = ping_pong(len(avatar.film), STEPS)
        with Readers(renderer.films) as readers:
            for frame, window in zip(frames.tolist(), windows, strict=False):
                marks = [time.perf_counter()]
                layer = Layer(0, frame, spoken=True, shot=0)
                piece = cut_out(avatar, renderer.films, readers, layer)
                marks.append(time.perf_counter())
                expression = articulation.express(window)
                marks.append(time.perf_counter())
                speaker.decide(piece, expression)
                marks.append(time.perf_counter())
                speaker.put(piece)
                marks.append(time.perf_counter())
                for name, begin, end in zip(spent, marks, marks[1:], strict=False):
                    spent[name] += 1000 * (end - begin) / STEPS
    return spent


def main() -> None:
    """Measure each avatar."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("avatars", nargs="+", metavar="AVATAR")
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    samples = read_audio(ROOT / "data/speech/sample.wav", RATE)[: int(arguments.seconds * RATE)]
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        write_wav(scratch / "speech.wav", samples, RATE)
        for name in arguments.avatars:
            avatar = load_avatar(find_avatar(name))
            info = avatar.info
            print(f"{name}: {info.width}x{info.height}, working size {info.crop_size}")
            for preset in PRESETS:
                speed = frames_per_second(
                    avatar, scratch / "speech.wav", scratch, preset, arguments.repeats
                )
                print(f"  preset {preset}: {speed:.1f} frames/s")
            for step, spent in steps(avatar, scratch / "speech.wav").items():
                print(f"  {step}: {spent:.1f} ms a frame")


if __name__ == "__main__":
    main()
