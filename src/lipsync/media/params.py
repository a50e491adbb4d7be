"""The ``frames`` section of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from lipsync.params import Section

MAX_HOLE = 10.0  # seconds in which a video may have nothing


class FramesParams(Section, key="frames"):
    audio_track: Annotated[int, Field(ge=0)] | Literal["auto"] = "auto"  # auto: that with a voice
    max_hole: float = Field(MAX_HOLE, ge=1, le=3600)  # seconds; longer holes are closed
    fps: float = Field(25, ge=10, le=60)  # pictures per second that everything after runs at
    max_count: int | None = Field(None, ge=100)  # frames that are trained on at most; None: all
    crf: float = Field(8, ge=0, le=51)  # x264 quality of frames.mp4; 8 is visually lossless
