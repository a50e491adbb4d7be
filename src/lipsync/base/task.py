"""What stage train_base trains: one refiner over several people."""

import cv2
import numpy as np
from torch import nn

from lipsync.generator.task import GeneratorTask
from lipsync.training.together import Together

ROWS = 8  # people at most whose pictures are shown


class GeneratorsTogether(Together[GeneratorTask]):
    """One person's clips after the other's."""

    def picture(self, model: nn.Module) -> bytes | None:
        """The sample pictures of the first people, one below the other."""
        sheets = []
        for task in list(self.tasks.values())[:ROWS]:
            jpeg = task.picture(model)
            assert jpeg is not None
            sheet = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            assert sheet is not None
            sheets.append(sheet)
        widest = max(sheet.shape[1] for sheet in sheets)  # short videos have fewer columns
        padded = [np.pad(sheet, ((0, 0), (0, widest - sheet.shape[1]), (0, 0))) for sheet in sheets]
        return cv2.imencode(".jpg", np.concatenate(padded))[1].tobytes()
