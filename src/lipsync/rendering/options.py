"""How a video is rendered; the same for one file, a batch, the page and the live stream."""

from pathlib import Path
from typing import Any, Literal

import pydantic
from pydantic import Field

from lipsync.errors import LipsyncError
from lipsync.rendering.params import Preset

Mode = Literal["standard", "core_clips"]


class RenderOptions(pydantic.BaseModel):
    """Checked when made; ``make_options`` turns what is wrong into a line for people."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    mode: Mode = "standard"
    start_frame: int = Field(0, ge=0)  # frame of the film to begin with; standard mode
    loop_back: bool = True  # to and fro over the film; else it rests on its last frame
    template: Path | None = None  # another video of the same person, in place of the avatar's film
    clips: Path | None = None  # folder with talk/ and silence/; None: found in the film
    min_silence: float = Field(0.8, ge=0.2, le=60)  # seconds; core_clips
    crossfade: float = Field(0.2, ge=0, le=2)  # seconds; core_clips
    voice: Literal["energy", "silero"] = "energy"  # what tells speech from silence; core_clips
    preset: Preset = "slow"  # of x264
    crf: float = Field(18, ge=0, le=51)  # of x264; lower is better and larger
    mark: str = Field("", max_length=60)  # visible, in the lower left corner; "" for none
    seed: int = Field(0, ge=0)  # of the choice among clips that fit equally well


def make_options(**values: Any) -> RenderOptions:
    """Options by name.

    Raises LipsyncError that names the first wrong one and its legal values.
    """
    try:
        return RenderOptions(**values)
    except pydantic.ValidationError as error:
        problem = error.errors()[0]
        name = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            legal = ", ".join(RenderOptions.model_fields)
            raise LipsyncError(f"{name}: no such option; there are {legal}") from None
        raise LipsyncError(f"{name}: {problem['input']!r}: {problem['msg']}") from None
