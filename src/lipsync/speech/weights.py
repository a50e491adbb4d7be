"""Where an encoder's weights lie, which they are, and what is said where they are missing."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.speech.params import SpeechParams


class Source(NamedTuple):
    default: Path  # where the weights lie if speech.weights is null
    download: str  # what to get, and from where


FOLDER = Path("models/pretrained/speech")
SOURCES = {
    "ave": Source(
        FOLDER / "ave.pth",
        "download nerf_triplane/checkpoints/audio_visual_encoder.pth (11 MB) of "
        "https://github.com/ZiqiaoPeng/SyncTalk",
    ),
    "hubert": Source(
        FOLDER / "hubert",
        "download config.json, preprocessor_config.json and pytorch_model.bin or model.safetensors "
        "of a HuBERT, such as https://huggingface.co/facebook/hubert-large-ls960-ft (1.3 GB), "
        "into that folder",
    ),
    "wenet": Source(
        FOLDER / "wenet.onnx",
        "download encoder.onnx, to which the README of "
        "https://github.com/anliyuan/Ultralight-Digital-Human links",
    ),
    "viseme": Source(
        Path("models/visemes/visemes.onnx"),
        "make it with `dvc repro visemes/dvc.yaml`, or get somebody's",
    ),
}


def weights_path(params: SpeechParams) -> Path:
    """``params.weights``, or the encoder's own place."""
    return Path(params.weights) if params.weights else SOURCES[params.encoder].default


def weights_file(params: SpeechParams) -> Path:
    """The same, for weights in one file. Raises LipsyncError if there is none."""
    path = weights_path(params)
    if not path.is_file():
        raise missing(params, path)
    return path


def missing(params: SpeechParams, path: Path | str, problem: str = "missing") -> LipsyncError:
    """One line: what of encoder ``params.encoder`` is not at ``path``, and how to get it."""
    source = SOURCES[params.encoder]
    return LipsyncError(
        f"{path}: {problem}; for speech.encoder {params.encoder}, {source.download}, put it at "
        f"{source.default} or name its place in speech.weights; see docs/speech.md"
    )


def heard_weights(rows: Path) -> str:
    """SHA-256 of the weights that made a speech.npz, empty where the encoder has none.

    Raises LipsyncError if the file is missing or damaged.
    """
    try:
        with np.load(rows) as archive:
            return str(archive["weights_sha256"])
    except FileNotFoundError:
        raise LipsyncError(f"{rows}: no such file; run `dvc repro`") from None
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise LipsyncError(f"{rows}: damaged: {error}; run `dvc repro`") from error


def sha256(files: Iterable[Path]) -> str:
    """Hexadecimal SHA-256 of the files' contents, one after the other in the given order."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
