"""Learning rates that may depend on how long a training is.

With one_cycle and cosine 40 epochs are not the beginning of 80, so the number of epochs is part of
what a training is (`session`); with constant it is not, and a training may be continued.
"""

import math

from torch import nn

from lipsync.training.state import TrainingState
from lipsync.visemes.params import TrainParams

RISE = 0.3  # share of a cycle in which the rate rises
LOWEST = 0.04  # of the highest rate, where a cycle begins
LAST = 1e-3  # of the highest rate, where a cycle or a cosine ends


def depends_on_total(schedule: str) -> bool:
    return schedule != "constant"


def rate_share(schedule: str, step: int, total: int, warmup: int) -> float:
    """The rate of step 0 ... total - 1, of the highest.

    one_cycle: Smith & Topin, "Super-convergence" (2017), both ways along a cosine.
    """
    if schedule == "one_cycle":
        top = max(1, round(RISE * total))
        if step < top:
            return _between(LOWEST, 1.0, step / top)
        return _between(1.0, LAST, (step - top) / max(1, total - 1 - top))
    warm = min(1.0, (step + 1) / max(1, warmup))
    if schedule == "cosine":
        return warm * _between(1.0, LAST, step / max(1, total - 1))
    return warm


def _between(start: float, end: float, done: float) -> float:
    """Half a cosine from ``start`` to ``end``, ``done`` 0..1."""
    return end + (start - end) * (1 + math.cos(math.pi * min(1.0, done))) / 2


class ScheduledState(TrainingState):
    """A training's state whose rate follows a schedule over ``total`` steps."""

    def __init__(self, model: nn.Module, params: TrainParams, total: int) -> None:
        super().__init__(model, params.optimizer())
        self._schedule, self._total = params.schedule, total

    def learning_rate(self) -> float:
        """Of the step to come."""
        share = rate_share(
            self._schedule, self.progress.total_steps, self._total, self.params.warmup_steps
        )
        return self.params.learning_rate * share
