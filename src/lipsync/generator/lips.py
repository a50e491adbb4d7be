"""What speech alone must tell: the shape of the lips.

Pixels teach a speech code slowly what sound opens the mouth, and dearly: a step looks at ten
pictures. Shapes cost next to nothing, so a step looks at 128 frames from all over the video, and
before the first picture is painted the code is taught by shapes alone for a while.
"""

import torch
from torch import nn

from lipsync.generator.model import Generator
from lipsync.generator.params import GeneratorParams
from lipsync.progress import progress
from lipsync.training import augment
from lipsync.training.data import PersonData
from lipsync.training.device import Compute, step_generator

BATCH = 128  # frames whose lips are guessed from speech in a step


class LipShapes:
    """Lips of the training part in units of their own spread, and the loss of guessing them.

    Args:
        frames: (T,) int64 frame numbers whose lips were seen, not interpolated
    """

    def __init__(self, data: PersonData, frames: torch.Tensor, params: GeneratorParams) -> None:
        self._data, self._params = data, params
        self._frames = frames.to(data.lips.device)
        shapes = data.lip_shapes[self._frames]  # (T, 80)
        spread = shapes.std(0).square().mean().sqrt().clamp_min(1e-4)  # lips may be still
        self._wanted = (shapes - shapes.mean(0)) / spread

    def loss(self, model: Generator, draw: torch.Generator) -> torch.Tensor:
        """Mean squared error over frames that ``draw`` chooses; 1 is no better than the mean.

        Squares, not absolute values: their best guess is the conditional mean, which goes with the
        truth as closely as any guess can; the median keeps rare wide openings small.
        """
        params, data = self._params, self._data
        chosen = torch.randint(len(self._frames), (BATCH,), generator=draw)
        chosen = chosen.to(self._frames.device)
        speech = data.windows(self._frames[chosen], params.past, params.future)
        speech = augment.loudness(speech, params.gain, data.per_decibel, draw)
        guessed = model.lip_shapes(speech).float()
        return (guessed - self._wanted[chosen]).square().mean()


def teach_lips(
    model: Generator, lips: LipShapes, params: GeneratorParams, compute: Compute, seed: int
) -> None:
    """Train the speech code and its lips by shapes alone, ``params.speech_steps`` steps."""
    parts = [model.speech, model.lips]
    weights = [parameter for part in parts for parameter in part.parameters()]
    optimizer = torch.optim.AdamW(
        weights, lr=params.learning_rate, weight_decay=params.weight_decay, fused=True
    )
    for step in progress(range(params.speech_steps), desc="lips from speech"):
        draw = step_generator(seed, step)
        torch.manual_seed(draw.initial_seed())  # dropout draws from the global generator
        for group in optimizer.param_groups:
            warm = min(1.0, (step + 1) / max(1, params.warmup_steps))
            group["lr"] = params.learning_rate * warm
        optimizer.zero_grad(set_to_none=True)
        with compute.autocast():
            loss = lips.loss(model, draw)
        loss.backward()
        nn.utils.clip_grad_norm_(weights, params.gradient_clip)
        optimizer.step()
