"""Moving the audio against the picture."""

from typing import Literal

import numpy as np

from lipsync.alignment.offset import Offset
from lipsync.media.clock import exact_seconds, round_half_up

LEAST = 0.5  # frames; auto corrects what is for certain more


def delay(audio: np.ndarray, seconds: float, rate: int) -> np.ndarray:
    """The audio ``seconds`` later, earlier if negative; as long as before, filled with silence.

    Args:
        audio: (n,)
    """
    samples = round_half_up(exact_seconds(seconds) * rate)
    moved = np.zeros_like(audio)
    if samples >= 0:
        moved[samples:] = audio[: max(0, len(audio) - samples)]
    else:
        moved[:samples] = audio[-samples:]
    return moved


def choose_delay(wanted: float | Literal["auto"], measured: Offset, frame: float) -> float:
    """Seconds to delay the audio by.

    Args:
        wanted: ``people.<p>.audio_offset``, milliseconds or auto
        measured: of the recording as it is
        frame: seconds that a frame lasts
    """
    if wanted != "auto":
        return wanted / 1e3
    if not measured.excludes(LEAST * frame) or measured.seconds is None:
        return 0.0
    return round(measured.seconds, 3)


def describe(
    measured: Offset, wanted: float | Literal["auto"], applied: float, frame: float
) -> tuple[str, bool]:
    """What was found and done, one line for people, and whether it is a warning.

    Args:
        wanted, frame: as of ``choose_delay``
        applied: seconds that the audio is delayed by
    """
    done = f"; the audio is delayed by {applied * 1e3:.0f} ms" if applied else ""
    automatic = wanted == "auto"
    if measured.seconds is None or measured.low is None or measured.high is None or measured.doubt:
        left = "; audio_offset: auto leaves it as it is" if automatic else ""
        return f"offset of audio and picture: cannot be told, {measured.doubt}{left}{done}", False
    found = (
        f"the audio is ahead of the picture by {measured.seconds * 1e3:.0f} ms (95 % interval "
        f"{measured.low * 1e3:.0f} to {measured.high * 1e3:.0f}; negative is behind){done}"
    )
    if measured.delayed(applied).excludes(frame):
        remedy = "check it at a p or b, then set audio_offset to auto or to other milliseconds"
        return f"{found}: more than a frame out of step; {remedy}", True
    if automatic and not applied:
        return f"{found}; that may be less than half a frame: audio_offset: auto leaves it", False
    return found, False
