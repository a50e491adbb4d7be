"""What each frame of a recording is used for, shot by shot, and where not, why."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.faces.shots import shot_ranges
from lipsync.profiling.recording import Recording
from lipsync.training.params import SplitParams
from lipsync.training.split import MIN_TRAINING, Split, brief_shots, split_frames, usable_frames

USABLE = "usable"
# Why a frame is not usable; the first that fits is told.
REASONS = ("no face", "other person", "covered", "shot too short")
PLACES = 6  # cuts and stretches that a line names at most


@dataclass(frozen=True)
class Timeline:
    """N frames at ``fps``.

    Attributes:
        cuts: (C,) frames at which a shot begins
        reason: (N,) int64, 0 where usable, else 1 + the place in ``REASONS``
        split: None where a part would have too few frames
        refusal: why there is no split
    """

    fps: float
    cuts: np.ndarray
    reason: np.ndarray
    split: Split | None
    refusal: str = ""

    @property
    def usable(self) -> np.ndarray:
        """(N,) bool"""
        return self.reason == 0

    def stretches(self, code: int) -> list[tuple[int, int]]:
        """First frame, and frame after the last, of each stretch of ``reason``."""
        edges = np.flatnonzero(np.diff(self.reason == code, prepend=False, append=False))
        return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]

    def unused(self) -> dict[str, float]:
        """Seconds by reason, those that there are."""
        found = {
            name: float((self.reason == code).sum()) / self.fps
            for code, name in enumerate(REASONS, start=1)
        }
        return {name: seconds for name, seconds in found.items() if seconds}

    def text(self) -> str:
        """One line for people."""
        shots = len(self.cuts) + 1
        told = "1 shot" if shots == 1 else f"{shots} shots, cut at {self._seconds(self.cuts)} s"
        told += f"; {self.usable.mean():.0%} of the frames usable"
        parts = []
        for name, seconds in self.unused().items():
            begins = [begin for begin, _ in self.stretches(1 + REASONS.index(name))]
            parts.append(f"{name} {seconds:.1f} s (from {self._seconds(begins)} s)")
        return told + ("; unused: " + ", ".join(parts) if parts else "")

    def _seconds(self, frames: np.ndarray | list[int]) -> str:
        more = ", ..." if len(frames) > PLACES else ""
        return ", ".join(f"{frame / self.fps:.1f}" for frame in frames[:PLACES]) + more


def make_timeline(recording: Recording, params: SplitParams) -> Timeline:
    """Of a recording, with the split that stage fit_geometry makes."""
    known = np.isfinite(recording.points).all(axis=(1, 2))
    cuts, covered = recording.cuts, recording.covered
    wrong = (~known & ~recording.others, recording.others, covered, brief_shots(cuts, len(known)))
    reason = np.select(wrong, range(1, len(REASONS) + 1), 0)
    split, refusal = None, ""
    usable = usable_frames(known, cuts, covered)
    try:
        split = split_frames(usable, recording.fps, params, cuts)
    except LipsyncError as error:
        refusal = str(error)
    if split is not None and (trained := int(usable[: split.training_end].sum())) < MIN_TRAINING:
        split = None
        refusal = (
            f"{trained} frames are left to train on after gap and held-out part; {MIN_TRAINING} "
            "are needed; give a longer video"
        )
    return Timeline(recording.fps, cuts, reason, split, refusal)


def draw(axes: Any, timeline: Timeline, colours: dict[str, str], shots: str) -> None:
    """One row: shots side by side, each stretch in the colour of its reason; below, held out.

    Args:
        axes: of matplotlib, x in seconds
        colours: of USABLE and REASONS
        shots: colour of the lines between shots
    """
    fps = timeline.fps
    for code, name in enumerate((USABLE, *REASONS)):
        bars = [(a / fps, (b - a) / fps) for a, b in timeline.stretches(code)]
        if bars:
            axes.broken_barh(bars, (0.25, 0.75), color=colours[name], linewidth=0, label=name)
    for start, _ in shot_ranges(timeline.cuts, len(timeline.reason))[1:]:
        axes.plot([start / fps] * 2, [0.15, 1.1], color=shots, linewidth=1)
    if timeline.split is not None:
        begin, end = timeline.split.validation_start / fps, timeline.split.frames / fps
        axes.broken_barh([(begin, end - begin)], (0, 0.14), color=shots, linewidth=0)
