"""Several people, one model: whose turn it is, and what is said of them."""

import pytest
import torch
from torch import nn

from lipsync.training.together import Together


class Counted:
    """A person with so many steps in an epoch, who notes which ones were taken."""

    samples_per_step = 4

    def __init__(self, steps: int, loss: float) -> None:
        self._steps, self._loss = steps, loss
        self.taken: list[tuple[int, int]] = []

    def warm_up(self) -> None:
        raise AssertionError("nobody is prepared alone")

    def steps(self) -> int:
        return self._steps

    def losses(self, epoch: int, step: int) -> dict[str, torch.Tensor]:
        self.taken.append((epoch, step))
        return {"loss": torch.tensor(self._loss)}

    def validate(self, model: nn.Module) -> dict[str, float]:
        return {"loss": self._loss, "top1": 2 * self._loss}

    def picture(self, model: nn.Module) -> bytes | None:
        return None


def together(seed: int = 1) -> Together[Counted]:
    return Together(
        {"alice": Counted(2, 0.1), "bob": Counted(7, 0.3), "carol": Counted(3, 0.8)}, seed
    )


def test_everybody_has_as_many_steps_and_goes_through_their_own_epochs():
    task = together()
    assert task.steps() == 3 * 4  # 12 steps of all people together
    for epoch in range(2):
        for step in range(task.steps()):
            task.losses(epoch, step)
    taken = {name: one.taken for name, one in task.tasks.items()}
    assert {len(steps) for steps in taken.values()} == {8}
    assert taken["alice"] == [(epoch, step) for epoch in range(4) for step in range(2)]
    assert taken["bob"] == [(0, step) for step in range(7)] + [(1, 0)]


def test_the_order_is_balanced_in_each_round_and_a_function_of_the_seed():
    def order(seed: int) -> list[str]:
        return [together(seed).turn(0, step)[0] for step in range(12)]

    assert all(len(set(order(1)[i : i + 3])) == 3 for i in range(0, 12, 3))
    assert order(1) == order(1) != order(2)


def test_figures_are_means_over_people_and_everybodys_own():
    found = together().validate(nn.Identity())
    assert found["loss"] == pytest.approx(0.4)
    assert found["top1"] == pytest.approx(0.8)
    assert found["carol/loss"] == 0.8


def test_not_evenly_everybody_has_the_steps_of_their_own_epoch():
    task = Together({"alice": Counted(2, 0.1), "bob": Counted(7, 0.3)}, 1, evenly=False)
    assert task.steps() == 9
    for epoch in range(2):
        for step in range(task.steps()):
            task.losses(epoch, step)
    assert sorted(task.tasks["alice"].taken) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert sorted(task.tasks["bob"].taken) == [(e, s) for e in range(2) for s in range(7)]
    names = [task.turn(0, step)[0] for step in range(9)]
    assert names != sorted(names)
