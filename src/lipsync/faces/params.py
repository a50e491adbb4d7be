"""Sections `landmarks` and `crop` of params.yaml."""

from pydantic import Field

from lipsync.params import Section


class LandmarksParams(Section, key="landmarks"):
    """How the face is tracked."""

    max_gap: int = Field(12, ge=0, le=250, description="frames without a face to interpolate over")
    min_score: float = Field(0.5, gt=0, lt=1, description="face score below which it is lost")


class CropParams(Section, key="crop"):
    """The square that is cut out of each picture.

    The size is no person's own: DVC's run-cache leaves keys called ``size`` out of its hash unless
    dvc.yaml names them in full, which it cannot do for an override.
    """

    shared_keys = frozenset({"size"})

    size: int = Field(160, ge=64, le=512, multiple_of=32, description="pixels of a side")
    smoothing: float = Field(0.5, ge=0, le=5, description="seconds the box is smoothed over")
