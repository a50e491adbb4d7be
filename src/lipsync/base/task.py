"""What stage train_base trains: one generator over several people."""

from collections.abc import Mapping
from functools import cache

import cv2
import numpy as np
import torch
from torch import nn

from lipsync.generator.lips import line_together, teach_lips
from lipsync.generator.model import Generator
from lipsync.generator.task import GeneratorTask
from lipsync.training.together import Together

ROWS = 8  # people at most whose pictures are shown


Statistics = tuple[torch.Tensor, torch.Tensor]  # mean and deviation (D,) of speech rows


class GeneratorsTogether(Together[GeneratorTask]):
    """One person's clips after the other's; lips are taught over all people first.

    Everybody's speech is standardised by their own statistics, as that of who adapts the base will
    be: microphones and rooms differ.

    Args:
        statistics: of each person's speech in the training part
    """

    def __init__(
        self, tasks: Mapping[str, GeneratorTask], statistics: Mapping[str, Statistics], seed: int
    ) -> None:
        super().__init__(tasks, seed)
        self._statistics = statistics
        shapes = [task.lips for task in tasks.values()]
        line = cache(lambda fold: line_together(shapes, without=fold))
        for task in tasks.values():
            task.line_without = line  # type: ignore[method-assign]

    def enter(self, name: str, model: nn.Module | None) -> None:
        """Let the model hear with this person's statistics."""
        model = model or self.tasks[name].model
        assert isinstance(model, Generator)
        model.lips.standardize.take(*self._statistics[name])

    def warm_up(self) -> None:
        """Teach what speech says of everybody's lips."""
        one, names = next(iter(self.tasks.values())), list(self.tasks)
        shapes = [task.lips for task in self.tasks.values()]
        teach_lips(
            one.model.lips,
            shapes,
            line_together(shapes),
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
        found = {}
        for name, task in self.tasks.items():
            self.enter(name, model)
            found[name] = task.lips_figures(model)
        figures = next(iter(found.values()))
        mean = {key: sum(each[key] for each in found.values()) / len(found) for key in figures}
        return mean | {f"{name}/{key}": each[key] for name, each in found.items() for key in each}
