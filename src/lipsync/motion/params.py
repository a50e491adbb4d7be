"""Section `motion` of params.yaml."""

from typing import Any, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from lipsync.training.params import OptimizerParams


class MotionParams(OptimizerParams, key="motion"):
    """Architecture, augmentation, calibration and optimiser of the motion network."""

    epochs: PositiveInt = 10
    batch_size: PositiveInt = 4  # clips
    learning_rate: PositiveFloat = 2e-3
    weight_decay: float = Field(0.05, ge=0)
    warmup_steps: int = Field(50, ge=0)
    ema_decay: float = Field(0.99, ge=0, lt=1)
    past: int = Field(10, ge=2, le=10)  # speech rows before the frame
    network_past: int = Field(6, ge=2, le=10)  # of these, the nearest that the networks hear
    look_ahead: int = Field(4, ge=0, le=10)  # and after it, frames
    clip: int = Field(50, ge=2, le=100)  # consecutive frames in a sample
    members: int = Field(4, ge=4, le=32, multiple_of=4)  # networks whose mean is taken
    channels: PositiveInt = 64  # of each
    dropout: float = Field(0.1, ge=0, lt=1)
    components: int = Field(40, ge=1)  # of a speech row, that ridge regression looks at
    opening: float = Field(1.0, ge=0)  # weight of the opening of the mouth, beside the expression
    closed: float = Field(1.0, ge=0)  # extra weight of frames whose lips are closed
    largest_gain: float = Field(1.5, ge=1)  # of the amplitude, by which predictions are enlarged
    gain: float = Field(6.0, ge=0)  # augmentation: dB of speech level at most, either way
    tilt: float = Field(4.0, ge=0)  # of a base: dB by which the spectrum's colour varies
    vocal_tract: float = Field(0.1, ge=0, lt=0.5)  # of a base: by which bands are stretched
    noise: float = Field(0.1, ge=0, le=1)  # augmentation: of a feature's spread
    mask: float = Field(0.05, ge=0, lt=1)  # augmentation: share of the features that is left out

    @model_validator(mode="after")
    def _networks_hear_no_more(self) -> Self:
        if self.network_past > self.past:
            raise ValueError(f"network_past is {self.network_past}, more than past, {self.past}")
        return self

    def architecture(self) -> dict[str, Any]:
        """Keyword arguments of ``MotionNet``."""
        names = {"past", "network_past", "members", "channels", "dropout", "components"}
        return self.model_dump(include=names) | {"future": self.look_ahead}
