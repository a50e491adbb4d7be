"""How like the real frames one kind of rendering is, frame by frame.

A rendering's own mask says which pixels count: where the new face has more than half of the weight.
The mask moves with the head and the wanted mouth, so the real frame is measured in the same pixels.
Renderings with different masks are compared by the error in one region that is the same for all,
``faces.masks.paste_mask``.
"""

from dataclasses import dataclass, fields

import numpy as np

from lipsync.evaluation import pictures as P
from lipsync.evaluation.seam import PasteEdge
from lipsync.faces.landmarks import POINTS, mouth_opening
from lipsync.faces.masks import paste_mask


@dataclass(frozen=True)
class FrameMetrics:
    """One kind of rendering in J frames; NaN where there is no face or nobody looked.

    Attributes:
        points: (J, 468, 2) pixels, read off the whole picture
        error_region, error_mask: (J,) mean squared error in the fixed region and in the mask
        ssim_mask: (J,)
        detail, real_detail: (J,) gradient energy in the mask, rendered and real
        flicker, real_flicker: (J,) energy of the second difference in time there; NaN beside
            frames without face
        border, step: (J,) slope and colour that pasting added across the mask's edge
        real_edge: (J,) slope of the real frame there
    """

    points: np.ndarray
    error_region: np.ndarray
    error_mask: np.ndarray
    ssim_mask: np.ndarray
    detail: np.ndarray
    real_detail: np.ndarray
    flicker: np.ndarray
    real_flicker: np.ndarray
    border: np.ndarray
    step: np.ndarray
    real_edge: np.ndarray

    @classmethod
    def empty(cls, frames: int) -> "FrameMetrics":
        """Nothing known of ``frames`` frames."""
        shapes = {"points": (frames, POINTS, 2)}
        names = [field.name for field in fields(cls)]
        return cls(**{name: np.full(shapes.get(name, (frames,)), np.nan) for name in names})

    @property
    def opening(self) -> np.ndarray:
        """(J,) mouth opening over the eye distance."""
        return mouth_opening(self.points)


class FrameMeter:
    """Fills ``metrics`` frame after frame.

    Args:
        frames: J
        size: S, pixels of the crops
    """

    def __init__(self, frames: int, size: int) -> None:
        self.metrics = FrameMetrics.empty(frames)
        self._region = paste_mask(size) > 0.5
        # Of up to three frames: frame number, row, luma, real luma, where the mask counts.
        self._recent: list[tuple[int, int, np.ndarray, np.ndarray, np.ndarray]] = []

    def compare(
        self,
        row: int,
        frame: int,
        crop: np.ndarray,
        real: np.ndarray,
        mask: np.ndarray,
        *,
        seam: bool,
    ) -> None:
        """Compare a rendered crop with the real one, both (S, S, 3) uint8.

        Args:
            row: 0 ... J - 1; frame: its number in the video
            mask: (S, S) 0..1, weight of the new face
            seam: look at the mask's edge too, which takes as long as all the rest
        """
        metrics, where = self.metrics, mask > 0.5
        luma, real_luma = P.grey(crop), P.grey(real)
        metrics.error_region[row] = P.squared_error(crop, real, self._region)
        self._recent = [*self._recent[-2:], (frame, row, luma, real_luma, where)]
        if not where.any():
            return
        metrics.error_mask[row] = P.squared_error(crop, real, where)
        metrics.ssim_mask[row] = P.ssim_map(luma, real_luma)[where].mean()
        metrics.detail[row] = P.detail(luma, where)
        metrics.real_detail[row] = P.detail(real_luma, where)
        if seam:
            edge = PasteEdge(mask)
            metrics.border[row] = edge.border(luma, real_luma)
            metrics.step[row] = edge.step(crop, real)
            metrics.real_edge[row] = edge.gradient(real_luma)
        self._compare_in_time()

    def _compare_in_time(self) -> None:
        if len(self._recent) < 3 or self._recent[0][0] != self._recent[2][0] - 2:
            return
        _, row, _, _, where = self._recent[1]
        if where.any():
            lumas = [(luma, real) for _, _, luma, real, _ in self._recent]
            (before, real_before), (now, real_now), (after, real_after) = lumas
            self.metrics.flicker[row] = P.flicker(before, now, after, where)
            self.metrics.real_flicker[row] = P.flicker(real_before, real_now, real_after, where)
