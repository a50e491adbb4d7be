"""comparison.mp4: the real head left, the one from speech right, with the held-out sound."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np

from lipsync.evaluation.figures import LABEL, label
from lipsync.evaluation.heldout import Instant
from lipsync.faces.crop import resample
from lipsync.media.label import SYNTHETIC_XMP, synthetic_tags
from lipsync.media.video import VideoWriter

SIDE = 480  # pixels of each of the two pictures
ROOM = 1.6  # sides of the largest box that are shown
CRF = 20


class Comparison:
    """Observes frames and writes them side by side; use it in a ``with``.

    Args:
        boxes: (J, 4) of the frames; what is shown lies around their middle and stays put
        size: (height, width) of the video in pixels
        sound: mono float32 samples of these frames and their rate in Hz
    """

    def __init__(
        self,
        path: Path,
        boxes: np.ndarray,
        size: tuple[int, int],
        fps: float,
        sound: tuple[np.ndarray, int],
    ) -> None:
        self._x0, self._y0, self._side = view(boxes, size)
        self._writer = VideoWriter(
            path,
            2 * SIDE,
            LABEL + SIDE,
            fps,
            preset="veryfast",
            crf=CRF,
            sound=sound,
            metadata={"title": "real and rendered"} | synthetic_tags(),
            xmp=SYNTHETIC_XMP,
        )
        self._stack = ExitStack()

    def __enter__(self) -> "Comparison":
        self._stack.enter_context(self._writer)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return self._stack.__exit__(kind, error, trace)

    def __call__(self, instant: Instant) -> None:
        """Append a frame."""
        step = self._side / SIDE
        halves = []
        for name, picture in (("real", instant.real), ("from speech", instant.rendered)):
            half = resample(picture, self._x0, self._y0, step, (SIDE, SIDE))
            halves.append(np.concatenate([label(name, SIDE), half]))
        self._writer.write(np.concatenate(halves, axis=1))


def view(boxes: np.ndarray, size: tuple[int, int]) -> tuple[float, float, float]:
    """x0, y0 and side in pixels of the square that is shown, inside the picture."""
    height, width = size
    side = min(ROOM * float((boxes[:, 2] - boxes[:, 0]).max()), height, width)
    x, y = np.median((boxes[:, :2] + boxes[:, 2:]) / 2, axis=0) - side / 2
    return float(np.clip(x, 0, width - side)), float(np.clip(y, 0, height - side)), side
