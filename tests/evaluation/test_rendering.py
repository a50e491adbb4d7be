"""The models of a person as the pass calls them."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from lipsync.evaluation.rendering import renderer


def test_each_shot_chooses_anew_and_frames_get_their_own_face() -> None:
    asked: list[tuple[Any, ...]] = []

    class Maker:
        def selector(self) -> Any:
            history: list[str] = []

            def choose(target: str) -> tuple[str, ...]:
                history.append(target)
                return tuple(history)

            return SimpleNamespace(choose=choose)

        def speak(self, planes: Any, *args: Any) -> Any:
            planes += 1
            asked.append(args)
            return SimpleNamespace(mask=np.full((2, 2), 0.25))

    material = SimpleNamespace(
        boxes=["box 0", "box 1", "box 2"],
        crops=["crop 0", "crop 1", "crop 2"],
        target=lambda frame, expression: f"{frame} {expression}",
    )
    shot = renderer(cast(Any, Maker()), cast(Any, material))
    planes = np.zeros(3)
    speak = shot()
    mask = speak(planes, 1, None)
    speak(planes, 2, np.array([4.0]))
    shot()(planes, 0, None)
    assert mask.mean() == 0.25
    assert planes[0] == 3
    assert asked == [
        ("box 1", "crop 1", "1 None", ("1 None",)),
        ("box 2", "crop 2", "2 [4.]", ("1 None", "2 [4.]")),
        ("box 0", "crop 0", "0 None", ("0 None",)),
    ]
