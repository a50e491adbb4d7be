"""Teaching what speech says of the lips: a straight line is fitted, then nets are trained."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from lipsync.generator.adapter import adapters
from lipsync.generator.lips import LipShapes
from lipsync.generator.params import GeneratorParams
from lipsync.generator.speech import LipPredictor
from lipsync.progress import progress
from lipsync.training.device import Compute, step_generator
from lipsync.training.ridge import MOST_FRAMES, Line, fit_line
from lipsync.training.split import in_one_row

AVERAGE = 0.99  # decay of the moving average of the weights, which is the result


def line_together(people: Sequence[LipShapes], without: int | None = None) -> Line:
    """The straight line over several people's training parts; all count alike.

    It tells how far lips are from a person's mean by how far speech is from that person's mean; the
    offset fits a person whose speech is the mean of all (see ``Line.through``).

    without: a fold of each to leave out
    """
    examples = [person.examples(MOST_FRAMES // len(people), without) for person in people]
    frames, speech, codes = zip(*examples, strict=True)
    means = [each.mean(0) for each in speech]
    centred = [each - mean for each, mean in zip(speech, means, strict=True)]
    reach = people[0].reach
    line = fit_line(np.concatenate(centred), np.concatenate(codes), in_one_row(frames), reach)
    return line.through(np.mean(means, axis=0), line.offset)


def known_line(lips: LipPredictor) -> Line:
    """The line that ``lips`` holds."""
    weights, offset = lips.line.weight.T, lips.line.bias
    return Line(*(values.detach().cpu().double().numpy() for values in (weights, offset)))


@torch.no_grad()
def take_line(lips: LipPredictor, line: Line) -> None:
    """Let ``lips`` hold a line."""
    lips.line.weight.copy_(torch.from_numpy(line.weights.T))
    lips.line.bias.copy_(torch.from_numpy(line.offset))


def teach_lips(
    lips: LipPredictor,
    people: Sequence[LipShapes],
    line: Line,
    params: GeneratorParams,
    compute: Compute,
    seed: int,
    enter: Callable[[int], None] = lambda number: None,
) -> None:
    """Set the line and train the nets, or their adapters; ``lips`` is frozen before and after.

    Args:
        people: each has as many steps as the others, in turns
        enter: is told whose step comes, as an index of ``people``
    """
    take_line(lips, line)
    nets = nn.ModuleList([lips.net, lips.head])
    weights: list[torch.Tensor] = list(adapters(nets)) or list(nets.parameters())
    for weight in weights:
        weight.requires_grad_(True)
    nets.train()
    averages = [weight.detach().clone() for weight in weights]
    optimizer = torch.optim.AdamW(
        weights, lr=params.lips.learning_rate, weight_decay=params.weight_decay, fused=True
    )
    # Whole rounds, so that nobody has a step more than others.
    steps = len(people) * round(sum(shapes.steps for shapes in people) / len(people))
    for step in progress(range(steps), desc="lips from speech"):
        draw = step_generator(seed, step)
        torch.manual_seed(draw.initial_seed())  # dropout draws from the global generator
        warm = min(1.0, (step + 1) / max(1, params.warmup_steps))
        for group in optimizer.param_groups:
            group["lr"] = params.lips.learning_rate * warm
        turn = step % len(people)
        enter(turn)
        optimizer.zero_grad(set_to_none=True)
        with compute.autocast():
            loss = people[turn].loss(lips, draw)
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
