"""Which frames are trained on and which are held out.

Counted are usable frames: those that show the person's face, uncovered, in a shot that is long
enough to learn from. The last ``split.validation`` of them is held out. Where the video has several
shots, the held-out part begins with one of them, if there is one whose beginning holds out between
half and one and a half times as much: so no shot is on both sides. ``split.gap`` seconds before
it belong to neither side, so that no speech window and no neighbouring picture reaches across.
Cards, other people and whatever else is not usable lie within the parts and count in neither.

A video of one shot that shows the face throughout is split by its frames alone.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.training.params import SplitParams

# Consecutive frames that are sampled together: longer than SyncNet's windows, the refiner's clips.
SEGMENT = 25
MIN_SHOT = 5  # frames, as long as SyncNet's windows and the refiner's clips
APART = 10**7  # frames between two people whose frames stand in one row
MIN_FRAMES = 20  # usable ones on either side; fewer can neither teach nor measure anything
MIN_TRAINING = 40  # frames that show the face, from which shape model and motion can be learned
WHOLE_SHOTS = (0.5, 1.5)  # times the wanted share that is held out so that shots stay whole


@dataclass(frozen=True)
class Split:
    """Frame numbers [0, training_end) and [validation_start, frames).

    cuts: ascending, frames at which a shot begins; what takes consecutive frames takes them of one
    """

    training_end: int
    validation_start: int
    frames: int
    cuts: tuple[int, ...] = ()

    @property
    def training(self) -> np.ndarray:
        """(T,) int64 frame numbers of the training part."""
        return np.arange(self.training_end)

    @property
    def validation(self) -> np.ndarray:
        """(V,) int64 frame numbers of the held-out part."""
        return np.arange(self.validation_start, self.frames)

    def training_runs(self, valid: np.ndarray, length: int) -> np.ndarray:
        """As ``runs`` of valid (N,), in the training part and within shots."""
        return self._runs(valid, length, 0, self.training_end)

    def held_out_runs(self, valid: np.ndarray, length: int) -> np.ndarray:
        """As ``runs`` of valid (N,), in the held-out part and within shots."""
        return self._runs(valid, length, self.validation_start, self.frames)

    def _runs(self, valid: np.ndarray, length: int, first: int, end: int) -> np.ndarray:
        starts = runs(valid[first:end], length) + first
        shots = np.searchsorted(self.cuts, [starts, starts + length - 1], side="right")
        return starts[shots[0] == shots[1]]


def write_split(path: Path, split: Split) -> None:
    """split.json."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(asdict(split), indent=2) + "\n")


def read_split(path: Path, frames: int) -> Split:
    """What ``write_split`` wrote of a video of so many ``frames``.

    Raises LipsyncError if the file is missing, damaged or of another video.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        split = Split(**stored | {"cuts": tuple(stored["cuts"])})
    except FileNotFoundError:
        raise LipsyncError(f"{path}: no such file; run `dvc repro`") from None
    except (ValueError, KeyError, TypeError) as error:
        raise LipsyncError(f"{path}: damaged: {error}; run `dvc repro`") from error
    if split.frames != frames:
        raise LipsyncError(f"{path}: of {split.frames} frames, not {frames}; run `dvc repro`")
    return split


def in_one_row(people: Sequence[np.ndarray]) -> np.ndarray:
    """Frame numbers of several people one after the other, too far apart to share speech."""
    return np.concatenate([frames + number * APART for number, frames in enumerate(people)])


def split_frames(
    usable: np.ndarray, fps: float, params: SplitParams, cuts: Sequence[int] | np.ndarray = ()
) -> Split:
    """Split the frames of a video.

    Args:
        usable: (N,) bool
        cuts: ascending frame numbers at which a shot begins, 0 not among them

    Raises LipsyncError if either part has too few usable frames.
    """
    places, frames = np.flatnonzero(usable), len(usable)
    # What is not usable makes the held-out part smaller, but not too small.
    least = min(MIN_FRAMES, round(frames * params.validation))
    wanted = min(max(round(len(places) * params.validation), least), len(places))
    gap = round(params.gap * fps)

    def counts(start: int) -> tuple[int, int]:
        """Usable frames before the gap, and from ``start`` on."""
        before, after = np.searchsorted(places, (start - gap, start))
        return int(before), len(places) - int(after)

    start = frames if not wanted else int(places[-wanted])
    shots = np.asarray(cuts, int)
    held_out = np.array([counts(cut)[1] for cut in shots.tolist()], int)
    low, high = (round(share * wanted) for share in WHOLE_SHOTS)
    fitting = shots[(low <= held_out) & (held_out <= high)].tolist()
    fitting = [cut for cut in fitting if min(counts(cut)) >= MIN_FRAMES]
    if fitting:
        start = min(fitting, key=lambda cut: abs(counts(cut)[1] - wanted))
    training, validation = counts(start)
    if min(training, validation) < MIN_FRAMES:
        usual = f"{frames} frames" + (
            f", of which {len(places)} show the face uncovered," if len(places) < frames else ""
        )
        raise LipsyncError(
            f"split: {usual} at {fps:g} fps leave {training} for training and "
            f"{validation} held out; both need at least {MIN_FRAMES}: take a longer video, "
            "or change split.validation or split.gap"
        )
    return Split(max(start - gap, 0), start, frames, tuple(shots.tolist()))


def usable_frames(seen: np.ndarray, cuts: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """(N,) bool frames that count in the split.

    Args:
        seen: (N,) bool, frames that show the person's face
        cuts: (C,) as of ``split_frames``
        covered: (N,) bool, something is in front of the mouth
    """
    return seen & ~covered & ~brief_shots(cuts, len(seen))


def brief_shots(cuts: np.ndarray, frames: int) -> np.ndarray:
    """(N,) bool frames of shots that are too short to learn from."""
    lengths = np.diff(np.concatenate([[0], cuts, [frames]]).astype(int))
    return np.repeat(lengths < MIN_SHOT, lengths)


def limit_training(valid: np.ndarray, split: Split, most: int | None) -> np.ndarray:
    """Which frames may be used when the training part is sampled; held-out frames all may.

    What is trained on are clips of consecutive frames, so seconds are sampled, not single frames.

    Args:
        valid: (N,) bool
        most: frames of the training part at most, None for all
    Returns:
        (N,) bool; at most ``most`` valid frames of the training part are true
    """
    return _limit(valid, 0, split.training_end, most)


def limit_held_out(valid: np.ndarray, split: Split, most: int | None) -> np.ndarray:
    """As ``limit_training``, of the held-out part; frames of the training part all may."""
    return _limit(valid, split.validation_start, split.frames, most)


def _limit(valid: np.ndarray, start: int, end: int, most: int | None) -> np.ndarray:
    used = np.ones(len(valid), bool)
    there = np.flatnonzero(valid[start:end]) + start
    if most is None or most >= len(there):
        return used
    used[start:end] = False
    segments = most // SEGMENT
    firsts = np.linspace(0, len(there) - SEGMENT, segments).round().astype(int)
    used[there[firsts[:, None] + np.arange(SEGMENT)]] = True
    return used


def runs(valid: np.ndarray, length: int) -> np.ndarray:
    """Starts of all windows of ``length`` consecutive valid frames.

    Args:
        valid: (N,) bool
    Returns:
        (M,) int64, each i with valid[i : i + length] all true
    """
    if len(valid) < length:
        return np.zeros(0, dtype=np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(valid, length)  # (N - length + 1, length)
    return np.flatnonzero(windows.all(axis=1))


def evenly(values: np.ndarray, count: int) -> np.ndarray:
    """At most ``count`` of values (n,), evenly spaced."""
    spaced = np.linspace(0, len(values) - 1, min(count, len(values)))
    return values[spaced.round().astype(int)]
