"""What a speech encoder is, and which there are.

An encoder turns 16 kHz sound into one row per video frame, row i centred on (i + 0.5) / fps. It has
no memory of an utterance (no normalisation over it), so a row depends on the sound around its
frame alone and training, offline and live rendering see the same numbers. To add one: write a class
with these members, name it in `SpeechParams.encoder` and in `create_encoder`.
"""

from fractions import Fraction
from typing import Protocol

import numpy as np

from lipsync.speech.params import SpeechParams


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

    def encode(self, samples: np.ndarray, frames: int) -> np.ndarray:
        """(n,) float32 -1..1 at 16 kHz -> (frames, D) float32."""


def create_encoder(params: SpeechParams, fps: float | Fraction) -> SpeechEncoder:
    """The encoder that ``params`` names, for video of ``fps`` pictures per second."""
    from lipsync.speech.mel import MelEncoder

    encoders = {"mel": MelEncoder}
    return encoders[params.encoder](fps)
