"""Audio features without the level, the microphone and the colour of the voice.

A motion network is to hear what is said, whoever says it however loudly. So the features of log
powers are counted from the long-term spectrum of the voice that is heard, and from its noise:

- The **voice** is the mean of the columns heard so far, each weighted by its amplitude, so that
  pauses and noise hardly count (cepstral mean subtraction, Atal 1974, in the domain of bands).
- The **noise floor** is the level that a tenth of the columns stay below, and at least the quietest
  level of the last five seconds (minimum statistics, Martin 2001). What is no louder becomes
  silence, so a steady noise, however loud, moves no lips; one that begins later moves them for
  these five seconds. So does a vowel that is held longer than that.

A column becomes its distance from the voice's mean column, plus ``HEADROOM``; what is fainter than
that, digital silence too, is 0. Both statistics look back only and forget with a time constant of
a minute, so a live stream is treated as a file is. A file is heard for up to a minute beforehand; a
live stream begins with a usual voice.

Features of networks, which know no level (``per_decibel`` is 0), are left as they are.
"""

from collections import deque

import numpy as np

HEADROOM = 32.0  # dB of a voice's mean column above what becomes silence
NOISE = 0.1  # share of the columns that are no louder than the noise floor
RECENT = 5.0  # seconds, of which the quietest columns are noise, ...
QUIETEST = 0.03  # ... this share of them
FAINT, CLEAR = 3.0, 9.0  # dB of a column over the noise floor: from nothing to all of it is heard
MEMORY = 60.0  # seconds: time constant of the statistics
WARM_UP = 60.0  # seconds of a file that are heard beforehand at most
USUAL_NOISE = 20.0  # dB over the floor of `speech.mel`: white noise at -55 dB of full scale
START = 1.3  # seconds of audio until which the usual noise is assumed
PRIOR = 0.05  # seconds at the loudest amplitude so far, that the usual voice counts
BIN, BINS = 0.5, 200  # dB: the histogram of levels
AUDIBLE = 0.16  # dB of a column's mean over the floor of the features; below it is digital silence
# Mean column of 36 recordings' voices: dB over the floor of `speech.mel`, from its lowest band to
# its highest.
USUAL = (58.0, 23.0)
SPEAKING = 10.0  # dB above 0 of a normalised row's mean, from which somebody speaks in it


class Normaliser:
    """Rows in, normalised rows out, one after the other.

    Args:
        per_decibel: what 1 dB adds to a feature; 0 leaves the rows as they are
        instants: columns that a row holds one after the other
        fps: rows a second
    """

    def __init__(self, per_decibel: float, instants: int, fps: float) -> None:
        self.per_decibel, self._instants = per_decibel, instants
        self._keep = float(np.exp(-1 / (MEMORY * fps)))  # of the statistics, a row
        self._columns = fps * instants  # a second
        self._prior = PRIOR * self._columns
        self._levels = np.zeros(BINS)  # weighted counts of audible columns
        self._recent = deque[float](maxlen=round(RECENT * self._columns))  # levels
        self._sum: np.ndarray | float = 0.0  # (bands,) of weighted columns
        self._weight = 0.0
        self._loudest = 0.0  # amplitude

    def push(self, rows: np.ndarray) -> np.ndarray:
        """(B, D) float32 -> (B, D) float32, 0 or more."""
        if not self.per_decibel:
            return rows
        out = np.empty_like(rows)
        for number, row in enumerate(rows):
            columns = row.reshape(self._instants, -1) / self.per_decibel  # (I, bands), dB
            voice, heard = self._learn(columns)
            found = np.maximum(columns - voice + HEADROOM, 0) * heard[:, None]
            out[number] = (found * self.per_decibel).ravel()
        return out

    def _learn(self, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Take columns into the statistics; the voice (bands,) and how much of each is heard."""
        level = columns.mean(1)  # (I,)
        audible = level > AUDIBLE
        bins = np.clip(level / BIN, 0, BINS - 1).astype(int)
        self._recent.extend(level.tolist())
        self._levels *= self._keep
        np.add.at(self._levels, bins[audible], 1.0)
        heard = np.clip((level - self._noise_floor() - FAINT) / (CLEAR - FAINT), 0, 1) * audible
        amplitude = 10 ** (level / 20)
        self._loudest = max(self._keep * self._loudest, float(amplitude.max()))
        weight = amplitude * heard
        self._sum = self._keep * self._sum + weight @ columns
        self._weight = self._keep * self._weight + float(weight.sum())
        prior = self._prior * self._loudest
        usual = np.linspace(*USUAL, columns.shape[1])
        return (self._sum + prior * usual) / (self._weight + prior), heard

    def _noise_floor(self) -> float:
        """dB; at the start the usual one, for speech that begins at once is not its own noise."""
        total = np.cumsum(self._levels)
        if total[-1] < START * self._columns:
            return USUAL_NOISE
        usual = float(np.searchsorted(total, NOISE * total[-1]) + 0.5) * BIN
        if len(self._recent) != self._recent.maxlen:  # it began a moment ago
            return usual
        place = round(QUIETEST * len(self._recent))
        return max(usual, float(np.partition(self._recent, place)[place]))


def normalised(rows: np.ndarray, per_decibel: float, instants: int, fps: float) -> np.ndarray:
    """Rows (N, D) of a whole recording, as a file is heard."""
    normaliser = Normaliser(per_decibel, instants, fps)
    normaliser.push(rows[: round(WARM_UP * fps)])
    return normaliser.push(rows)


def normalised_silence(silence: np.ndarray, per_decibel: float) -> np.ndarray:
    """The row (D,) of digital silence, normalised: 0, for features that know a level."""
    return np.zeros_like(silence) if per_decibel else silence


def speaking(rows: np.ndarray, per_decibel: float) -> np.ndarray:
    """(B,) bool: whether somebody speaks in normalised rows (B, D); always, without a level."""
    if not per_decibel:
        return np.ones(len(rows), bool)
    return rows.mean(1) > SPEAKING * per_decibel
