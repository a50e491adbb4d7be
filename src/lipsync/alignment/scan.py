"""How well the sound tells the lips, at each lag between the two.

At every lag a ridge regression guesses the lips' shape and movement of a frame from the sound of
0.1 s around it, and is judged by its correlation on blocks of the video that it was not fitted on.
The window is narrow on purpose: a wide one would hold the right sound at many lags. The regression
is fitted anew at each lag and person, so nothing that was learned from a shifted recording is taken
for the truth; what is shifted is seen by the correlation being best elsewhere.
"""

from dataclasses import dataclass

import numpy as np

from lipsync.speech.mel import COLUMNS

MAX_LAG = 0.6  # seconds that sound and picture may be apart to be found
WINDOW = (-1, 0, 1)  # frames around the lag whose sound is heard
RIDGE = 0.3  # penalty, of the standardised features' own variance
BLOCK = 1.0  # seconds that are held out together, and resampled together by the bootstrap
MARGIN = 0.4  # seconds beside held-out blocks that are not fitted on
FOLDS = 8
WRONG_LAGS = 100  # lags at which the sound is certainly wrong


@dataclass(frozen=True)
class Scan:
    """Held-out agreement, as sums over blocks, from which any resampling of blocks follows.

    Attributes:
        lags: (L,) seconds by which the sound comes after the lips; ascending
        sums: (blocks, L, targets, 6) of: 1, y, y squared, guess, guess squared, y times guess
    """

    lags: np.ndarray
    sums: np.ndarray

    def correlations(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Mean over targets of Pearson's r at each lag.

        Args:
            weights: (R, blocks), how often each block counts; None counts each once
        Returns:
            (R, L), or (L,) without weights
        """
        if weights is None:
            return self.correlations(np.ones((1, len(self.sums))))[0]
        total = np.tensordot(weights, self.sums, 1)  # (R, L, targets, 6)
        n, y, yy, p, pp, yp = np.moveaxis(total, -1, 0)
        both = np.maximum(yy - y * y / n, 0) * np.maximum(pp - p * p / n, 0)
        covariance = yp - y * p / n
        # A guess or a mouth that never moves agrees with nothing.
        r = np.divide(covariance, np.sqrt(both), out=np.zeros_like(both), where=both > 1e-12)
        return r.mean(-1)


def scan_lags(columns: np.ndarray, targets: np.ndarray, fps: float) -> Scan | None:
    """Scan -0.6 ... 0.6 s in steps of a quarter of a frame.

    Args:
        columns: (4 N, D) from ``sound_columns``
        targets: (N, T) from ``lip_movement``; frames with NaN are left out
    Returns:
        None where fewer than two blocks of a second show lips
    """
    reach = round(MAX_LAG * fps)  # frames
    steps = np.arange(-reach * COLUMNS, reach * COLUMNS + 1)
    frames = usable_frames(targets, reach + max(WINDOW) + 1)
    return _scan(columns, targets, frames, steps, fps)


def scan_wrong_lags(columns: np.ndarray, targets: np.ndarray, fps: float) -> Scan | None:
    """Scan lags far beyond ``MAX_LAG``, the sound turned around a circle: what chance can do."""
    least, length = 2 * round(MAX_LAG * fps), len(targets)
    if length < 3 * least:
        return None
    far = np.linspace(least, length - least, WRONG_LAGS).round().astype(int) * COLUMNS
    frames = usable_frames(targets, round(MAX_LAG * fps) + max(WINDOW) + 1)
    return _scan(columns, targets, frames, np.unique(far), fps)


def usable_frames(targets: np.ndarray, reach: int) -> np.ndarray:
    """Frames whose lips are known, ``reach`` frames from either end of the recording."""
    inside = np.zeros(len(targets), bool)
    inside[reach : len(targets) - reach] = True
    return np.flatnonzero(inside & np.isfinite(targets).all(1))


def _scan(
    columns: np.ndarray, targets: np.ndarray, frames: np.ndarray, steps: np.ndarray, fps: float
) -> Scan | None:
    number = (frames / (BLOCK * fps)).astype(int)
    blocks, block = np.unique(number, return_inverse=True)  # block of each frame, without gaps
    if len(blocks) < 2:
        return None
    y = targets[frames]  # (F, T)
    y = (y - y.mean(0)) / np.maximum(y.std(0), 1e-9)
    # Between columns 4 i + 1 and 4 i + 2 lies the middle of frame i.
    between = (columns + np.roll(columns, -1, 0)) / 2
    centres = COLUMNS * frames + COLUMNS // 2 - 1
    folds = _folds(frames, block, fps)
    sums = np.zeros((len(blocks), len(steps), y.shape[1], 6))
    for place, step in enumerate(steps):
        heard = [(centres + step + COLUMNS * near) % len(columns) for near in WINDOW]
        x = np.concatenate([between[index] for index in heard], axis=1)  # (F, 3 D)
        guess = _guess(x, y, folds)
        parts = np.stack([np.ones_like(y), y, y * y, guess, guess * guess, y * guess], -1)
        np.add.at(sums[:, place], block, parts)
    return Scan(steps / (COLUMNS * fps), sums)


def _folds(
    frames: np.ndarray, block: np.ndarray, fps: float
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each fold, masks (F,) of the frames held out and of those fitted on."""
    folds = []
    for fold in range(min(FOLDS, block.max() + 1)):
        held_out = block % FOLDS == fold
        near = np.zeros(frames[-1] + 1, bool)
        near[frames[held_out]] = True
        width = 2 * round(MARGIN * fps) + 1
        near = np.convolve(near, np.ones(width), "same")[: len(near)] > 0
        fitted = ~near[frames]
        folds.append((held_out, fitted if fitted.any() else ~held_out))
    return folds


def _guess(x: np.ndarray, y: np.ndarray, folds: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Ridge regression of y (F, T) on x (F, K), each frame guessed by a fit without its block."""
    x = (x - x.mean(0)) / np.maximum(x.std(0), 1e-6)
    guess = np.empty_like(y)
    for held_out, fitted in folds:
        mine, mean = x[fitted], y[fitted].mean(0)
        penalty = RIDGE * len(mine) * np.eye(x.shape[1])
        weights = np.linalg.solve(mine.T @ mine + penalty, mine.T @ (y[fitted] - mean))
        guess[held_out] = x[held_out] @ weights + mean
    return guess
