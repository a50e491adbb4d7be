"""Is the exported network the one that was trained, and how quick is it?"""

import time
from pathlib import Path

import numpy as np
import torch

from lipsync.errors import LipsyncError
from lipsync.export.onnx import as_input
from lipsync.faces.crop import extract
from lipsync.generator.model import Generator
from lipsync.media.audio import SAMPLE_RATE
from lipsync.media.clock import sample_count
from lipsync.media.planes import to_planes
from lipsync.media.video import FrameReader
from lipsync.rendering.avatar import Avatar, open_session
from lipsync.speech.encoder import SpeechEncoder
from lipsync.speech.windows import speech_windows

BATCH_SIZES = (1, 2, 5)  # of the comparison with PyTorch; the export itself is traced with 2
SAMPLES = 10  # pictures that are compared: half filmed crops, half noise
RUNS = 40  # pictures that are timed, after two that are not


def sample_inputs(
    generator: Generator, film: FrameReader, boxes: np.ndarray, encoder: SpeechEncoder
) -> tuple[np.ndarray, np.ndarray]:
    """Crops (N, S, S, 3) uint8 from all over the film and of noise, speech (N, K, D) float32.

    The speech is the encoder's own view of seeded noise that swells from silence to full level.

    Raises LipsyncError if the generator was trained on speech of another dimension.
    """
    dimension = generator.config["speech_dimension"]
    if encoder.dimension != dimension:
        raise LipsyncError(
            f"speech: rows of {encoder.dimension}, but the generator was trained on {dimension}; "
            "run `dvc repro`"
        )
    draw = np.random.default_rng(0)
    size = int(generator.visible.shape[-1])
    spread = np.linspace(0, len(film) - 1, SAMPLES // 2).round().astype(int)
    filmed = [extract(to_planes(film.frame(index)), boxes[index], size) for index in spread]
    noise = draw.integers(0, 256, (SAMPLES - len(filmed), size, size, 3), np.uint8)

    samples = sample_count(SAMPLES, film.fps, SAMPLE_RATE)
    sound = np.linspace(0, 1, samples) * draw.uniform(-1, 1, samples)
    rows = encoder.encode(sound.astype(np.float32), SAMPLES)
    speech = speech_windows(
        rows, encoder.silence, np.arange(SAMPLES), generator.past, generator.future
    )
    return np.concatenate([filmed, noise]), speech


def parity(
    network: bytes,
    generator: Generator,
    reference: np.ndarray,
    crops: np.ndarray,
    speech: np.ndarray,
) -> float:
    """Largest absolute difference between ONNX Runtime and PyTorch, faces being 0..1.

    reference (S, S, 3) uint8; crops (N, S, S, 3) uint8 and speech (N, K, D) float32, taken in
    batches of each of BATCH_SIZES.
    """
    session = open_session(network)
    source = as_input(torch.from_numpy(reference)[None])
    worst = 0.0
    for size in BATCH_SIZES:
        for start in range(0, len(crops), size):
            some, said = crops[start : start + size], speech[start : start + size]
            (face,) = session.run(["face"], {"crop": some, "speech": said})
            with torch.no_grad():
                wanted = generator(as_input(torch.from_numpy(some)), source, torch.from_numpy(said))
            wanted = wanted.clamp(0, 1).permute(0, 2, 3, 1)  # (B, 3, S, S) -> (B, S, S, 3)
            worst = max(worst, float(np.abs(face - wanted.numpy()).max()))
    return worst


def check_parity(difference: float, tolerance: float, source: Path) -> None:
    """Raise LipsyncError if the exported network paints another picture than the trained one."""
    if not difference <= tolerance:  # also where it is not a number
        raise LipsyncError(
            f"{source}: as ONNX it differs from PyTorch by {difference:.2g}, more than "
            f"export.tolerance, {tolerance:g}; try another export.opset"
        )


def frames_per_second(avatar: Avatar) -> float:
    """Faces that the network paints in a second on this CPU, as rendering runs it: the median."""
    info = avatar.info
    draw = np.random.default_rng(0)
    crops = draw.integers(0, 256, (1, info.crop_size, info.crop_size, 3), np.uint8)
    window = (1, info.past + 1 + info.future, info.speech_dimension)
    speech = draw.uniform(0, 1, window).astype(np.float32)
    seconds = []
    for _ in range(2 + RUNS):
        start = time.perf_counter()
        avatar.paint(crops, speech)
        seconds.append(time.perf_counter() - start)
    return 1 / float(np.median(seconds[2:]))
