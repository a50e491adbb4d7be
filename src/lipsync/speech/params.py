"""The ``speech`` section of params.yaml."""

from typing import Literal

from lipsync.params import Section


class SpeechParams(Section, key="speech"):
    """What the models hear."""

    # mel: log-mel spectrogram, nothing to download; ave, hubert, wenet: pretrained networks;
    # viseme: the network that visemes/dvc.yaml trains
    encoder: Literal["mel", "ave", "hubert", "wenet", "viseme"] = "mel"
    # of a pretrained network: a file, for hubert a folder or a hub id; None: the default place
    weights: str | None = None
