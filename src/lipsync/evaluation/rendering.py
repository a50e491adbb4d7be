"""The models of a person as what renders held-out frames."""

from collections.abc import Callable

import numpy as np

from lipsync.evaluation.heldout import Speak
from lipsync.retrieval.face import FaceMaker
from lipsync.retrieval.material import Material


def renderer(maker: FaceMaker, material: Material) -> Callable[[], Speak]:
    """What starts shots of a video's own frames: faces of ``maker`` over those of ``material``."""

    def shot() -> Speak:
        selector = maker.selector()

        def speak(planes: np.ndarray, frame: int, expression: np.ndarray | None) -> np.ndarray:
            target = material.target(frame, expression)
            box, crop = material.boxes[frame], material.crops[frame]
            return maker.speak(planes, box, crop, target, selector.choose(target)).mask

        return speak

    return shot
