"""Mean and spread of features over a corpus, so that nothing is normalised over an utterance."""

import numpy as np

# Below this a log energy of `speech.fbank` is no sound: the noise of rounding to 16 bits has 1.9 on
# average over the bands (measured; each band has its own, -5 to 6). Digital silence would lie 18
# lower, far outside of what a corpus has.
QUIET = 2.0


class Statistics:
    """Running mean and variance of rows (T, D); Chan et al., 1979, "Updating formulae"."""

    def __init__(self, dimension: int) -> None:
        self.count = 0
        self.mean = np.zeros(dimension)
        self._squares = np.zeros(dimension)  # sum of squared distances from the mean

    def add(self, rows: np.ndarray) -> None:
        if not len(rows):
            return
        mean = rows.mean(0, dtype=np.float64)
        squares = ((rows - mean) ** 2).sum(0, dtype=np.float64)
        total = self.count + len(rows)
        step = mean - self.mean
        self._squares += squares + step**2 * self.count * len(rows) / total
        self.mean = self.mean + step * len(rows) / total
        self.count = total

    @property
    def deviation(self) -> np.ndarray:
        """(D,) standard deviation; 1 where a feature never varies."""
        spread = np.sqrt(self._squares / max(1, self.count))
        return np.where(spread > 1e-4, spread, 1.0)
