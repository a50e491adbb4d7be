"""Params of stage train_generator."""

from typing import Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from lipsync.params import Section
from lipsync.training.params import OptimizerParams


class LossWeights(Section):
    """Weight of each loss; 0 switches it off."""

    l1: float = Field(1.0, ge=0)  # over the pasted region
    mouth: float = Field(2.0, ge=0)  # L1 again, around the lips alone
    perceptual: float = Field(0.2, ge=0)  # L1 between features of picture and truth
    sync: float = Field(0.002, ge=0)  # the pictures must match their own speech, says SyncNet
    temporal: float = Field(0.1, ge=0)  # L1 between changes from picture to picture


class LipsParams(Section):
    """How the shape of the lips is learned from speech, before the painting."""

    shapes: int = Field(8, ge=1, le=40)  # principal components that say what the lips do
    epochs: PositiveInt = 200  # of these small nets, over all training frames
    learning_rate: PositiveFloat = 1e-3
    members: int = Field(8, ge=2)  # small nets whose mean is taken; each leaves out a part
    channels: PositiveInt = 32  # of each
    dropout: float = Field(0.3, ge=0, lt=1)
    straight: float = Field(0.3, ge=0, le=1)  # share of ridge regression in the guess


class PerceptualParams(Section):
    """Whose features the perceptual loss compares."""

    features: Literal["syncnet", "vgg19"] = "syncnet"
    weights: str = "imagenet"  # of vgg19: torchvision's, or the path of a file


class GeneratorParams(OptimizerParams, key="generator"):
    """Architecture, losses and optimiser of the generator."""

    batch_size: PositiveInt = 10
    warmup_steps: int = Field(50, ge=0)
    ema_decay: float = Field(0.996, ge=0, lt=1)
    past: int = Field(6, ge=0, le=10)  # speech rows before the frame
    future: int = Field(4, ge=0, le=10)  # and after it: the look-ahead of live rendering
    channels: tuple[PositiveInt, ...] = Field((48, 80, 112), min_length=2, max_length=4)
    code_channels: PositiveInt = 128  # of the lips' code that steers the painting
    clip: int = Field(5, ge=1)  # consecutive frames in a sample; SyncNet needs as many as it sees
    lips: LipsParams = LipsParams()
    losses: LossWeights = LossWeights()
    perceptual: PerceptualParams = PerceptualParams()
    shift: int = Field(0, ge=0)  # pixels that a clip is moved by at most
    jitter: float = Field(0.0, ge=0, lt=1)  # brightness and contrast
    gain: float = Field(4.0, ge=0)  # dB of speech level at most, either way

    @property
    def clips(self) -> int:
        """Of a batch."""
        return max(1, self.batch_size // self.clip)

    def without_sync(self) -> "GeneratorParams":
        """The same with the sync loss switched off."""
        return self.model_copy(update={"losses": self.losses.model_copy(update={"sync": 0.0})})

    def of_base(self, config: dict[str, Any], lips_epochs: int) -> "GeneratorParams":
        """The same with a base's windows of speech, shapes and members, of its ``config``."""
        taken = {"shapes": config["shapes"], "members": config["members"], "epochs": lips_epochs}
        lips = self.lips.model_copy(update=taken)
        own = {"past": config["past"], "future": config["future"], "lips": lips}
        return self.model_copy(update=own)

    def architecture(self) -> dict[str, Any]:
        """Keyword arguments of ``Generator``."""
        lips = self.lips
        return self.model_dump(include={"past", "future", "channels", "code_channels"}) | {
            "shapes": lips.shapes,
            "members": lips.members,
            "lips_channels": lips.channels,
            "lips_dropout": lips.dropout,
            "lips_straight": lips.straight,
        }
