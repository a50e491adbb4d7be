"""visemes/params.yaml: the sections of the viseme pipeline.

They are no sections of params.yaml: that one configures the avatar of a person, this one a network
that all people share.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from lipsync.params import Section, load_sections
from lipsync.training.params import ComputeParams, OptimizerParams

PARAMS_FILE = Path("visemes/params.yaml")


class DataParams(Section):
    """Which recordings, who is held out."""

    root: str = "visemes/corpus"  # holds the alignments too
    map: str = "visemes/maps/en_ipa.json"
    held_out: tuple[str, ...] = ()  # speakers; empty: a share of them, drawn
    validation: float = Field(0.2, gt=0, lt=0.9)  # that share, where nobody is named
    split_seed: int = Field(1, ge=0, lt=2**31)  # who is drawn; another `seed` holds out the same
    longest: float = Field(8.0, ge=1)  # seconds; longer recordings are cut in their pauses
    mismatch: float = Field(0.1, ge=0)  # seconds by which an alignment may miss its sound's end


class AugmentParams(Section):
    """What may differ between two recordings of the same words. 0 switches a part off."""

    gain: float = Field(10.0, ge=0)  # dB of level, either way
    noise: float = Field(0.3, ge=0, le=1)  # share of utterances with noise under them
    snr: tuple[float, float] = (5.0, 35.0)  # dB of the loudest speech over that noise, drawn evenly
    warp: float = Field(0.12, ge=0, lt=0.5)  # share by which frequencies are scaled: vocal tracts
    tilt: float = Field(6.0, ge=0)  # dB over the spectrum, either way: microphones
    silence: float = Field(0.2, ge=0, le=1)  # share of utterances of which a stretch falls silent
    breath: float = Field(0.5, ge=0, le=1)  # share of these stretches in which somebody breathes
    time_masks: int = Field(0, ge=0)  # SpecAugment; see docs/visemes.md
    time_mask: PositiveInt = 8  # frames at most
    frequency_masks: int = Field(0, ge=0)
    frequency_mask: PositiveInt = 12  # bands at most

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.snr[0] > self.snr[1]:
            raise ValueError("snr should be [lowest, highest] in dB")
        return self


class ModelParams(Section):
    """Architecture of the TCN."""

    layers: int = Field(5, ge=1, le=10)  # layer l has dilation 2^l
    channels: int = Field(128, ge=8)
    kernel: int = Field(3, ge=2, le=9)
    convolutions: Literal[1, 2] = 1  # of a layer
    lookahead: int = Field(10, ge=0, le=50)  # frames of 10 ms that are heard beyond the one told
    dropout: float = Field(0.1, ge=0, lt=1)


class LossParams(Section):
    """Which loss is minimised; all leave padding and ignored frames out."""

    kind: Literal["cross_entropy", "bce", "focal"] = "cross_entropy"
    label_smoothing: float = Field(0.05, ge=0, lt=1)
    class_weights: Literal["none", "sqrt", "inverse"] = "none"  # of 1 / share of the class
    focal_gamma: float = Field(2.0, ge=0)


class TrainParams(Section):
    """AdamW, its schedule, batches."""

    learning_rate: PositiveFloat = 3e-3  # the highest
    schedule: Literal["one_cycle", "cosine", "constant"] = "one_cycle"
    warmup_steps: int = Field(50, ge=0)  # of cosine and constant; one_cycle has its own
    weight_decay: float = Field(0.01, ge=0)
    gradient_clip: PositiveFloat = 1.0  # largest norm of the gradient of a step
    ema_decay: float = Field(0.99, ge=0, lt=1)  # the result is a moving average of the weights
    patience: int = Field(0, ge=0)  # epochs without a better held-out loss; 0 never stops early
    batch_seconds: PositiveFloat = 20.0  # of sound in a step, padding included

    def optimizer(self) -> OptimizerParams:
        """What `lipsync.training.state` wants to know."""
        shared = OptimizerParams.model_fields.keys() & type(self).model_fields.keys()
        return OptimizerParams(**self.model_dump(include=shared))


class ReportParams(Section):
    """What is written beside dvclive's curves."""

    tensorboard: bool = False  # event files under metrics/visemes/tensorboard, not tracked by DVC
    histograms: bool = False  # of the weights, as a picture


class ExportParams(Section):
    """The streaming ONNX."""

    opset: int = Field(20, ge=18, le=23)
    tolerance: PositiveFloat = 1e-5  # largest difference of posteriors, hop by hop and from PyTorch


class LibriSpeechParams(Section):
    """What stage fetch_librispeech downloads: splits and alignments; sizes in docs/visemes.md."""

    fetch: tuple[
        Literal[
            "dev-clean",
            "dev-other",
            "test-clean",
            "test-other",
            "train-clean-100",
            "train-clean-360",
            "train-other-500",
            "alignments",
        ],
        ...,
    ] = ()


class VisemeParams(Section):
    """The whole file."""

    seed: int = Field(1, ge=0, lt=2**31)
    epochs: PositiveInt = 40
    log_level: Literal["debug", "info", "warning"] = "info"
    data: DataParams = DataParams()
    augment: AugmentParams = AugmentParams()
    model: ModelParams = ModelParams()
    loss: LossParams = LossParams()
    train: TrainParams = TrainParams()
    compute: ComputeParams = ComputeParams()
    report: ReportParams = ReportParams()
    export: ExportParams = ExportParams()
    librispeech: LibriSpeechParams = LibriSpeechParams()


def load_viseme_params(path: Path = PARAMS_FILE) -> VisemeParams:
    """Read and check the file; LipsyncError of one line on the first thing that is wrong."""
    return load_sections(path, VisemeParams)
