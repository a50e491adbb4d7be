"""Params of stage evaluate."""

from pathlib import Path

from pydantic import Field

from lipsync.params import Section


class EvaluateParams(Section, key="evaluate"):
    """How much is rendered: ``frames`` four times, and shifts x shifted_frames frames; judges."""

    frames: int = Field(500, ge=100)  # held-out frames at most, in runs of two seconds
    shifts: int = Field(24, ge=1)  # wrong places of the speech, each a second or more away
    shifted_frames: int = Field(30, ge=10)  # held-out frames rendered at each, evenly spaced
    official_syncnet: Path | None = None  # of the weights syncnet_v2.model, for LSE-D and LSE-C
