"""The one place where frames, seconds and samples are converted into each other.

Frame i stands for the instant (i + 0.5) / fps; t = 0 is the start of the first picture. All
arithmetic is exact (`fractions`), so no float rounds a count to the wrong side and nothing drifts.
A float is taken as the simplest ratio that it can mean: 29.97 is 2997/100, 30000/1001 as a float
is 30000/1001 again, 0.58 s is 29/50 s.
"""

from fractions import Fraction
from math import floor

MAX_FPS_DENOMINATOR = 10_000  # holds 1001 of the NTSC rates and four decimals
MAX_SECONDS_DENOMINATOR = 1_000_000  # holds any n / sample rate below 192 kHz over many hours


def exact_fps(fps: float | Fraction) -> Fraction:
    """The frame rate as a ratio of small integers."""
    return Fraction(fps).limit_denominator(MAX_FPS_DENOMINATOR)


def exact_seconds(seconds: float | Fraction) -> Fraction:
    """Seconds as a ratio; a Fraction stays what it is."""
    if isinstance(seconds, Fraction):
        return seconds
    return Fraction(seconds).limit_denominator(MAX_SECONDS_DENOMINATOR)


def round_half_up(value: Fraction) -> int:
    """The nearest integer, halves upwards (Python's ``round`` sends them to the even side)."""
    return floor(value + Fraction(1, 2))


def frame_time(index: int, fps: float | Fraction) -> float:
    """Seconds of the middle of frame ``index``: (index + 0.5) / fps."""
    return float(Fraction(2 * index + 1, 2) / exact_fps(fps))


def frame_count(seconds: float | Fraction, fps: float | Fraction) -> int:
    """Pictures for so much sound: ``seconds`` x ``fps``, rounded half up."""
    return round_half_up(exact_seconds(seconds) * exact_fps(fps))


def sample_count(frames: int, fps: float | Fraction, rate: int) -> int:
    """Audio samples that ``frames`` pictures last at ``rate`` Hz, rounded half up."""
    return round_half_up(frames * rate / exact_fps(fps))
