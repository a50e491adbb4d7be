"""The reference picture: one policy for training, evaluation and rendering.

One crop of the training part shows the network the person's look: of the frames with the lips
closed, or nearly, the sharpest. An open mouth in the reference would have to be painted over in
every silence.
"""

import cv2
import numpy as np
import torch

from lipsync.errors import LipsyncError

CLOSED_SHARE = 0.2  # of the training frames, those with the flattest mouths, are candidates


def choose_reference(crops: torch.Tensor, seen: np.ndarray, mouth: torch.Tensor) -> int:
    """Number of the reference frame.

    Args:
        crops: (T, 3, S, S) uint8 RGB of the training part
        seen: (T,) bool, frames that may be chosen: their face was seen and not interpolated
        mouth: (T, 4) x0, y0, x1, y1 of the lips in crop pixels
    Raises:
        LipsyncError: no face was seen.
    """
    if not seen.any():
        raise LipsyncError("generator: no face was seen in the training part; record it again")
    boxes = mouth.cpu().numpy()
    height = np.where(seen, boxes[:, 3] - boxes[:, 1], np.inf)
    limit = np.quantile(height[seen], CLOSED_SHARE)
    candidates = np.flatnonzero(height <= limit)
    pictures = crops[candidates].permute(0, 2, 3, 1).cpu().numpy()  # (C, S, S, 3)
    return int(candidates[np.argmax([sharpness(picture) for picture in pictures])])


def sharpness(picture: np.ndarray) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al., 2000) of a (H, W, 3) uint8 picture."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())
