"""Params of stage train_syncnet."""

from typing import Any

from pydantic import Field, PositiveFloat, PositiveInt

from lipsync.training.params import OptimizerParams


class SyncNetParams(OptimizerParams, key="syncnet"):
    """Architecture, sampling and optimiser of the SyncNet."""

    epochs: PositiveInt = 6
    epoch_windows: PositiveInt = 750  # windows that an epoch looks at, at most
    warmup_steps: int = Field(50, ge=0)
    ema_decay: float = Field(0.99, ge=0, lt=1)
    frames: int = Field(5, ge=1, le=15)  # consecutive pictures that are judged together
    context: int = Field(2, ge=0, le=10)  # speech rows beyond these pictures on either side
    channels: int = Field(24, ge=8, multiple_of=8)  # width of the first layer
    embedding: PositiveInt = 128
    dropout: float = Field(0.2, ge=0, lt=1)
    hard_shift: int = Field(8, ge=3)  # frames: hard negatives lie 3 ... hard_shift frames away
    jitter: float = Field(0.1, ge=0, lt=1)  # brightness and contrast of the pictures
    shift: int = Field(3, ge=0)  # pixels of 64 that the picture is moved by at most
    gain: float = Field(6.0, ge=0)  # dB of speech level at most, either way
    zoom: float = Field(0.0, ge=0, lt=0.5)  # share by which the picture is enlarged or shrunk
    rotation: float = Field(0.0, ge=0, le=45)  # degrees that it is turned by at most, either way
    noise: float = Field(0.1, ge=0, le=1)  # amplitude of noise under the speech, of the speech's
    temperature: PositiveFloat = 0.07  # at the start; it is learned

    def architecture(self) -> dict[str, Any]:
        """Keyword arguments of ``SyncNet``."""
        names = {"frames", "context", "channels", "embedding", "dropout", "temperature"}
        return self.model_dump(include=names)
