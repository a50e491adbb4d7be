"""How like the original a picture is. Pure functions of arrays.

Pictures are (H, W, 3) uint8 RGB; masks (H, W) bool say which pixels count.
"""

import cv2
import numpy as np

SSIM_SIGMA = 1.5  # pixels, of an 11 x 11 Gaussian
SSIM_REACH = 5  # pixels to each side of it
SSIM_C1, SSIM_C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
FLICKER_BLUR = 1 / 80  # of the side: sigma of the Gaussian that takes sensor noise away


def grey(picture: np.ndarray) -> np.ndarray:
    """Luma (H, W) float64 0..255 of a picture."""
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float64)


def squared_error(picture: np.ndarray, real: np.ndarray, where: np.ndarray | None = None) -> float:
    """Mean squared difference of pixels and channels, in 8-bit steps squared."""
    difference = picture.astype(np.float64) - real
    return float(np.square(difference if where is None else difference[where]).mean())


def psnr(squared_errors: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of all frames together: of their mean squared error.

    A frame that is nowhere off adds nothing, rather than infinity. NaN rows do not count.
    """
    known = squared_errors[np.isfinite(squared_errors)]
    if not known.any():
        return float("inf") if len(known) else float("nan")
    return float(10 * np.log10(255**2 / known.mean()))


def ssim_map(picture: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Structural similarity around each pixel, (H, W) float64 -1..1, of two luma pictures (H, W).

    Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004,
    with its Gaussian window. The outermost 5 pixels see past the border.
    """

    def local(values: np.ndarray) -> np.ndarray:
        window = (2 * SSIM_REACH + 1, 2 * SSIM_REACH + 1)
        return cv2.GaussianBlur(values, window, SSIM_SIGMA, borderType=cv2.BORDER_REFLECT)

    mean_a, mean_b = local(picture), local(real)
    variance_a = local(picture * picture) - mean_a * mean_a
    variance_b = local(real * real) - mean_b * mean_b
    covariance = local(picture * real) - mean_a * mean_b
    likeness = (2 * mean_a * mean_b + SSIM_C1) * (2 * covariance + SSIM_C2)
    most = (mean_a * mean_a + mean_b * mean_b + SSIM_C1) * (variance_a + variance_b + SSIM_C2)
    return likeness / most


def inner(values: np.ndarray) -> np.ndarray:
    """A map without the outermost pixels, where the window of SSIM sees past the border."""
    return values[SSIM_REACH:-SSIM_REACH, SSIM_REACH:-SSIM_REACH]


def detail(luma: np.ndarray, where: np.ndarray) -> float:
    """Energy of the gradient: mean of the squared steps to the next pixel right and below.

    Subbarao, Choi & Nikzad, "Focusing techniques", 1993. The variance of the Laplacian, which is
    more often seen, is mostly sensor noise on real video: a blur of half a pixel halves it.
    """
    across = np.diff(luma, axis=1, append=luma[:, -1:])
    down = np.diff(luma, axis=0, append=luma[-1:])
    return float((across**2 + down**2)[where].mean())


def flicker(before: np.ndarray, now: np.ndarray, after: np.ndarray, where: np.ndarray) -> float:
    """Energy of the second difference in time of three consecutive luma pictures (H, W).

    The second difference passes what alternates from frame to frame at four times its size and
    hardly what moves steadily. A small Gaussian before it takes sensor noise away, which no
    rendering has.
    """
    change = before - 2 * now + after
    sigma = FLICKER_BLUR * change.shape[0]
    return float(np.square(cv2.GaussianBlur(change, (0, 0), sigma)[where]).mean())
