"""Section `profile` of params.yaml."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from lipsync.params import Section

Positive = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _falling(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] <= pair[1]:
        raise ValueError(
            "the first number should be larger: green from it on, red below the second"
        )
    return pair


def _rising(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] >= pair[1]:
        raise ValueError("the first number should be smaller: green up to it, red above the second")
    return pair


Least = Annotated[tuple[Positive, Positive], AfterValidator(_falling)]
Most = Annotated[tuple[Positive, Positive], AfterValidator(_rising)]


class ProfileParams(Section, key="profile"):
    """What a studio may want stricter or looser; each pair is green up to, and red beyond.

    What depends on nobody's taste is in ``profiling.rules``.
    """

    face_recognition: Path | None = None  # ONNX, 112 x 112 faces (ArcFace)
    seconds: Least = (120.0, 15.0)  # of video
    face: Least = (1.0, 0.5)  # side of the face's box over crop.size
    coverage: Least = (0.98, 0.8)  # share of frames with a face
    yaw: Most = (25.0, 40.0)  # degrees aside that 95 % of the frames stay within
    pitch: Most = (15.0, 25.0)  # degrees from the person's usual nod that 95 % stay within
    speech: Least = (0.5, 0.2)  # share of the time
    snr: Least = (25.0, 12.0)  # dB of speech over the noise of the pauses
