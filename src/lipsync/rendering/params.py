"""The ``render`` section of params.yaml."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from lipsync.params import Section

Preset = Literal[
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
]


class RenderParams(Section, key="render"):
    shared_keys = frozenset({"speech"})  # dvc.yaml names the file once for all
    """What render_sample makes the avatar say, and how the video is compressed."""

    speech: Path = Path("data/speech/sample.wav")
    preset: Preset = "slow"  # of x264
    crf: float = Field(18, ge=0, le=51)  # x264 quality; lower is better and larger
