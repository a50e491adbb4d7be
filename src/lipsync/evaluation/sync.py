"""SyncNet's opinion of held-out lips, where there is something to hear.

Closed lips in silence fit any other silence, so a window that hears only silence has no right
answer; such windows are left out, alike for real and rendered pictures. Silence is judged on the
sound itself, so that it does not depend on the speech encoder.
"""

from dataclasses import dataclass

import numpy as np
import torch

from lipsync.alignment import prediction
from lipsync.alignment.offset import Offset, measure_offset
from lipsync.evaluation.heldout import Instant
from lipsync.media.clock import sample_count
from lipsync.speech.mel import COLUMNS
from lipsync.syncnet.model import SyncNet
from lipsync.syncnet.score import (
    AVERAGE,
    BATCH,
    MAX_SHIFT,
    SyncScore,
    average_windows,
    embed_pictures,
    scan_offsets,
    summarise,
)
from lipsync.training.data import PersonData
from lipsync.training.split import Split, runs

SILENCE = -40.0  # dB; a frame so far below the loud ones of the recording is silent
LOUD = 95  # percentile of the frames' levels that counts as loud
FLOOR = 1e-5  # full scale; nothing below -100 dB is heard, whatever the loudest frame


def audible_frames(sound: np.ndarray, rate: int, fps: float, frames: int) -> np.ndarray:
    """(frames,) bool: whether each video frame's own stretch of ``sound`` (n,) can be heard."""
    edges = [sample_count(frame, fps, rate) for frame in range(frames + 1)]
    sound = np.pad(sound, (0, max(0, edges[-1] - len(sound)))).astype(np.float64)
    energy = np.add.reduceat(sound[: edges[-1]] ** 2, edges[:-1])
    level = np.sqrt(energy / np.diff(edges))  # (frames,) RMS
    return level > max(FLOOR, float(np.percentile(level, LOUD)) * 10 ** (SILENCE / 20))


def scorable_windows(
    valid: np.ndarray, audible: np.ndarray, frames: np.ndarray, model: SyncNet, split: Split
) -> np.ndarray:
    """(W,) first frames of the windows that show a face throughout and hear more than silence.

    Args:
        valid, audible: (N,) bool of the whole video
        frames: (J,) those that are looked at
    """
    usable = np.zeros_like(valid)
    usable[frames] = valid[frames]
    first = split.held_out_runs(usable, model.frames)  # (W,)
    heard = np.concatenate([[0], np.cumsum(audible)])  # (N + 1,) audible frames before each
    begin = (first - model.context).clip(0)
    end = (first + model.frames + model.context).clip(max=len(audible))
    return first[heard[end] > heard[begin]]


@dataclass(frozen=True)
class Judged(SyncScore):
    """A score and what it is made of.

    Attributes:
        right: (J,) 1 or 0 for each frame, whether the AVERAGE windows that begin there give the
            right answer; NaN where they give none
    """

    right: np.ndarray


class PictureEmbeddings:
    """Observes frames and embeds their rendered crops, batch by batch."""

    def __init__(self, model: SyncNet, device: torch.device) -> None:
        self._model, self._device = model, device
        self._waiting: list[np.ndarray] = []
        self._done: list[torch.Tensor] = []

    def __call__(self, instant: Instant) -> None:
        """Observe a frame."""
        self._waiting.append(instant.rendered_crop)
        if len(self._waiting) == BATCH:
            self._embed()

    def _embed(self) -> None:
        crops = torch.from_numpy(np.stack(self._waiting))  # (B, S, S, 3)
        self._done.append(embed_pictures(self._model, crops.permute(0, 3, 1, 2).to(self._device)))
        self._waiting = []

    def all(self) -> torch.Tensor:
        """(J, E) of all frames so far."""
        if self._waiting:
            self._embed()
        return torch.cat(self._done)


def score(
    model: SyncNet,
    pictures: torch.Tensor,
    data: PersonData,
    windows: np.ndarray,
    frames: np.ndarray,
) -> Judged | None:
    """Score lips against their own speech.

    Args:
        pictures: (J, E) of ``frames`` (J,), ascending numbers
        windows: (W,) ascending first frames of the windows that count
    Returns:
        None where there are fewer than AVERAGE consecutive windows: too little to judge.
    """
    counts = np.zeros(data.frames, bool)
    counts[windows] = True
    firsts = runs(counts, AVERAGE)
    if not len(firsts):
        return None
    start = int(frames[0])
    whole = pictures.new_zeros(int(frames[-1]) + 1 - start, pictures.shape[1])
    whole[torch.from_numpy(frames - start).to(pictures.device)] = pictures
    cosines = scan_offsets(model, whole, data, windows - start, start)
    best = average_windows(cosines, windows, AVERAGE).argmax(1) - MAX_SHIFT  # (firsts,)
    right = np.full(len(whole), np.nan)
    right[firsts - start] = np.abs(best) <= 1
    found = summarise(cosines, windows, AVERAGE)
    return Judged(**vars(found), right=right[frames - start])


def score_by_base(
    audio: np.ndarray, frames: np.ndarray, count: int, fps: float, *openings: np.ndarray
) -> list[Offset | None]:
    """How openings (J,) of ``frames`` (J,), of ``count``, go with those that the base predicts.

    None at another rate than 25 frames a second, which the base learned from.

    audio: (n,) float32 -1..1 at 16 kHz, of the whole video
    """
    if fps != prediction.FPS:
        return [None] * len(openings)
    predicted = prediction.predict_opening(prediction.load_base(), audio, count)
    found: list[Offset | None] = []
    for opening in openings:
        filmed = np.full(count, np.nan)
        filmed[frames] = opening
        found.append(measure_offset(predicted, filmed, fps, COLUMNS))
    return found
