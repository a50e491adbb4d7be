"""Params of stage train_generator."""

from typing import Any, Literal

from pydantic import Field, PositiveInt

from lipsync.params import Section
from lipsync.training.params import OptimizerParams


class LossWeights(Section):
    """Weight of each loss; 0 switches it off."""

    l1: float = Field(1.0, ge=0)  # over the pasted region
    mouth: float = Field(1.0, ge=0)  # L1 again, of the mouth alone
    perceptual: float = Field(0.1, ge=0)  # L1 between features of picture and truth
    sync: float = Field(0.0, ge=0)  # the pictures must match their own speech, says SyncNet
    temporal: float = Field(0.5, ge=0)  # L1 between changes from picture to picture
    sharpness: float = Field(0.2, ge=0)  # local gradient energy must be the truth's


class PerceptualParams(Section):
    """Whose features the perceptual loss compares."""

    features: Literal["syncnet", "vgg19"] = "syncnet"
    weights: str = "imagenet"  # of vgg19: torchvision's, or the path of a file


class GeneratorParams(OptimizerParams, key="generator"):
    """Exemplars, architecture, losses and optimiser of the refiner."""

    exemplars: int = Field(128, ge=2, le=512)  # frames that faces are made of, at most
    apart: float = Field(0.5, ge=0)  # seconds; nearer exemplars are not used in training
    dropout: float = Field(0.5, ge=0, lt=1)  # share of the exemplars that is left out, by chance
    epoch_frames: PositiveInt = 1500  # frames that an epoch looks at, at most; at least a quarter
    learning_rate: float = Field(5e-4, gt=0)
    weight_decay: float = Field(0.1, ge=0)
    batch_size: PositiveInt = 10
    warmup_steps: int = Field(20, ge=0)
    ema_decay: float = Field(0.99, ge=0, lt=1)
    channels: tuple[PositiveInt, ...] = Field((48, 80, 112), min_length=2, max_length=4)
    clip: int = Field(5, ge=1)  # consecutive frames in a sample; SyncNet needs as many as it sees
    losses: LossWeights = LossWeights()
    perceptual: PerceptualParams = PerceptualParams()

    @property
    def clips(self) -> int:
        """Of a batch."""
        return max(1, self.batch_size // self.clip)

    def without_sync(self) -> "GeneratorParams":
        """The same with the sync loss switched off."""
        return self.model_copy(update={"losses": self.losses.model_copy(update={"sync": 0.0})})

    def architecture(self) -> dict[str, Any]:
        """Keyword arguments of ``Refiner``."""
        return self.model_dump(include={"channels"})
