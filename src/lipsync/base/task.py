"""What stage train_base trains: one generator over several people."""

import cv2
import numpy as np
from torch import nn

from lipsync.generator.lips import line_together, teach_lips
from lipsync.generator.model import Generator
from lipsync.generator.task import GeneratorTask
from lipsync.training.together import Together

ROWS = 8  # people at most whose pictures are shown


class GeneratorsTogether(Together[GeneratorTask]):
    """One person's clips after the other's; lips are taught over all people first."""

    def warm_up(self) -> None:
        """Teach what speech says of everybody's lips."""
        one = next(iter(self.tasks.values()))
        shapes = [task.lips for task in self.tasks.values()]
        line = line_together(shapes)
        teach_lips(one.model.lips, shapes, line, one.params, one.compute, self._seed)

    def picture(self, model: nn.Module) -> bytes | None:
        """The sample pictures of the first people, one below the other."""
        sheets = []
        for task in list(self.tasks.values())[:ROWS]:
            jpeg = task.picture(model)
            assert jpeg is not None
            sheet = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            assert sheet is not None
            sheets.append(sheet)
        return cv2.imencode(".jpg", np.concatenate(sheets))[1].tobytes()

    def lips_figures(self, model: nn.Module) -> dict[str, float]:
        """``GeneratorTask.lips_figures``, the mean over people and each person's own."""
        assert isinstance(model, Generator)
        found = {name: task.lips_figures(model) for name, task in self.tasks.items()}
        figures = next(iter(found.values()))
        mean = {key: sum(each[key] for each in found.values()) / len(found) for key in figures}
        return mean | {f"{name}/{key}": each[key] for name, each in found.items() for key in each}
