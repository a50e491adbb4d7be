"""A small corpus whose visemes are bands of noise, packed, and a network of chance."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from lipsync.media.audio import write_wav
from lipsync.speech.viseme import VisemeNetwork
from lipsync.visemes.corpus import Corpus, load_corpus
from lipsync.visemes.export import to_onnx
from lipsync.visemes.maps import PhoneMap, load_map
from lipsync.visemes.model import VisemeTCN
from lipsync.visemes.packing import pack
from lipsync.visemes.recordings import Quarantine, find_recordings, read_recordings

RATE = 16_000
BANDS = {"_": None, "p": (200, 500), "s": (4000, 7000), "a": (800, 1500)}  # Hz of each phone


def band_noise(band: tuple[int, int] | None, samples: int, draw: np.random.Generator) -> np.ndarray:
    """Noise between two frequencies; None is the quiet of a room."""
    noise = draw.normal(0, 0.1, samples)
    if band is None:
        return noise / 300
    spectrum = np.fft.rfft(noise)
    hertz = np.fft.rfftfreq(samples, 1 / RATE)
    spectrum[(hertz < band[0]) | (hertz > band[1])] /= 100
    return np.fft.irfft(spectrum, samples)


def write_utterance(
    root: Path, speaker: str, number: int, phones: list[tuple[str, float]], seed: int
) -> Path:
    """A recording of phones (symbol, seconds) and its alignment; returns the recording."""
    draw = np.random.default_rng(seed)
    folder = root / speaker / "1"
    folder.mkdir(parents=True, exist_ok=True)
    parts, entries, time = [], [], 0.0
    for symbol, seconds in phones:
        parts.append(band_noise(BANDS[symbol], round(seconds * RATE), draw))
        entries.append([round(time, 4), round(time + seconds, 4), symbol])
        time += seconds
    sound = folder / f"{speaker}-1-{number:04d}.wav"
    write_wav(sound, np.concatenate(parts).astype(np.float32))
    alignment = {"start": 0, "end": time, "tiers": {"phones": {"entries": entries}}}
    sound.with_suffix(".json").write_text(json.dumps(alignment))
    return sound


def chance(seed: int) -> list[tuple[str, float]]:
    """About 4 s of phones of 50 to 200 ms, as chance has them, between pauses."""
    draw = np.random.default_rng(seed)
    said = [("asp_"[draw.integers(4)], float(draw.integers(5, 20)) / 100) for _ in range(32)]
    return [("_", 0.2), *said, ("_", 0.2)]


@pytest.fixture(scope="session")
def phones(root: Path) -> PhoneMap:
    return load_map(root / "visemes/maps/en_ipa.json")


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory, phones: PhoneMap) -> Corpus:
    """Three speakers with three utterances each, packed; speaker c is held out."""
    root, packed = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("packed")
    for i, speaker in enumerate("abc"):
        for number in range(3):
            write_utterance(root, speaker, number, chance(10 * i + number), 10 * i + number)
    quarantine = Quarantine()
    recordings = read_recordings(find_recordings([root], quarantine), phones, 0.1, quarantine)
    pack(packed, recordings, phones, {"c"}, longest=3.0, quarantine=quarantine)
    return load_corpus(packed)


@pytest.fixture(scope="session")
def model() -> VisemeTCN:
    """An untrained network whose answers differ from frame to frame."""
    torch.manual_seed(0)
    model = VisemeTCN(layers=3, channels=16, convolutions=2, lookahead=4).eval()
    model.standardize.mean.fill_(8.0)
    model.standardize.deviation.fill_(4.0)
    torch.nn.init.normal_(model.head.weight, std=0.1)
    return model.requires_grad_(False)


@pytest.fixture(scope="session")
def network(model: VisemeTCN, tmp_path_factory: pytest.TempPathFactory) -> VisemeNetwork:
    """The same, exported."""
    path = tmp_path_factory.mktemp("network") / "visemes.onnx"
    path.write_bytes(to_onnx(model, 20))
    return VisemeNetwork(path)
