"""What stage train_base trains: one generator over several people."""

from collections.abc import Callable, Mapping
from functools import cache, partial

import cv2
import numpy as np
import torch
from torch import nn

from lipsync.generator.model import Generator
from lipsync.generator.task import GeneratorTask
from lipsync.generator.teaching import known_line, line_together, take_line, teach_lips
from lipsync.training.ridge import Line
from lipsync.training.together import Together

ROWS = 8  # people at most whose pictures are shown

Statistics = tuple[torch.Tensor, torch.Tensor]  # mean and deviation (D,) of speech rows


class GeneratorsTogether(Together[GeneratorTask]):
    """One person's clips after the other's; lips are taught over all people first.

    Everybody's speech is standardised by their own statistics, and the straight line goes through
    their own middle, as with who adapts the base: microphones and rooms differ.

    Args:
        statistics: of each person's speech in the training part
        nobodys: of all people's together
    """

    def __init__(
        self,
        tasks: Mapping[str, GeneratorTask],
        statistics: Mapping[str, Statistics],
        nobodys: Statistics,
        seed: int,
    ) -> None:
        super().__init__(tasks, seed)
        self._statistics, self._nobodys = statistics, nobodys
        self._shapes = [task.lips for task in tasks.values()]
        # Speech windows, and so codes of 0, that each person's straight line goes through.
        self._middles = {name: task.lips.middle for name, task in tasks.items()}
        shared = cache(lambda fold: line_together(self._shapes, without=fold))
        for name, task in tasks.items():
            task.line = partial(self._own_line, name, shared)

    def _own_line(
        self, name: str, shared: Callable[[int | None], Line], without: int | None
    ) -> Line:
        line = shared(without)
        return line.through(self._middles[name], np.zeros_like(line.offset))

    def enter(self, name: str, model: nn.Module | None) -> None:
        """Let the model hear with this person's statistics."""
        self._hear(model or self.tasks[name].model, self._statistics[name], self._middles[name])

    def leave(self, model: nn.Module) -> None:
        """Let the model hear with the statistics of nobody in particular."""
        middle = np.mean(list(self._middles.values()), axis=0)
        self._hear(model, self._nobodys, middle)

    @staticmethod
    def _hear(model: nn.Module, statistics: Statistics, middle: np.ndarray) -> None:
        assert isinstance(model, Generator)
        model.lips.standardize.take(*statistics)
        line = known_line(model.lips)
        take_line(model.lips, line.through(middle, np.zeros_like(line.offset)))

    def warm_up(self) -> None:
        """Teach what speech says of everybody's lips."""
        one, names = next(iter(self.tasks.values())), list(self.tasks)
        teach_lips(
            one.model.lips,
            self._shapes,
            line_together(self._shapes),
            one.params,
            one.compute,
            self._seed,
            enter=lambda number: self.enter(names[number], None),
        )

    def picture(self, model: nn.Module) -> bytes | None:
        """The sample pictures of the first people, one below the other."""
        sheets = []
        for name, task in list(self.tasks.items())[:ROWS]:
            self.enter(name, model)
            jpeg = task.picture(model)
            assert jpeg is not None
            sheet = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            assert sheet is not None
            sheets.append(sheet)
        return cv2.imencode(".jpg", np.concatenate(sheets))[1].tobytes()

    def lips_figures(self, model: nn.Module) -> dict[str, float]:
        """``GeneratorTask.lips_figures``, the mean over people and each person's own."""
        assert isinstance(model, Generator)
        return self.over_people(model, lambda task: task.lips_figures(model))
