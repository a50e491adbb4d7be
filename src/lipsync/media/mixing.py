"""Audio frames of any sample format and layout as one channel.

The weights are those of ITU-R BS.775-3 (table 2, mono) where a layout has a centre: centre 1, left
and right 1/sqrt(2), surround 1/2, no low-frequency effects. Of all other layouts, stereo and
channels without a name among them, the mean. What the channels hold is listened to first
(`listening`), for a layout says nothing of it:

- channels that are silent have no share;
- where channels cancel one another (the voice in antiphase), those that run against the loudest
  channel are turned round;
- the mix is never louder than its loudest channel: the same voice in eight channels stays as loud.

PyAV (18) reads beyond the end of a list when it looks at the planes of a planar frame of 8 or more
channels (`AudioFrame.planes` wants a null behind the 8th), which ends the process; such frames are
made interleaved by libswresample before anybody looks.
"""

from collections.abc import Sequence

import av
import numpy as np

PLANES = 7  # channels up to which PyAV counts the planes of a planar frame right
AUDIBLE = 1e-3  # of the loudest channel's amplitude: a channel below is silent beside it
CANCELLED = 0.1  # of the loudest channel's energy: a mix below has lost what its channels hold
# Full scale of each sample format, and what silence is
SCALES = {"u8": (128.0, 128.0), "s16": (32768.0, 0.0), "s32": (2147483648.0, 0.0),
          "flt": (1.0, 0.0), "dbl": (1.0, 0.0)}  # fmt: skip

FRONT, CENTRE, NO_VOICE = {"FL", "FR"}, "FC", {"LFE", "LFE2"}


class Unpacker:
    """Decoded frames as (channels, n) float32, -1..1; frames may change their format."""

    def __init__(self) -> None:
        self._packer: av.AudioResampler | None = None
        self._setup: tuple[str, int, int] | None = None

    def __call__(self, frame: av.AudioFrame) -> np.ndarray:
        channels = frame.layout.nb_channels
        name = frame.format.name.removesuffix("p")
        if name in SCALES and (not frame.format.is_planar or channels <= PLANES):
            return _floats(frame, channels)
        setup = (frame.format.name, channels, frame.sample_rate)
        if self._packer is None or self._setup != setup:
            self._packer = av.AudioResampler("flt", frame.layout, frame.sample_rate)
            self._setup = setup
        parts = [_floats(part, channels) for part in self._packer.resample(frame)]
        return np.concatenate([np.zeros((channels, 0), np.float32), *parts], axis=1)


def _floats(frame: av.AudioFrame, channels: int) -> np.ndarray:
    samples = frame.to_ndarray()  # (channels, n), or (1, n * channels) interleaved
    if not frame.format.is_planar:
        samples = samples.reshape(-1, channels).T
    scale, silence = SCALES[frame.format.name.removesuffix("p")]
    if scale == 1 and samples.dtype == np.float32:
        return samples
    with np.errstate(over="ignore", invalid="ignore"):  # a damaged double may be any number
        return ((samples.astype(np.float64) - silence) / scale).astype(np.float32)


def channel_names(frame: av.AudioFrame) -> tuple[str, ...]:
    """FL, FR, FC, ... by libav's names; NONE where a channel has no place."""
    return tuple(channel.name for channel in frame.layout.channels)


def mono_weights(names: Sequence[str], moments: np.ndarray | None = None) -> np.ndarray:
    """Weights (C,) float64 of the channels in the mix.

    names: of the C channels
    moments: (C, C), the mean of the product of each two channels; None: never listened to
    """
    count = len(names)
    known = np.eye(count) if moments is None else moments
    power = np.diag(known)
    loudest = int(power.argmax())
    heard = (power > AUDIBLE**2 * power[loudest]) | (power[loudest] <= 0)
    for place, name in enumerate(names):
        # A file whose voice is in the effects channel has its channels named wrong.
        if name in NO_VOICE and count > 1 and place != loudest:
            heard[place] = False
    weights = _by_layout(names, heard)
    if _energy(weights, known) < CANCELLED * power[loudest]:
        weights = weights * np.where(known[loudest] < 0, -1, 1)
    energy = _energy(weights, known)
    if energy > power[loudest] > 0:
        weights = weights * np.sqrt(power[loudest] / energy)
    return weights


def _by_layout(names: Sequence[str], heard: np.ndarray) -> np.ndarray:
    centre = CENTRE in names and heard[list(names).index(CENTRE)]
    if not centre or not FRONT.issubset(names):
        return heard / max(1, heard.sum())
    weights = [1.0 if name == CENTRE else 0.5**0.5 if name in FRONT else 0.5 for name in names]
    return np.array(weights) * heard


def _energy(weights: np.ndarray, moments: np.ndarray) -> float:
    """Mean square of the mix."""
    return float(weights @ moments @ weights)
