"""What is known beside the tables: SyncNet's answers, expressions, the ridge baseline, silence."""

from dataclasses import dataclass

import numpy as np

from lipsync.alignment.offset import Offset
from lipsync.evaluation.expressions import Expressions
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
        expressions: predicted and filmed
        ridge: (J,) mouth opening that ridge regression predicts
        official: distances that the published SyncNet sees
        base_rendered, base_real: how the lips that were read go with those that the shipped base
            predicts
        voices: figures of other voices (``evaluation.voices``)
    """

    rendered: Judged | None = None
    real: Judged | None = None
    windows: int = 0
    expressions: Expressions | None = None
    ridge: np.ndarray | None = None
    silence: Silence | None = None
    official: OfficialScore | None = None
    base_rendered: Offset | None = None
    base_real: Offset | None = None
    voices: dict[str, float | None] | None = None

    def counted_ridge(self, tables: Tables) -> np.ndarray:
        """(J,) what ridge predicts in the frames in which the rendered mouth was read, else NaN."""
        known = np.isfinite(tables.spoken.opening)
        return np.where(known, np.nan if self.ridge is None else self.ridge, np.nan)
