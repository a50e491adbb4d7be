"""How quickly an avatar speaks, and where the time goes.

    python benchmarks/render.py [--seconds 12] [--repeats 3]

Two avatars are made of the sample's own film, the second one enlarged to 1280x720, with generators
of presets `quick` (160 px) and `production` (320 px) whose weights are as training begins: they
paint the reference picture, so the encoder has a real face to compress. Each renders the sample
speech with x264's preset slow and veryfast; the median of the repeats is printed, in pictures a
second. Then each step alone, one after the other in one thread (the model with as many as there
are cores), in milliseconds a picture: in a rendering they overlap.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch

from lipsync.errors import LipsyncError
from lipsync.export.avatar import write_avatar
from lipsync.export.onnx import to_onnx
from lipsync.faces.compositing import paste_planes
from lipsync.faces.crop import crop_boxes, extract
from lipsync.faces.masks import visible_rows
from lipsync.faces.models import fetch, verify
from lipsync.faces.params import CropParams, LandmarksParams
from lipsync.faces.tracker import FaceTracker
from lipsync.generator.model import Generator
from lipsync.media.audio import read_audio, write_wav
from lipsync.media.planes import to_planes
from lipsync.media.video import FrameReader, VideoWriter, read_frames
from lipsync.params import load_params
from lipsync.presets import PRESETS
from lipsync.rendering.avatar import Avatar, AvatarInfo, load_avatar
from lipsync.rendering.film import Film
from lipsync.rendering.options import RenderOptions
from lipsync.rendering.plan import ping_pong
from lipsync.rendering.render import Renderer
from lipsync.speech.mel import MelEncoder
from lipsync.speech.params import SpeechParams
from lipsync.speech.windows import stream_windows

ROOT = Path(__file__).resolve().parents[1]
FPS = 25
FILM_SECONDS = 8  # of the sample that the avatars' films are made of
CASES = {  # preset, width, height, wanted pictures a second with slow and veryfast
    "512x512, 160 px": ("quick", 512, 512, {"slow": 60, "veryfast": 100}),
    "1280x720, 320 px": ("production", 1280, 720, {"slow": 25, "veryfast": 40}),
}


def film_pictures(width: int, height: int) -> Iterator[np.ndarray]:
    """The sample, filling the height, on a ground of its own colours."""
    video = ROOT / "data/videos/sample.mp4"
    for picture in islice(read_frames(video), FILM_SECONDS * FPS):
        scaled = cv2.resize(picture, (height, height), interpolation=cv2.INTER_CUBIC)
        ground = cv2.resize(cv2.GaussianBlur(picture, (0, 0), 9), (width, height))
        left = (width - height) // 2
        ground[:, left : left + height] = scaled
        yield ground


def make_avatar(folder: Path, name: str, preset: str, width: int, height: int) -> Avatar:
    """An avatar whose network paints the reference picture."""
    models = ROOT / "models/face"
    try:
        verify(models)
    except LipsyncError:
        models = folder / "face"
        fetch(models)
    path = folder / f"{name}.mp4"
    with VideoWriter(path, width, height, FPS, preset="superfast", crf=8) as writer:
        for picture in film_pictures(width, height):
            writer.write(picture)
    found = FaceTracker(models, LandmarksParams()).track(read_frames(path))
    boxes = crop_boxes(found.points, found.valid, width, height, float(FPS), CropParams().smoothing)
    values = PRESETS[preset].values
    size, encoder = values["crop"]["size"], MelEncoder(FPS)
    torch.manual_seed(0)
    generator = Generator(
        size,
        encoder.dimension,
        6,
        4,
        channels=tuple(values["generator"]["channels"]),
        code_channels=values["generator"]["code_channels"],
    ).eval()
    with FrameReader(path) as film:
        reference = extract(to_planes(film.frame(0)), boxes[0], size)
    info = AvatarInfo(
        person=name,
        notice="",
        fps=FPS,
        width=width,
        height=height,
        frames=len(boxes),
        crop_size=size,
        speech=SpeechParams(),
        speech_dimension=encoder.dimension,
        past=6,
        future=4,
        opset=20,
        sha256={},
    )
    film = Film(path, boxes, found.valid, width, height)
    network = to_onnx(generator, reference, info.opset)
    write_avatar(folder / name, info, network, film, np.ones(len(boxes), bool), models)
    return load_avatar(folder / name)


def timed(work: Callable[[], object], count: int) -> float:
    """Milliseconds for each of ``count`` pictures."""
    begin = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begin) / count


def steps(avatar: Avatar, speech: Path, folder: Path) -> dict[str, float]:
    """Milliseconds a picture of each step alone."""
    count, film = 100, avatar.film
    order = ping_pong(len(film), count)
    planes: list[np.ndarray] = []
    with FrameReader(film.path) as reader:
        decode = timed(lambda: planes.extend(to_planes(reader.frame(n)) for n in order), count)
    size = avatar.info.crop_size
    faces: list[np.ndarray] = []
    crop = timed(
        lambda: faces.extend(
            extract(p, film.boxes[n], size, visible_rows(size))
            for p, n in zip(planes, order, strict=True)
        ),
        count,
    )
    encoder, windows = MelEncoder(FPS), []
    sound = read_audio(speech)
    hear = timed(
        lambda: windows.extend(
            stream_windows(encoder.stream([sound], count), encoder.silence, 6, 4)
        ),
        count,
    )
    painted: list[np.ndarray] = []
    paint = timed(
        lambda: painted.extend(
            avatar.paint(f[None], w[None])[0] for f, w in zip(faces, windows, strict=True)
        ),
        count,
    )
    paste = timed(
        lambda: [
            paste_planes(p, f, film.boxes[n])
            for p, f, n in zip(planes, painted, order, strict=True)
        ],
        count,
    )
    found = {"decode": decode, "crop": crop, "hear": hear, "model": paint, "paste": paste}
    for preset in ("slow", "veryfast"):
        with VideoWriter(
            folder / "steps.mp4", film.width, film.height, FPS, preset=preset, crf=18
        ) as writer:
            begin = time.process_time()
            for picture in planes:
                writer.write_planes(picture)
        spent = time.process_time() - begin  # when all is written: slow looks 50 pictures ahead
        found[f"x264 {preset}, of one core"] = 1000 * spent / count
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=12.0, help="of speech")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    load_params(ROOT / "params.yaml")  # says so where the project is not whole
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        sound = np.tile(read_audio(ROOT / "data/speech/sample.wav"), 10)
        speech = folder / "speech.wav"
        write_wav(speech, sound[: round(arguments.seconds * 16_000)])
        split: dict[str, dict[str, float]] = {}
        print("| | x264 | pictures/s | wanted |\n|---|---|---|---|")
        for case, (preset, width, height, wanted) in CASES.items():
            avatar = make_avatar(folder, preset, preset, width, height)
            for x264, least in wanted.items():
                rates = []
                with Renderer(avatar, RenderOptions(preset=x264)) as renderer:
                    for _ in range(arguments.repeats):
                        begin = time.perf_counter()
                        done = renderer.render(speech, folder / "out.mp4")
                        rates.append(done.pictures / (time.perf_counter() - begin))
                print(f"| {case} | {x264} | {statistics.median(rates):.0f} | {least} |", flush=True)
            split[case] = steps(avatar, speech, folder)
        print("\n| ms a picture | " + " | ".join(split) + " |")
        print("|---" * (len(split) + 1) + "|")
        for step in next(iter(split.values())):
            print(
                f"| {step} | " + " | ".join(f"{each[step]:.1f}" for each in split.values()) + " |"
            )


if __name__ == "__main__":
    main()
