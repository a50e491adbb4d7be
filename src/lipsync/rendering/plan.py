"""Which frame of the source film lies under each rendered picture."""

import numpy as np


def ping_pong(length: int, count: int, start: int = 0) -> np.ndarray:
    """Frame numbers (count,) int64: from ``start`` forwards to the end, back, and so on.

    Neighbours are neighbours in the film, also at the turns: 0 1 2 3 2 1 0 1 ... for four frames,
    so neither end is shown twice in a row. A film of one frame stands still.

    length: frames of the film, at least 1. start: 0 ... length - 1.
    """
    if not 0 <= start < length:
        raise ValueError(f"start {start} lies outside a film of {length} frames")
    period = max(1, 2 * (length - 1))
    steps = (start + np.arange(count, dtype=np.int64)) % period
    return np.minimum(steps, period - steps) if length > 1 else steps
