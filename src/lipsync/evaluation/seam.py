"""Does the pasted face have a border? Measured where the paste mask fades.

A real cheek has gradients of its own, in both directions, so a border that pasting adds hardly
changes their mean size, and a blurred face even lowers it. What gives a border away is that it adds
a gradient across the mask's edge that goes the same way for a stretch along the edge. So the
change of the gradient that pasting makes, pasted less original, is averaged over a neighbourhood
inside the fading band, which cancels texture, sensor noise and small displacements; its size is
then held against the gradients that the original has there, which hide it.
"""

import cv2
import numpy as np

FAINT, FULL = 0.05, 0.95  # the band is where the mask lies between
SMALL = 1 / 120  # of the side: sigma of the Gaussian that takes sensor noise away
NEAR = 1 / 20  # of the side: sigma of the neighbourhood along the band


class PasteEdge:
    """The band in which a mask (S, S) float32 0..1 fades, and measures of pictures there.

    A hard mask has a band too: masks are smoothed as the pictures are.
    """

    def __init__(self, mask: np.ndarray) -> None:
        self._small, self._near = SMALL * len(mask), NEAR * len(mask)
        soft = self._smooth(mask.astype(np.float64))
        self._band = (soft > FAINT) & (soft < FULL)
        down, right = np.gradient(soft)
        steep = np.hypot(down, right)
        steep[steep == 0] = 1.0
        self._down, self._right = down / steep, right / steep  # unit normal of the edge
        self._share = soft[self._band].mean() if self._band.any() else np.nan
        self._weight = self._spread(self._band.astype(np.float64))[self._band]

    def gradient(self, luma: np.ndarray) -> float:
        """Mean size of the slope across the edge, levels a pixel, of luma (S, S)."""
        return float(np.abs(self._slope(luma)).mean())

    def border(self, luma: np.ndarray, real: np.ndarray) -> float:
        """Mean size of the slope that pasting added, levels a pixel, of two lumas (S, S)."""
        return float(np.abs(self._nearby(self._slope(luma - real))).mean())

    def step(self, picture: np.ndarray, real: np.ndarray) -> float:
        """Mean size of the local difference of colour, 8-bit levels of the whole new face.

        Pictures (S, S, 3) uint8, pasted and original. Half a face blended in shows half of its
        difference, so the mean is divided by the mask's own mean over the band.
        """
        difference = picture.astype(np.float64) - real
        channels = [self._nearby(self._smooth(channel)[self._band]) for channel in
                    np.moveaxis(difference, 2, 0)]  # fmt: skip
        return float(np.abs(channels).mean() / self._share)

    def _smooth(self, values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values, (0, 0), self._small, borderType=cv2.BORDER_REFLECT)

    def _spread(self, values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values, (0, 0), self._near, borderType=cv2.BORDER_CONSTANT)

    def _slope(self, luma: np.ndarray) -> np.ndarray:
        """Derivative along the edge's normal at the band's pixels, (B,)."""
        down, right = np.gradient(self._smooth(luma))
        return (down * self._down + right * self._right)[self._band]

    def _nearby(self, values: np.ndarray) -> np.ndarray:
        """Values (B,) of the band averaged over their neighbourhood within it."""
        filled = np.zeros(self._band.shape)
        filled[self._band] = values
        return self._spread(filled)[self._band] / self._weight
