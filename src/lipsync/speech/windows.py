"""The speech around a frame, as training and rendering both hand it to the models."""

from collections.abc import Iterable, Iterator

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


class WindowStream:
    """The same windows of rows that arrive bit by bit; each comes out once its last row is here.

    silence: (D,). past, future: rows before and after a window's own.
    """

    def __init__(self, silence: np.ndarray, past: int, future: int) -> None:
        self._silence, self._length, self._future = silence, past + 1 + future, future
        self._held = np.broadcast_to(silence, (past, len(silence)))

    def push(self, rows: np.ndarray) -> np.ndarray:
        """Rows (B, D) -> windows (W, past + 1 + future, D), in order from that of row 0 on."""
        held = np.concatenate([self._held, rows])
        count = max(0, len(held) - self._length + 1)
        self._held = held[count:]
        if not count:
            return np.zeros((0, self._length, len(self._silence)), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(held, self._length, axis=0)
        return windows.transpose(0, 2, 1)[:count]  # (W, D, K) -> (W, K, D)

    def finish(self) -> np.ndarray:
        """The windows of the last rows, after which there is silence."""
        return self.push(np.broadcast_to(self._silence, (self._future, len(self._silence))))


def stream_windows(
    blocks: Iterable[np.ndarray], silence: np.ndarray, past: int, future: int
) -> Iterator[np.ndarray]:
    """A window (past + 1 + future, D) for each row of blocks (B, D), in memory of one block."""
    stream = WindowStream(silence, past, future)
    for block in blocks:
        yield from stream.push(block)
    yield from stream.finish()
