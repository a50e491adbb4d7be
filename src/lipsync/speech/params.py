"""The ``speech`` section of params.yaml."""

from typing import Literal

from lipsync.params import Section


class SpeechParams(Section, key="speech"):
    """What the models hear."""

    encoder: Literal["mel"] = "mel"  # log-mel spectrogram, nothing to download
