"""One model learning from several people: a task made of one task for each of them."""

from collections.abc import Mapping
from typing import Generic, TypeVar

import torch
from torch import nn

from lipsync.training.device import step_generator
from lipsync.training.loop import Task

T = TypeVar("T", bound=Task)


class Together(Generic[T]):
    """Steps of several tasks over one model.

    An epoch is rounds in which each person has one step, in an order that is a function of (seed,
    epoch, round). Its length is that of all people's epochs together, so who has less video is
    looked at more often. Without ``evenly`` each person has the steps of one own epoch, and all
    steps come in one random order.

    Args:
        tasks: by the person's name; all train the same model
        evenly: whether all have as many steps
    """

    def __init__(self, tasks: Mapping[str, T], seed: int, *, evenly: bool = True) -> None:
        if not tasks:
            raise ValueError("nobody to learn from")
        self.tasks, self._seed, self._evenly = dict(tasks), seed, evenly
        self._names = list(tasks)
        self.samples_per_step = max(task.samples_per_step for task in tasks.values())

    def warm_up(self) -> None:
        """Nothing to prepare."""

    def rounds(self) -> int:
        """Steps of each person in an epoch."""
        return max(1, round(sum(task.steps() for task in self.tasks.values()) / len(self.tasks)))

    def steps(self) -> int:
        """Steps in an epoch."""
        if not self._evenly:
            return sum(task.steps() for task in self.tasks.values())
        return self.rounds() * len(self.tasks)

    def turn(self, epoch: int, step: int) -> tuple[str, int, int]:
        """Whose step it is, and which one of which epoch of theirs."""
        if not self._evenly:
            own = [(name, turn) for name in self._names for turn in range(self.tasks[name].steps())]
            draw = step_generator(self._seed, epoch, 0, len(own))
            name, turn = own[int(torch.randperm(len(own), generator=draw)[step])]
            return name, epoch, turn
        turn, place = divmod(step, len(self._names))
        draw = step_generator(self._seed, epoch, turn, len(self._names))
        name = self._names[int(torch.randperm(len(self._names), generator=draw)[place])]
        return name, *divmod(epoch * self.rounds() + turn, self.tasks[name].steps())

    def losses(self, epoch: int, step: int) -> dict[str, torch.Tensor]:
        """Of one person's step."""
        name, their_epoch, their_step = self.turn(epoch, step)
        return self.tasks[name].losses(their_epoch, their_step)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """The mean of each figure over people, and each person's own as ``<name>/<figure>``."""
        found = {name: task.validate(model) for name, task in self.tasks.items()}
        figures = next(iter(found.values()))
        mean = {key: sum(each[key] for each in found.values()) / len(found) for key in figures}
        own = {f"{name}/{key}": each[key] for name, each in found.items() for key in each}
        return mean | own

    def picture(self, model: nn.Module) -> bytes | None:
        """Nothing to see along the way."""
        return None
