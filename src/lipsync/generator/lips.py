"""Teaching what speech says of the lips, before and apart from painting them.

Pixels teach slowly and dearly what sound opens the mouth: a step looks at ten pictures, and a
painter that hears learns the training part's words by heart. So the two are parted. ``teach_lips``
fits the lips' shape to the speech, 128 frames a step from all over the training part, and then
leaves it alone; the painter sees nothing of the speech but these few numbers. (Shown what the lips
really did, it takes from them how the head is turned, and misses that when lips are guessed: on the
sample that costs 0.8 dB.)

What the painter learns from are cross-fitted guesses (Wolpert, "Stacked generalization", 1992): of
each frame by the nets, and a line, that did not learn from its part of the recording. Of what it
knows a net guesses nearly the truth, of new speech half of it or less; a painter taught with the
former hardly moves the lips for the latter, and on a clip of 10 s r was 0.30 so and 0.62
cross-fitted.

Ridge regression has a share in the guess (``straight``). Against the real opening, held out, r of
the nets alone, with a share of 0.25, and of ridge alone: sample 0.92, 0.91, 0.84; three real clips
0.63, 0.65, 0.54; 0.47, 0.48, 0.58; 0.46, 0.49, 0.44. So it costs little where nets do well, and
helps where there are only seconds to learn from.

Speech is heard at moments between frames too, where its rows are finer than frames, with the lips
between those of the two frames: a mel encoder's four columns a frame make four times the examples.
"""

import torch
from torch import nn

from lipsync.errors import LipsyncError
from lipsync.generator.folds import Folds
from lipsync.generator.params import GeneratorParams
from lipsync.generator.speech import LipPredictor
from lipsync.progress import progress
from lipsync.training import augment
from lipsync.training.data import PersonData
from lipsync.training.device import Compute, step_generator
from lipsync.training.ridge import Line, fit_line

BATCH = 128  # frames whose lips are guessed in a step
AVERAGE = 0.99  # decay of the moving average of the weights, which is the result


class LipShapes:
    """The lips of a person as a few numbers: their principal components in the training part.

    Args:
        frames: (T,) int64 frame numbers of the training part whose lips were seen

    Attributes:
        codes: (N, R) float32 in units of the first component's spread; NaN where not valid
    """

    def __init__(self, data: PersonData, frames: torch.Tensor, params: GeneratorParams) -> None:
        self._data, self._params = data, params
        self._frames = frames.to(data.lips.device)
        shapes = data.lip_shapes.cpu().double()  # (N, 80)
        known = shapes[frames.cpu()]
        if len(known) < params.lips.shapes:
            raise LipsyncError(
                f"generator.lips.shapes: {params.lips.shapes} is more than the {len(known)} frames "
                "whose lips are seen in the training part; lower it, or record a longer video"
            )
        mean = known.mean(0)
        _, spread, components = torch.linalg.svd(known - mean, full_matrices=False)
        unit = (spread[0] / len(known) ** 0.5).clamp_min(1e-4)  # of the crop's side; lips may rest
        codes = (shapes - mean) @ components[: params.lips.shapes].T / unit
        self.codes = codes.float().to(data.lips.device)
        self._taught = torch.zeros(data.frames, dtype=torch.bool, device=data.lips.device)
        self._taught[self._frames] = True
        self.folds = Folds(
            frames.cpu(), data.frames, params.past + params.future, params.lips.members
        )

    @property
    def steps(self) -> int:
        """In which every frame is looked at ``lips.epochs`` times."""
        return max(1, round(self._params.lips.epochs * len(self._frames) / BATCH))

    def loss(self, lips: LipPredictor, draw: torch.Generator) -> torch.Tensor:
        """Mean squared error of all members over frames that ``draw`` chooses.

        Squares, not absolute values: their best guess is the conditional mean, which goes with the
        truth as closely as any guess can; the median keeps rare wide openings small.
        """
        params, data = self._params, self._data
        chosen = torch.randint(len(self._frames), (BATCH,), generator=draw)
        frames = self._frames[chosen.to(self._frames.device)]
        reach = data.instants // 2
        late = torch.randint(-reach, reach + 1, (BATCH,), generator=draw).to(frames.device)
        other = (frames + late.sign()).clamp(0, data.frames - 1)
        late = torch.where(self._taught[other], late, 0)
        speech = data.windows_between(frames, late, params.past, params.future)
        speech = augment.loudness(speech, params.gain, data.per_decibel, draw)
        share = late.abs().unsqueeze(1) / data.instants  # (B, 1) of the way to the other frame
        there = torch.where(share > 0, self.codes[other], self.codes[frames])
        wanted = torch.lerp(self.codes[frames], there, share).unsqueeze(1)  # (B, 1, R)
        errors = (lips.guesses(speech).float() - wanted).square().mean(2)  # (B, M)
        heeded = self.folds.heeded(frames)  # (B, M)
        return (errors * heeded).sum() / heeded.sum().clamp_min(1)

    def line(self, without: int | None = None) -> Line:
        """The straight line from speech windows, (K D) -> (R), over the training part.

        without: a fold to leave out; of too short a recording nothing is left out
        """
        chosen = self._frames
        if without is not None:
            rest = chosen[~self.folds.near[without].to(chosen.device)[chosen]]
            chosen = rest if len(rest) > 1 else chosen
        speech = self._data.windows(chosen, self._params.past, self._params.future)
        return fit_line(
            speech.flatten(1).cpu().double().numpy(),
            self.codes[chosen].cpu().double().numpy(),
            chosen.cpu().numpy(),
            reach=self._params.past + self._params.future,
        )

    @torch.no_grad()
    def cross_fitted(self, lips: LipPredictor) -> torch.Tensor:
        """Guesses of the training part by those who did not learn from the frame, (N, R).

        lips: taught; rows beyond the training part are 0
        """
        guessed = torch.zeros_like(self.codes)
        training = torch.arange(int(self._frames[-1]) + 1)
        for fold in range(self.folds.count):
            frames = training[self.folds.of[training] == fold].to(guessed.device)
            speech = self._data.windows(frames, self._params.past, self._params.future)
            nets = lips.guesses(speech)[:, self.folds.members_without(fold)].mean(1)
            line = self.line(without=fold)(speech.flatten(1).cpu().double().numpy())
            guessed[frames] = torch.lerp(nets, torch.from_numpy(line).to(nets), lips.straight)
        return guessed

    def correlation(self, lips: LipPredictor, frames: torch.Tensor) -> float:
        """Pearson's r of the first component, guessed and real, over valid frames (B,)."""
        frames = frames.to(self.codes.device)
        speech = self._data.windows(frames, self._params.past, self._params.future)
        with torch.no_grad():
            pair = torch.stack([lips(speech)[:, 0], self.codes[frames, 0]])
        return float(torch.nan_to_num(torch.corrcoef(pair)[0, 1]))  # 0 where one never moves


def teach_lips(
    lips: LipPredictor, shapes: LipShapes, params: GeneratorParams, compute: Compute, seed: int
) -> None:
    """Train ``lips``, which is frozen before and after."""
    line = shapes.line()
    with torch.no_grad():
        lips.line.weight.copy_(torch.from_numpy(line.weights.T))
        lips.line.bias.copy_(torch.from_numpy(line.offset))
    nets = nn.ModuleList([lips.net, lips.head])
    nets.requires_grad_(True).train()
    weights: list[torch.Tensor] = list(nets.parameters())
    averages = [weight.detach().clone() for weight in weights]
    optimizer = torch.optim.AdamW(
        weights, lr=params.lips.learning_rate, weight_decay=params.weight_decay, fused=True
    )
    for step in progress(range(shapes.steps), desc="lips from speech"):
        draw = step_generator(seed, step)
        torch.manual_seed(draw.initial_seed())  # dropout draws from the global generator
        warm = min(1.0, (step + 1) / max(1, params.warmup_steps))
        for group in optimizer.param_groups:
            group["lr"] = params.lips.learning_rate * warm
        optimizer.zero_grad(set_to_none=True)
        with compute.autocast():
            loss = shapes.loss(lips, draw)
        loss.backward()
        nn.utils.clip_grad_norm_(weights, params.gradient_clip)
        optimizer.step()
        decay = min(AVERAGE, (step + 1) / (step + 11))  # young averages forget faster
        with torch.no_grad():
            torch._foreach_lerp_(averages, weights, 1 - decay)
    with torch.no_grad():
        for weight, average in zip(weights, averages, strict=True):
            weight.copy_(average)
    nets.requires_grad_(False).eval()
