"""A speaking face, frame by frame: target in, picture changed."""

from collections.abc import Callable

import numpy as np

from lipsync.geometry.model import ShapeModel
from lipsync.retrieval.exemplars import Exemplars
from lipsync.retrieval.layers import LayerMaker, Layers
from lipsync.retrieval.pasting import Decisions, Window, make_face, paste
from lipsync.retrieval.selection import Choice, Selector
from lipsync.retrieval.target import Target

Refine = Callable[[Layers, np.ndarray], Decisions]
"""(layers, crop of the frame (S, S, 3) uint8) -> decisions"""


class FaceMaker:
    """Makes faces of one person.

    Args:
        size: S, pixels of the working size
        refine: `pasting.undecided` without its second argument, or a refiner
        detail: as of ``pasting.make_face``
    """

    def __init__(
        self,
        exemplars: Exemplars,
        model: ShapeModel,
        size: int,
        refine: Refine,
        detail: float = 1.0,
    ) -> None:
        self.exemplars, self.model, self.size = exemplars, model, size
        self._layers = LayerMaker(exemplars, model, size)
        self._refine, self._detail = refine, detail

    def selector(self) -> Selector:
        """For a new shot."""
        return Selector(self.exemplars, self.model)

    def speak(
        self,
        planes: np.ndarray,
        box: np.ndarray,
        crop: np.ndarray,
        target: Target,
        choice: Choice,
    ) -> Layers:
        """Paste the wanted face into a picture of ``media.planes``, in place.

        box (4,) of the crop (S, S, 3) uint8 RGB, of which only the part above the lower lids is
        looked at
        """
        layers, decisions = self.decide(crop, target, choice)
        self.put(planes, box, choice, layers, decisions)
        return layers

    def decide(self, crop: np.ndarray, target: Target, choice: Choice) -> tuple[Layers, Decisions]:
        """The first half of ``speak``, at the working size."""
        layers = self._layers.make(target, choice)
        return layers, self._refine(layers, crop)

    def put(
        self,
        planes: np.ndarray,
        box: np.ndarray,
        choice: Choice,
        layers: Layers,
        decisions: Decisions,
    ) -> None:
        """The second half, at the picture's own resolution; planes are changed in place."""
        height, width = planes.shape[0] * 2 // 3, planes.shape[1]
        window = Window.of(box, layers.mask, (height, width))
        if window.width > 0 and window.height > 0:
            face = make_face(self.exemplars, choice, layers, decisions, window, self._detail)
            paste(planes, face, window, layers.mask)
