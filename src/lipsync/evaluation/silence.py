"""Is the mouth closed when nothing is said?

Two looks at it. Where the held-out part has pauses, the rendered opening is compared with the real
one in the same frames. Few short recordings pause there, so the motion network is made to hear
digital silence too, and the opening that is rendered is compared with that of all pauses of the
recording.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lipsync.evaluation.heldout import HeldOut, ReadLips, Tables
from lipsync.faces.landmarks import mouth_opening
from lipsync.media.planes import rgb_of
from lipsync.training.split import evenly

INSIDE = 3  # frames; lips open before the sound and close after it
LEAST_FRAMES = 10  # fewer are no pause to judge by
LOOKS = 60  # frames of pauses at most, evenly spaced, whose lips are read for the second look


@dataclass(frozen=True)
class Silence:
    """Mouths in silence.

    Attributes:
        rows: (J,) bool, rendered frames well inside a silence
        pauses: (P,) real opening in such frames of the whole recording, in order
        apart: how many such frames there are for each that was looked at
        digital: (M,) rendered opening in held-out frames when nothing at all is heard
        digital_apart: how many rendered frames there are for each of these
    """

    rows: np.ndarray
    pauses: np.ndarray
    apart: float
    digital: np.ndarray
    digital_apart: float

    def openings(self, tables: Tables) -> tuple[np.ndarray, np.ndarray]:
        """Rendered and real opening (J,) in ``rows`` where both are known, NaN elsewhere.

        NaN throughout where fewer than 10 frames are left.
        """
        rendered, real = tables.spoken.opening, tables.opening
        counted = self.rows & np.isfinite(rendered) & np.isfinite(real)
        counted &= counted.sum() >= LEAST_FRAMES
        return np.where(counted, rendered, np.nan), np.where(counted, real, np.nan)

    def digital_ratio(self) -> float:
        """Mean opening in digital silence over that of the pauses; NaN with fewer than 10."""
        digital, pauses = (each[np.isfinite(each)] for each in (self.digital, self.pauses))
        if min(len(digital), len(pauses)) < LEAST_FRAMES or not pauses.any():
            return float("nan")
        return float(digital.mean() / pauses.mean())


def silent_frames(audible: np.ndarray) -> np.ndarray:
    """(N,) bool: whether nothing is heard in frames i - 3 ... i + 3, all of the recording."""
    window = 2 * INSIDE + 1
    heard = np.convolve(np.pad(audible, INSIDE, constant_values=True), np.ones(window), "valid")
    return heard < 0.5


def measure_silence(
    held_out: HeldOut, tables: Tables, read_lips: ReadLips, audible: np.ndarray
) -> Silence:
    """Read real lips in pauses; the still mouth of the tables is what is rendered in silence.

    Real openings are not taken from landmarks.npz: the tracker reads a closed mouth a little
    differently.

    Args:
        audible: (N,) bool of the whole video
    """
    quiet = silent_frames(audible)
    pauses = np.flatnonzero(quiet & held_out.valid)
    looked = evenly(pauses, LOOKS)
    still = tables.still.opening
    rendered = still[np.isfinite(still)]
    return Silence(
        rows=quiet[held_out.frames],
        pauses=_openings(
            read_lips(rgb_of(held_out.film(n)), held_out.boxes[n]) for n in looked.tolist()
        ),
        apart=max(1.0, len(pauses) / max(1, len(looked))),
        digital=rendered,
        digital_apart=max(1.0, int(held_out.known.sum()) / max(1, len(rendered))),
    )


def _openings(points: Iterable[np.ndarray]) -> np.ndarray:
    """Mouth openings (B,) of B readings (468, 2)."""
    readings = list(points)
    return mouth_opening(np.stack(readings)) if readings else np.zeros(0)
