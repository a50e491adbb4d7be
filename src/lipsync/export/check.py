"""Are the exported networks the ones that were trained, and how quickly is a face made?"""

import time
from pathlib import Path

import cv2
import numpy as np
import torch

from lipsync.errors import LipsyncError
from lipsync.export.onnx import LEVELS, AvatarRefiner
from lipsync.faces.crop import extract
from lipsync.generator.model import Refiner
from lipsync.media.audio import SAMPLE_RATE
from lipsync.media.clock import sample_count
from lipsync.media.planes import to_planes
from lipsync.media.video import FrameReader
from lipsync.motion.model import MotionNet
from lipsync.rendering.articulation import Articulation
from lipsync.rendering.avatar import Avatar, open_session
from lipsync.rendering.film import Film
from lipsync.rendering.pictures import Speaker, piece_of
from lipsync.rendering.plan import Layer
from lipsync.rendering.refiner import MASKS, OUTPUTS, PICTURES, refiner_inputs
from lipsync.retrieval.face import FaceMaker
from lipsync.retrieval.target import make_target
from lipsync.speech.encoder import SpeechEncoder
from lipsync.speech.normalise import normalised, normalised_silence
from lipsync.speech.windows import speech_windows

BATCH_SIZES = (1, 2, 5)  # of the comparison with PyTorch; the export itself is traced with 2
SAMPLES = 10  # frames that are compared: half of them of the film, half noise
RUNS = 40  # frames that are timed, after two that are not

Inputs = dict[str, np.ndarray]


def sample_speech(motion: MotionNet, encoder: SpeechEncoder, fps: float) -> np.ndarray:
    """Normalised windows (SAMPLES, K, D) float32 of noise that swells from silence to full level.

    Raises LipsyncError if the motion network was trained on speech of another dimension.
    """
    dimension = motion.config["speech_dimension"]
    if encoder.dimension != dimension:
        raise LipsyncError(
            f"speech: rows of {encoder.dimension}, but the motion network was trained on "
            f"{dimension}; run `dvc repro`"
        )
    samples = sample_count(SAMPLES, fps, SAMPLE_RATE)
    noise = np.random.default_rng(0).uniform(-1, 1, samples)
    rows = encoder.encode((np.linspace(0, 1, samples) * noise).astype(np.float32), SAMPLES)
    rows = normalised(rows, encoder.per_decibel, encoder.instants, fps)
    silence = normalised_silence(encoder.silence, encoder.per_decibel)
    return speech_windows(rows, silence, np.arange(SAMPLES), motion.past, motion.future)


def sample_inputs(maker: FaceMaker, film: Film, expressions: np.ndarray) -> Inputs:
    """Inputs of the refiner for SAMPLES frames: layers of frames all over the film, and noise.

    expressions: (N, E), of which the frames have the first ones
    """
    size, selector, found = maker.size, maker.selector(), []
    frames = np.flatnonzero(film.valid)
    frames = frames[np.linspace(0, len(frames) - 1, SAMPLES // 2).round().astype(int)]
    with FrameReader(film.path) as reader:
        for frame, expression in zip(frames.tolist(), expressions, strict=False):
            box = film.boxes[frame]
            crop = extract(to_planes(reader.frame(frame)), box, size)
            target = make_target(maker.model, film.track, frame, box, film.light[frame], expression)
            layers, _ = maker.decide(crop, target, selector.choose(target))
            found.append(refiner_inputs(layers, crop))
    draw = np.random.default_rng(0)
    for _ in range(SAMPLES - len(found)):
        noise = {name: draw.integers(0, 256, (1, size, size, 3), np.uint8) for name in PICTURES}
        noise |= {name: draw.integers(0, 256, (1, size, size), np.uint8) for name in MASKS}
        found.append(noise)
    return {name: np.concatenate([each[name] for each in found]) for name in found[0]}


def refiner_parity(network: bytes, refiner: Refiner, inputs: Inputs) -> float:
    """Largest absolute difference between ONNX Runtime and PyTorch.

    Of shares, of flows in shares of the crop's side, and of corrections, colours being 0..1.
    inputs: N frames, taken in batches of each of BATCH_SIZES.
    """
    session, trained = open_session(network), AvatarRefiner(refiner).eval()
    scales = dict(zip(OUTPUTS, (1.0, 1.0, 1 / LEVELS), strict=True))
    worst = 0.0
    for size in BATCH_SIZES:
        for start in range(0, len(inputs["face"]), size):
            some = {name: value[start : start + size] for name, value in inputs.items()}
            found = session.run(OUTPUTS, some)
            with torch.no_grad():
                wanted = trained(*(torch.from_numpy(some[name]) for name in (*PICTURES, *MASKS)))
            for name, mine, theirs in zip(OUTPUTS, found, wanted, strict=True):
                worst = max(worst, scales[name] * float(np.abs(mine - theirs.numpy()).max()))
    return worst


def check_parity(difference: float, tolerance: float, source: Path) -> None:
    """Raise LipsyncError if an exported network does something else than the trained one."""
    if not difference <= tolerance:  # also where it is not a number
        raise LipsyncError(
            f"{source}: as ONNX it differs from PyTorch by {difference:.2g}, more than "
            f"export.tolerance, {tolerance:g}; try another export.opset"
        )


def frames_per_second(avatar: Avatar, encoder: SpeechEncoder, speech: np.ndarray) -> float:
    """Whole faces that this CPU makes in a second, one thread of ours after the other: the median.

    From the film's frame at its own size to the frame that speaks; decoding and encoding excluded.
    speech: (N, past + 1 + future, D), what is said, again and again
    """
    cv2.setNumThreads(1)
    film, seconds = avatar.film, []
    speaker, articulation = Speaker(avatar, [film]), Articulation(avatar, encoder)
    frames = np.flatnonzero(film.valid)
    with FrameReader(film.path) as reader:
        for run in range(2 + RUNS):
            layer = Layer(0, int(frames[run % len(frames)]), spoken=True)
            planes = to_planes(reader.frame(layer.frame))
            start = time.perf_counter()
            piece = piece_of(avatar, film, planes, layer)
            speaker.decide(piece, articulation.express(speech[run % len(speech)]))
            speaker.put(piece)
            seconds.append(time.perf_counter() - start)
    return 1 / float(np.median(seconds[2:]))
