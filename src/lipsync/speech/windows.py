"""The speech around a frame, as training and rendering both hand it to the models."""

import numpy as np


def speech_windows(
    rows: np.ndarray, silence: np.ndarray, indices: np.ndarray, past: int, future: int
) -> np.ndarray:
    """Rows i - past ... i + future for each frame i of ``indices``.

    rows: (N, D) float32. silence: (D,), stands before the first and after the last row.
    indices: (B,) integers; any, even outside 0..N-1. Returns (B, past + 1 + future, D).
    """
    around = np.asarray(indices)[:, None] + np.arange(-past, future + 1)  # (B, T)
    windows = rows[np.clip(around, 0, len(rows) - 1)]  # (B, T, D)
    windows[(around < 0) | (around >= len(rows))] = silence
    return windows
