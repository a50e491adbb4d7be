"""From audio features to expressions, for one voice.

Features are normalised, the motion network predicts, and the opening of the mouth is matched. The
first and the last step keep statistics of the voice, so each audio needs an ``Articulation`` of its
own.
"""

import copy

import numpy as np

from lipsync.motion.opening import OpeningMatcher
from lipsync.rendering.avatar import Avatar
from lipsync.speech.encoder import SpeechEncoder
from lipsync.speech.normalise import WARM_UP, Normaliser, normalised_silence, speaking
from lipsync.speech.windows import WindowStream


class Articulation:
    """Args:
    encoder: the avatar's
    """

    def __init__(self, avatar: Avatar, encoder: SpeechEncoder) -> None:
        self._avatar, self._per_decibel = avatar, encoder.per_decibel
        fps = avatar.info.fps
        self._normaliser = Normaliser(encoder.per_decibel, encoder.instants, fps)
        self._matcher = OpeningMatcher(avatar.info.opening.range(avatar.shape))
        self.silence = normalised_silence(encoder.silence, encoder.per_decibel)
        self._most = round(WARM_UP * fps)  # rows

    def normalise(self, rows: np.ndarray) -> np.ndarray:
        """The next audio features (B, D), normalised."""
        return self._normaliser.push(rows)

    def express(self, window: np.ndarray) -> np.ndarray:
        """Expression (E,) of the next window (past + 1 + future, D) of normalised features.

        One at a time: in a batch the last bits of the result may differ, and live speech has none.
        """
        (predicted,) = self._avatar.express(window[None])
        return self._matcher.match(predicted, self._spoken(window[None])[0])

    def hear(self, rows: np.ndarray) -> None:
        """Features (N, D) of the voice that is to come, of which the first minute counts."""
        info, rows = self._avatar.info, rows[: self._most]
        if not len(rows):
            return
        self._normaliser.push(rows)
        again = copy.deepcopy(self._normaliser)
        stream = WindowStream(self.silence, info.past, info.future)
        windows = np.concatenate([stream.push(again.push(rows)), stream.finish()])
        self._matcher.hear(self._avatar.express(windows), self._spoken(windows))

    def _spoken(self, windows: np.ndarray) -> np.ndarray:
        """(B,) bool: whether somebody speaks in the middle of windows."""
        return speaking(windows[:, self._avatar.info.past], self._per_decibel)
