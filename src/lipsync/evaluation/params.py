"""Params of stage evaluate."""

from pydantic import Field

from lipsync.params import Section


class EvaluateParams(Section, key="evaluate"):
    """How thoroughly the leak test looks: it paints shifts x shifted_frames pictures."""

    shifts: int = Field(24, ge=1)  # wrong places of the speech, each a second or more away
    shifted_frames: int = Field(30, ge=10)  # held-out frames painted at each, evenly spaced
