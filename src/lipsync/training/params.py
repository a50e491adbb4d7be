"""Params that both trainings read."""

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from lipsync.params import Scalar, Section


class Epochs(Scalar, key="epochs"):
    """Epochs of the refiner, at the top of params.yaml because it is what people change most.

    With 0 the face is made of exemplars alone.
    """

    root: NonNegativeInt


class Seed(Scalar, key="seed"):
    """Seed of weights, order and augmentation."""

    root: int = Field(ge=0, lt=2**31)


class SplitParams(Section, key="split"):
    """The held-out end of the video."""

    validation: float = Field(0.2, gt=0, lt=0.9)
    gap: float = Field(1.0, ge=0.4)  # seconds; speech windows reach 10 frames at most


class ComputeParams(Section, key="compute"):
    """Where and how precisely to train."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"


class OptimizerParams(Section):
    """AdamW with warm-up, then a constant rate; the result is the moving average of the weights.

    The rate may not depend on the number of epochs: 100 epochs continued to 200 must be 200.
    """

    learning_rate: PositiveFloat = 1e-3
    warmup_steps: int = Field(100, ge=0)
    weight_decay: float = Field(0.01, ge=0)
    gradient_clip: PositiveFloat = 1.0  # largest norm of the gradient of a step
    ema_decay: float = Field(0.995, ge=0, lt=1)
    batch_size: PositiveInt = 32
    patience: int = Field(0, ge=0)  # epochs without a better held-out loss; 0 never stops early
