"""Section `geometry` of params.yaml."""

from pydantic import Field

from lipsync.params import Section


class GeometryParams(Section, key="geometry"):
    """How head pose and expression are taken apart."""

    n_components: int = Field(12, ge=4, le=40, description="numbers that an expression has")
    pose_smoothing: float = Field(0.08, ge=0, le=2, description="seconds; of the pose alone")
