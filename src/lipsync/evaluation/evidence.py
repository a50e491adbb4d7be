"""What is known beside the tables: SyncNet's answers, the ridge baseline, silence."""

from dataclasses import dataclass

import numpy as np

from lipsync.evaluation.heldout import Tables
from lipsync.evaluation.official import OfficialScore
from lipsync.evaluation.silence import Silence
from lipsync.evaluation.sync import Judged


@dataclass(frozen=True)
class Evidence:
    """None stands for what was not, or could not be, measured.

    Attributes:
        rendered, real: SyncNet's answers
        windows: of SyncNet that were scored
        ridge: (V,) mouth opening that ridge regression predicts
        official: distances that the published SyncNet sees
    """

    rendered: Judged | None = None
    real: Judged | None = None
    windows: int = 0
    ridge: np.ndarray | None = None
    silence: Silence | None = None
    official: OfficialScore | None = None

    def counted_ridge(self, tables: Tables) -> np.ndarray:
        """(V,) what ridge predicts in the frames in which the rendered mouth was read, else NaN."""
        opening = tables.rendered.opening
        known = np.isfinite(opening)
        return np.where(known, np.nan if self.ridge is None else self.ridge, np.nan)
