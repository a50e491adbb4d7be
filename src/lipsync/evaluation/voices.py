"""How far the mouth opens when somebody else speaks: an avatar mostly hears other voices.

The voices of data/voices, women and men, real and synthetic, are heard as files are rendered, and
the predicted openings are compared with the person's own filmed ones, in frames in which somebody
speaks: their standard deviation ("spread") and their mean. Synthetic voices come with phonemes:
there the mouth has to close at p, b and m. No picture is made.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from lipsync.errors import LipsyncError
from lipsync.evaluation.mouths import correlation
from lipsync.files import files_in
from lipsync.media.audio import SAMPLE_RATE, read_audio
from lipsync.media.clock import frame_count
from lipsync.motion.adaptation import MotionBase, load_motion_base
from lipsync.motion.data import (
    MotionData,
    matched_prediction,
    network_predictions,
    normalise_speech,
    voiced,
)
from lipsync.motion.model import MotionNet
from lipsync.motion.targets import CLOSED
from lipsync.speech.encoder import SpeechEncoder
from lipsync.training.data import AudioData

FOLDER = Path("data/voices")
LIPS_MEET = frozenset("pbm")  # IPA symbols of phonemes at which the lips close


@dataclass(frozen=True)
class Voice:
    """Somebody who speaks.

    Attributes:
        samples: (n,) float32 -1..1 at 16 kHz
        closures: (C, 2) seconds: while the lips are closed, where phonemes are known
    """

    name: str
    samples: np.ndarray
    closures: np.ndarray


@dataclass(frozen=True)
class Spoken:
    """What one voice does to the mouth.

    Attributes:
        spread, mean: of the predicted opening in speech, over those that were filmed
        closed: (C,) bool, whether the mouth closes at each p, b and m
        agreement: r with the base's prediction; None without a base
    """

    spread: float
    mean: float
    closed: np.ndarray
    agreement: float | None


def read_voices(folder: Path = FOLDER) -> list[Voice]:
    """The folder's voices, by name.

    Raises:
        LipsyncError: there is none, or a file is damaged.
    """
    found = []
    for path in files_in(folder, {".wav"}) if folder.is_dir() else []:
        spans: list[tuple[float, float]] = []
        phonemes = path.with_suffix(".phonemes.json")
        if phonemes.is_file():
            try:
                rows = json.loads(phonemes.read_text(encoding="utf-8"))["phonemes"]
                spans = [
                    (row["start"], row.get("release", row["end"]))
                    for row in rows
                    if row["symbol"] in LIPS_MEET
                ]
            except (ValueError, KeyError, TypeError) as error:
                raise LipsyncError(
                    f"{phonemes}: damaged: {error}; `git checkout {folder}`"
                ) from error
        found.append(Voice(path.stem, read_audio(path), np.array(spans).reshape(-1, 2)))
    if not found:
        raise LipsyncError(f"{folder}: no voices; `git checkout {folder}` brings them back")
    return found


def hear(
    voice: Voice,
    model: MotionNet,
    own: MotionData,
    encoder: SpeechEncoder,
    closed_below: float,
    base: MotionBase | None,
) -> Spoken:
    """Let a person's motion network hear a voice.

    Args:
        model: on the CPU
        own: the person's, with normalised speech, on the CPU
        closed_below: opening below which the mouth counts as closed
        base: that the person's network began as
    """
    data = _audio(voice, own, encoder)
    frames = np.arange(data.frames)
    opening = own.shape.opening(matched_prediction(model, data, frames)(frames))
    heard = voiced(data, frames)
    spoken = own.valid & voiced(own, np.arange(own.frames))
    filmed = own.shape.opening(own.expression.numpy()[spoken])
    agreement = None
    if base is not None:
        theirs = network_predictions(base.model, data, frames).mean(1) @ base.basis.gap_weights
        agreement = correlation(opening[heard], theirs[heard])
    closed = [
        opening[_during(start, end, data.fps, len(opening))].min() < closed_below
        for start, end in voice.closures
    ]
    return Spoken(
        spread=float(opening[heard].std() / max(filmed.std(), 1e-9)),
        mean=float(opening[heard].mean() / max(filmed.mean(), 1e-9)),
        closed=np.array(closed, bool),
        agreement=agreement,
    )


def measure_voices(
    model: MotionNet, own: MotionData, encoder: SpeechEncoder, training_end: int, base: Path | None
) -> dict[str, float | None]:
    """Figures of the voices of data/voices.

    Args:
        model: the person's, on any device
        own: with normalised speech, on the CPU
        training_end: frame at which the training part ends, which says what a closed mouth is
        base: file of the base of motion that the person's network began as
    """
    training = own.expression.numpy()[:training_end][own.valid[:training_end]]
    below = float(np.quantile(own.shape.opening(training), CLOSED))
    known = load_motion_base(base) if base else None
    model = copy.deepcopy(model).cpu()
    return figures(
        {each.name: hear(each, model, own, encoder, below, known) for each in read_voices()}
    )


def figures(spoken: Mapping[str, Spoken]) -> dict[str, float | None]:
    """The extremes over the voices, the means, and each voice's own."""
    spreads = [each.spread for each in spoken.values()]
    means = [each.mean for each in spoken.values()]
    closed = np.concatenate([each.closed for each in spoken.values()])
    agreed = [each.agreement for each in spoken.values() if each.agreement is not None]
    found: dict[str, float | None] = {
        "least_spread": min(spreads),
        "most_spread": max(spreads),
        "least_mean": min(means),
        "most_mean": max(means),
        "closure": float(closed.mean()) if len(closed) else None,
        "agreement": float(np.mean(agreed)) if agreed else None,
    }
    for name, each in spoken.items():
        found |= {f"{name}_spread": each.spread, f"{name}_mean": each.mean}
    return found


def _audio(voice: Voice, own: MotionData, encoder: SpeechEncoder) -> AudioData:
    """The voice's normalised features, with silence around them."""
    frames = frame_count(len(voice.samples) / SAMPLE_RATE, own.fps)
    rows = encoder.encode(voice.samples, frames)
    silence = np.broadcast_to(encoder.silence, (own.past, encoder.dimension))
    everybody = np.ones(frames, bool)
    data = replace(
        own,
        valid=everybody,
        seen=everybody,
        speech=torch.from_numpy(np.concatenate([silence, rows, silence])),
        future=own.past,
    )
    return normalise_speech(data)


def _during(start: float, end: float, fps: float, frames: int) -> slice:
    """Frames that see something of these seconds, one more on either side."""
    first = max(0, int(start * fps) - 1)
    return slice(min(first, frames - 1), max(first + 1, int(np.ceil(end * fps)) + 1))
