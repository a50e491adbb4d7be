"""The ``frames`` section of params.yaml."""

from pydantic import Field

from lipsync.params import Section


class FramesParams(Section, key="frames"):
    fps: float = Field(25, ge=10, le=60)  # pictures per second that everything after runs at
    max_count: int | None = Field(None, ge=100)  # frames that are trained on at most; None: all
    crf: float = Field(8, ge=0, le=51)  # x264 quality of frames.mp4; 8 is visually lossless
