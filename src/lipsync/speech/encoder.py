"""What a speech encoder is, and which there are.

An encoder turns 16 kHz sound into one row per video frame, row i centred on (i + 0.5) / fps. It has
no memory of an utterance (no normalisation over it): a row depends on the sound around its frame
alone, at most on that of its segment (`segments`), so training and rendering see the same numbers.
To add one: write a class with these members, name it in `SpeechParams.encoder` and in
`create_encoder`.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Protocol

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.speech.params import SpeechParams
from lipsync.speech.segments import RowStream
from lipsync.speech.weights import weights_path

# What else is installed for a package that an encoder needs
REMEDIES = {
    "torch": "uv pip install torch",
    "transformers": 'uv pip install -e ".[hubert]"',
    "huggingface_hub": 'uv pip install -e ".[hubert]"',
    "onnxruntime": "uv pip install onnxruntime",
}


class SpeechEncoder(Protocol):
    """Sound -> rows. Sound before the first and after the last sample is digital silence."""

    @property
    def dimension(self) -> int:
        """D, the length of a row."""

    @property
    def silence(self) -> np.ndarray:
        """The row of digital silence, (D,) float32."""

    @property
    def per_decibel(self) -> float:
        """What 1 dB more sound adds to a feature above silence; 0 where features know no level."""

    @property
    def instants(self) -> int:
        """Instants that a row holds one after the other, evenly spread over its frame."""

    @property
    def weights_sha256(self) -> str:
        """Of the content of the weights, hexadecimal; empty where the encoder has none."""

    def encode(self, samples: np.ndarray | Iterable[np.ndarray], frames: int) -> np.ndarray:
        """(n,) float32 -1..1 at 16 kHz, or blocks of it -> (frames, D) float32."""

    def stream(
        self, blocks: Iterable[np.ndarray], frames: int | None = None
    ) -> Iterator[np.ndarray]:
        """The same bits in blocks (B, D), in memory that does not grow with the length.

        ``frames`` is the number of rows in all; None gives as many as the sound lasts.
        """

    def open_stream(self) -> RowStream:
        """The same bits of sound that is still being spoken."""

    @property
    def segment(self) -> int:
        """Frames whose rows are made together, from sound that all must have been heard."""

    def span(self, first: int, count: int) -> tuple[int, int]:
        """The samples [begin, end) that so many frames from ``first`` on are made of."""


def create_encoder(
    params: SpeechParams, fps: float | Fraction, weights_sha256: str | None = None
) -> SpeechEncoder:
    """The encoder that ``params`` names, for video of ``fps`` pictures per second.

    weights_sha256: of the weights that the caller's models were trained with; None takes any.

    Raises LipsyncError if a package or the weights are missing, damaged, or not the wanted ones.
    """
    try:
        encoder = _create(params, fps)
    except ModuleNotFoundError as error:
        if error.name not in REMEDIES:
            raise
        raise LipsyncError(
            f"speech.encoder {params.encoder}: needs {error.name}, which is not installed; "
            f"run `{REMEDIES[error.name]}`"
        ) from None
    if weights_sha256 is not None and encoder.weights_sha256 != weights_sha256:
        found = f"{weights_path(params)} with SHA-256 " if encoder.weights_sha256 else ""
        raise LipsyncError(
            f"speech.encoder {params.encoder}: its weights are {found}"
            f"{_short(encoder.weights_sha256)}, the model was trained with "
            f"{_short(weights_sha256)}; put those there, or train with these: "
            "`dvc repro -f extract_audio_features@<person>`, then `dvc repro`"
        )
    return encoder


def _short(sha256: str) -> str:
    return f"{sha256[:12]}..." if sha256 else "none"


def _create(params: SpeechParams, fps: float | Fraction) -> SpeechEncoder:
    # Each is imported where it is wanted: only mel needs neither torch nor ONNX Runtime.
    match params.encoder:
        case "mel":
            from lipsync.speech.mel import MelEncoder

            return MelEncoder(fps)
        case "ave":
            from lipsync.speech.ave import AveEncoder

            return AveEncoder(fps, params)
        case "hubert":
            from lipsync.speech.hubert import HubertEncoder

            return HubertEncoder(fps, params)
        case "wenet":
            from lipsync.speech.wenet import WenetEncoder

            return WenetEncoder(fps, params)
        case "viseme":
            from lipsync.speech.viseme import VisemeEncoder

            return VisemeEncoder(fps, params)
