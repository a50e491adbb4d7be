"""The sound that an avatar says: read again for each use, so that memory does not grow with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.media.audio import SAMPLE_RATE, audio_blocks, source_rate
from lipsync.media.clock import frame_count

# Hz that AAC can be (ISO/IEC 14496-3, table 1.18); other sound becomes 48 kHz
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
OTHER_RATE = 48_000
SOUNDS = {".wav", ".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".wma", ".aif", ".aiff"}
SOUNDS |= {".caf", ".mka", ".amr", ".ac3", ".au"}
VIDEOS = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".3gp", ".wmv"}
# of camcorders, broadcasting, DVDs and older software
VIDEOS |= {".mts", ".m2ts", ".m2t", ".mxf", ".dv", ".vob", ".asf", ".flv", ".f4v", ".ogv", ".3g2"}
AUDIBLE = 10 ** (-60 / 20)  # of full scale: a file that never is louder holds no speech


@dataclass(frozen=True)
class Sound:
    """A file with sound, looked through once.

    Attributes:
        rate: Hz of the sound of the rendered file
        samples: at this rate
        silent: whether it is never loud enough to be speech
    """

    path: Path
    rate: int
    samples: int
    silent: bool

    @property
    def seconds(self) -> Fraction:
        return Fraction(self.samples, self.rate)

    def pictures(self, fps: float) -> int:
        """Pictures that the sound lasts.

        Raises LipsyncError if it is shorter than one.
        """
        count = frame_count(self.seconds, fps)
        if count == 0:
            raise LipsyncError(
                f"{self.path}: {float(self.seconds):.3f} s of sound is less than one picture; "
                "give a file with speech in it"
            )
        return count

    def blocks(self) -> Iterator[np.ndarray]:
        """Mono float32 at ``rate``, for the rendered file."""
        return audio_blocks(self.path, self.rate)

    def speech(self) -> Iterator[np.ndarray]:
        """Mono float32 at 16 kHz, for the speech encoder."""
        return audio_blocks(self.path, SAMPLE_RATE)


def open_sound(path: str | Path) -> Sound:
    """Look through a file once.

    Raises LipsyncError if it is missing, unreadable, or has no sound.
    """
    path = Path(path)
    found = source_rate(path)
    rate = found if found in AAC_RATES else OTHER_RATE
    samples, peak = 0, 0.0
    for block in audio_blocks(path, rate):
        samples += len(block)
        peak = max(peak, float(np.abs(block).max(initial=0)))
    return Sound(path, rate, samples, silent=peak < AUDIBLE)
