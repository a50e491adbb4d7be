"""Params of stage evaluate."""

from pathlib import Path

from pydantic import Field

from lipsync.params import Section


class EvaluateParams(Section, key="evaluate"):
    """How thoroughly the leak test looks, painting shifts x shifted_frames pictures; judges."""

    shifts: int = Field(24, ge=1)  # wrong places of the speech, each a second or more away
    shifted_frames: int = Field(30, ge=10)  # held-out frames painted at each, evenly spaced
    official_syncnet: Path | None = None  # of the weights syncnet_v2.model, for LSE-D and LSE-C
