"""One pass over the held-out frames: paint, paste, look, note down.

Every figure comes from the tables that are noted here, one row a frame; pictures are handed to
observers and forgotten, so memory does not grow with the length of the video. What paints and what
reads lips is passed in.

Three mouths are looked at in each frame: the real one, the rendered one, and the copied one, which
is the reference picture pasted over every frame. In some frames the mouths that wrong speech makes
are looked at too.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np

from lipsync.evaluation import pictures as P
from lipsync.evaluation.seam import PasteEdge
from lipsync.evaluation.shifts import WrongSpeech
from lipsync.faces.compositing import paste
from lipsync.faces.landmarks import POINTS, mouth_opening
from lipsync.faces.masks import paste_mask
from lipsync.progress import progress
from lipsync.training.split import evenly

BLOCK = 32  # frames painted at once

Paint = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(frames (B,), frames whose speech is spoken (B,)) -> painted crops (B, S, S, 3) uint8"""
ReadLips = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(picture (H, W, 3) uint8, box (4,)) -> points (468, 2), NaN where no face is seen"""


@dataclass(frozen=True)
class HeldOut:
    """What the pass looks at: consecutive frames of one person.

    Attributes:
        start: number of the first frame
        pictures: the whole video, by frame number; each (H, W, 3) uint8
        crops: (V, S, S, 3) uint8 of the held-out frames; may be a view
        boxes: (V, 4) of the crops
        valid: (V,) bool, false where no face was found: not judged, but shown
        reference: (S, S, 3) uint8
    """

    start: int
    pictures: Sequence[np.ndarray]
    crops: np.ndarray
    boxes: np.ndarray
    valid: np.ndarray
    reference: np.ndarray


@dataclass(frozen=True)
class Instant:
    """A held-out frame, real and rendered; pictures (H, W, 3), crops (S, S, 3), all uint8."""

    row: int  # of the tables; frame number less the first held-out frame's
    box: np.ndarray
    real: np.ndarray
    rendered: np.ndarray
    real_crop: np.ndarray
    rendered_crop: np.ndarray


@dataclass(frozen=True)
class Table:
    """How one kind of mouth looks, a row a frame; NaN where there is no face.

    Attributes:
        points: (V, 468, 2) pixels, read off the whole picture
        error_mask, error_crop: (V,) mean squared error in the pasted region and over the crop
        ssim_mask, ssim_crop: (V,)
        detail: (V,) gradient energy in the pasted region
        flicker: (V,) energy of the second difference in time there; NaN beside frames without face
        edge: (V,) slope across the paste mask's edge; of the real mouth alone
        border, step: (V,) slope and colour there that the real one does not have
    """

    points: np.ndarray
    error_mask: np.ndarray
    error_crop: np.ndarray
    ssim_mask: np.ndarray
    ssim_crop: np.ndarray
    detail: np.ndarray
    flicker: np.ndarray
    edge: np.ndarray
    border: np.ndarray
    step: np.ndarray

    @classmethod
    def empty(cls, frames: int) -> "Table":
        shapes = {"points": (frames, POINTS, 2)}
        names = [field.name for field in fields(cls)]
        return cls(**{name: np.full(shapes.get(name, (frames,)), np.nan) for name in names})

    @property
    def opening(self) -> np.ndarray:
        """(V,) mouth opening over the eye distance."""
        return mouth_opening(self.points)


@dataclass(frozen=True)
class Tables:
    """All that was noted.

    Attributes:
        shifted_rows: (M,) rows that wrong speech was tried in
        shifted_opening: (M, K) mouth opening there, for each shift
    """

    real: Table
    rendered: Table
    copied: Table
    shifted_rows: np.ndarray
    shifted_opening: np.ndarray


class _Noter:
    """Fills a table frame after frame, for pictures are compared in time too."""

    def __init__(self, frames: int, where: np.ndarray, edge: PasteEdge) -> None:
        self.table = Table.empty(frames)
        self._where, self._edge = where, edge
        self._recent: list[tuple[int, np.ndarray]] = []  # row, luma; of up to three frames

    def note(self, row: int, points: np.ndarray, crop: np.ndarray, real: np.ndarray) -> None:
        table, where = self.table, self._where
        luma, real_luma = P.grey(crop), P.grey(real)
        table.points[row] = points
        table.error_mask[row] = P.squared_error(crop, real, where)
        table.error_crop[row] = P.squared_error(crop, real)
        likeness = P.ssim_map(luma, real_luma)
        table.ssim_mask[row] = likeness[where].mean()
        table.ssim_crop[row] = P.inner(likeness).mean()
        table.detail[row] = P.detail(luma, where)
        if crop is real:
            table.edge[row], table.border[row], table.step[row] = self._edge.gradient(luma), 0, 0
        else:
            table.border[row] = self._edge.border(luma, real_luma)
            table.step[row] = self._edge.step(crop, real)
        self._recent = [*self._recent[-2:], (row, luma)]
        if len(self._recent) == 3 and self._recent[0][0] == row - 2:
            before, now, after = (luma for _, luma in self._recent)
            table.flicker[row - 1] = P.flicker(before, now, after, where)


def look(
    held_out: HeldOut,
    paint: Paint,
    read_lips: ReadLips,
    wrong: WrongSpeech,
    shifted_frames: int,
    observers: Iterable[Callable[[Instant], None]] = (),
    name: str = "evaluate",
) -> Tables:
    """Look at every held-out frame, and at ``shifted_frames`` of them with wrong speech.

    Args:
        observers: called with each frame in turn, in order
        name: shown with the progress
    """
    observers = list(observers)
    start, valid, mask = held_out.start, held_out.valid, paste_mask(held_out.reference.shape[0])
    edge = PasteEdge(mask)
    real, rendered, copied = (_Noter(len(valid), mask > 0.5, edge) for _ in range(3))
    shifted_rows = evenly(np.flatnonzero(valid), shifted_frames if len(wrong.shifts) else 0)
    shifted_opening: list[np.ndarray] = []
    for row, face in progress(_painted(held_out, paint), total=len(valid), desc=name):
        box, picture, truth = (
            held_out.boxes[row],
            held_out.pictures[start + row],
            held_out.crops[row],
        )
        pasted, crop = paste(picture, face, box, mask), blend(truth, face, mask)
        if valid[row]:
            real.note(row, read_lips(picture, box), truth, truth)
            rendered.note(row, read_lips(pasted, box), crop, truth)
            copy = paste(picture, held_out.reference, box, mask)
            copied_crop = blend(truth, held_out.reference, mask)
            copied.note(row, read_lips(copy, box), copied_crop, truth)
        if row in shifted_rows:
            spoken = wrong.frames(start + row)  # (K,)
            faces = paint(np.full_like(spoken, start + row), spoken)  # (K, S, S, 3)
            points = [read_lips(paste(picture, other, box, mask), box) for other in faces]
            shifted_opening.append(mouth_opening(np.stack(points)))  # (K,)
        for observer in observers:
            observer(Instant(row, box, picture, pasted, truth, crop))
    opening = np.array(shifted_opening).reshape(len(shifted_rows), len(wrong.shifts))
    return Tables(real.table, rendered.table, copied.table, shifted_rows, opening)


def _painted(held_out: HeldOut, paint: Paint) -> Iterator[tuple[int, np.ndarray]]:
    """Row and face with the right speech, (S, S, 3) uint8, of every held-out frame."""
    for first in range(0, len(held_out.valid), BLOCK):
        rows = np.arange(first, min(first + BLOCK, len(held_out.valid)))
        frames = held_out.start + rows
        yield from zip(rows.tolist(), paint(frames, frames), strict=True)


def blend(crop: np.ndarray, face: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """``compositing.paste`` in the crop's own pixels: (S, S, 3) uint8 twice, mask (S, S)."""
    return cv2.blendLinear(crop, face, 1 - mask, mask)
