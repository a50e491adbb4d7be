"""Figures, and when each is green, amber or red.

Green: nothing to do. Amber: it will work, with a loss that the advice names. Red: training on it
wastes time. The pairs here are (green up to, red beyond); those of `profile` in params.yaml belong
to taste and purpose, these do not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["green", "amber", "red"]
ORDER: tuple[Verdict, ...] = ("green", "amber", "red")
Pair = tuple[float, float]
Advice = dict[Verdict, str]

# Of the frame rate that everything runs at. Below it frames are shown twice, and lips that stand
# still while the sound goes on are learned; at half of it every second one is such a copy.
SOURCE_FPS: Pair = (0.95, 0.6)
CUT_OFF: Pair = (0.01, 0.1)  # share of frames whose face reaches out of the picture
# Another face may be taken for the person when the tracker loses sight.
SEVERAL_FACES: Pair = (0.01, 0.2)  # share of frames
# A minute. Shots are used each by itself; where they last 3 s and less, words lose their
# neighbours, and of shots of a second little is left.
CUTS: Pair = (20.0, 60.0)
# `appearance.sharpness` of four real clips is 0.47 to 0.58. A Gaussian blur of the face box with a
# sigma of 0.5 % of its side leaves 0.37 to 0.48, of 1 % 0.27 to 0.36 (visibly soft), of 2 % 0.20 to
# 0.25.
SHARPNESS: Pair = (0.38, 0.28)
# Mean of the face in % of white (as coded): green within, red beyond. Wide, as skin is dark or fair
# in the best of light.
BRIGHTNESS: tuple[Pair, Pair] = ((15.0, 78.0), (8.0, 90.0))
CLIPPED: Pair = (0.02, 0.15)  # share of the face that is pure white or black: no texture to learn
# Four real clips have 0.2 to 0.4; changes of about 1 % are seen where they are quick.
FLICKER: Pair = (1.0, 3.0)  # % of the face's brightness from frame to frame
PAUSES: Pair = (1.0, 0.0)  # seconds in all; the noise and the closed mouth are known from them
# Speech peaks 12 to 18 dB above its mean level: louder is clipped, fainter drowns in PCM16's noise.
LEVEL: tuple[Pair, Pair] = ((-35.0, -12.0), (-50.0, -6.0))  # dBFS: green within, red beyond
# Share of samples at full scale: a click now and then is no harm, one in a hundred breaks a voice.
SOUND_CLIPPED: Pair = (1e-4, 1e-2)
NOISE: Pair = (-45.0, -30.0)  # dBFS of the pauses
# Eye distances between the 5th and 95th percentile while speaking: 0.12 to 0.26 in the sample and
# four real clips.
MOUTH: Pair = (0.07, 0.03)


@dataclass(frozen=True)
class Figure:
    """One measured quantity. ``value`` is None where it could not be measured.

    Attributes:
        key, name: for machines and for people
        unit: "" where it has none; a "share" is shown in percent
        advice: one line; what to do, or why it is good
        details: further numbers by name
    """

    key: str
    name: str
    value: float | None
    unit: str
    verdict: Verdict
    advice: str
    details: Mapping[str, float | bool | None]

    def text(self) -> str:
        """The value with its unit, for people."""
        if self.value is None:
            return "unknown"
        if self.unit == "share":
            return (
                f"{self.value:.0%}" if self.value == 0 or self.value >= 0.1 else f"{self.value:.1%}"
            )
        if self.unit == "degrees":
            return f"{self.value:.0f}°"
        if self.unit == "count":
            return f"{self.value:.0f}"
        digits = 2 if abs(self.value) < 1 and self.value else 1 if abs(self.value) < 10 else 0
        return f"{self.value:.{digits}f} {self.unit}".strip()


def judge(value: float, pair: Pair) -> Verdict:
    """Green up to the first number of ``pair``, red beyond the second, whichever way they lie."""
    good, bad = pair
    sign = 1 if good >= bad else -1
    if sign * value >= sign * good:
        return "green"
    return "red" if sign * value < sign * bad else "amber"


def judged(
    key: str,
    name: str,
    value: float,
    unit: str,
    pair: Pair,
    advice: Advice,
    details: Mapping[str, float | bool | None] | None = None,
    *,
    by: float | None = None,
) -> Figure:
    """A figure with the verdict that ``pair`` gives, and the advice that goes with it.

    by: the number that is judged, where it is not ``value``
    """
    verdict = judge(value if by is None else by, pair)
    return Figure(key, name, value, unit, verdict, advice[verdict], details or {})


def judge_within(value: float, pairs: tuple[Pair, Pair]) -> Verdict:
    """Green within the first interval, red outside of the second."""
    (low, high), (lowest, highest) = pairs
    if low <= value <= high:
        return "green"
    return "amber" if lowest <= value <= highest else "red"


def worst(verdicts: list[Verdict]) -> Verdict:
    """Of all; green where there are none."""
    return max(verdicts, key=ORDER.index, default="green")
