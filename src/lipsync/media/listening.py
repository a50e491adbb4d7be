"""What the audio tracks of a file hold: which one has the voice, and what its channels share.

A voice is told by its syllables, as in Scheirer and Slaney (ICASSP 1997, "4 Hz modulation energy"):
the loudness of speech rises and falls 2 to 8 times a second, that of music, noise and room much
less. Nothing is listened to where there is nothing to decide: one track of one channel.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

import av
import av.container
import numpy as np

from lipsync.errors import LipsyncError
from lipsync.media.container import audio_streams, decode, is_decodable, open_input
from lipsync.media.mixing import Unpacker, channel_names, mono_weights
from lipsync.media.saying import warn

Choice = int | Literal["auto"]  # value of frames.audio_track
Options = tuple[tuple[str, str], ...]  # of `av.open`

SECONDS = 600  # of each track that are listened to
AUDIBLE = 1e-3  # of full scale: a track that never is louder is silent
STEP = 100  # values a second of the loudness
SYLLABLES = (2.0, 8.0)  # Hz
PREFERRED = 0.6  # the file's own choice stays if it has so much of the most voice


@dataclass
class Heard:
    """One track.

    Attributes:
        moments: (C, C) mean product of each two channels, by the names of the channels
        peak: largest amplitude, of full scale
        voice: share of the loudness that rises and falls as syllables do, from 0
    """

    moments: dict[tuple[str, ...], np.ndarray] = field(default_factory=dict)
    peak: float = 0.0
    voice: float = 0.0

    def weights(self, names: tuple[str, ...]) -> np.ndarray:
        """Of the mix, for frames with such channels."""
        return mono_weights(names, self.moments.get(names))


@dataclass(frozen=True)
class Track:
    """The audio track that is used: its number among the audio tracks of the file, from 0."""

    number: int
    heard: Heard


def choose_track(
    container: av.container.InputContainer, path: str | Path, choice: Choice | None = None
) -> tuple[av.AudioStream, Heard]:
    """The audio track to read: the one that is asked for, else the one with a voice.

    Where a file has several, one line says which is used, once. choice: None is as auto, where
    nobody can choose otherwise; the line names frames.audio_track only where it has an effect.

    Raises LipsyncError if there is none, none that can be decoded, or not the one asked for.
    """
    known = audio_streams(container, path)
    tracks = list(container.streams.audio)
    if isinstance(choice, int):
        if choice >= len(tracks):
            raise LipsyncError(
                f"{path}: frames.audio_track: {choice}: legal values: auto, or 0 to "
                f"{len(tracks) - 1}, one for each audio track"
            )
        if not is_decodable(tracks[choice]):
            raise LipsyncError(
                f"{path}: frames.audio_track: {choice}: is in a codec that is not known here; "
                "choose another, or auto"
            )
        known = [tracks[choice]]
    if len(known) == len(tracks) == 1 and known[0].layout.nb_channels == 1:
        return known[0], Heard()
    numbers = tuple(tracks.index(one) for one in known)
    chosen = _choose(*_key(container), numbers, len(tracks), named=choice is not None)
    return tracks[chosen.number], chosen.heard


def listen_again(container: av.container.InputContainer, stream: av.AudioStream) -> Heard:
    """What a track holds, of one that began with one channel and goes on with several."""
    tracks = list(container.streams.audio)
    return _choose(*_key(container), (tracks.index(stream),), 1).heard


def _key(container: av.container.InputContainer) -> tuple[tuple[str, int, int], Options]:
    """What a file's tracks are remembered by."""
    state = Path(container.name).stat()
    options = tuple(sorted(container.container_options.items()))
    return (container.name, state.st_size, state.st_mtime_ns), options


@lru_cache(maxsize=64)
def _choose(
    key: tuple[str, int, int],
    options: Options,
    numbers: tuple[int, ...],
    tracks: int,
    named: bool = False,
) -> Track:
    """Of the tracks by number, the file's own choice first."""
    path = key[0]
    heard = {number: _listen(path, number, options) for number in numbers}
    audible = [number for number in numbers if heard[number].peak > AUDIBLE]
    chosen = (audible or [n for n in numbers if heard[n].moments] or list(numbers))[0]
    if audible:
        most = max(heard[number].voice for number in audible)
        chosen = next(n for n in audible if heard[n].voice >= PREFERRED * most)
    if tracks > 1:
        why = "" if len(numbers) == 1 else ", it has the voice"
        hint = " (frames.audio_track)" if named else ""
        warn(f"{path}: {tracks} audio tracks; number {chosen} is used{why}{hint}")
    return Track(chosen, heard[chosen])


def _listen(path: str, number: int, options: Options) -> Heard:
    """Decode the beginning of a track; what is damaged is said by whoever reads all of it."""
    heard, unpack = Heard(), Unpacker()
    sums: dict[tuple[str, ...], np.ndarray] = {}
    counts: dict[tuple[str, ...], int] = {}
    loudness: list[np.ndarray] = []
    with open_input(path, container_options=dict(options)) as container:
        seconds = 0.0
        for frame in decode(container, container.streams.audio[number], quiet=True):
            samples = np.nan_to_num(unpack(frame), nan=0, posinf=0, neginf=0).astype(np.float64)
            names = channel_names(frame)
            sums[names] = sums.get(names, 0) + samples @ samples.T
            counts[names] = counts.get(names, 0) + samples.shape[1]
            heard.peak = max(heard.peak, float(np.abs(samples).max(initial=0)))
            loudness.append(_steps(samples, frame.sample_rate))
            seconds += samples.shape[1] / max(1, frame.sample_rate)
            if seconds > SECONDS:
                break
    heard.moments = {names: total / max(1, counts[names]) for names, total in sums.items()}
    heard.voice = _modulation(np.concatenate([np.zeros(0), *loudness]))
    return heard


def _steps(samples: np.ndarray, rate: int) -> np.ndarray:
    """Loudness of (C, n) samples in whole steps, at least one: RMS over all channels."""
    energy = np.square(samples).sum(axis=0)
    count = max(1, round(len(energy) * STEP / max(1, rate)))
    return np.sqrt([part.mean() if len(part) else 0.0 for part in np.array_split(energy, count)])


def _modulation(loudness: np.ndarray) -> float:
    """RMS of the part of the loudness (n,) within SYLLABLES, over its mean."""
    if len(loudness) < STEP or loudness.mean() <= 0:
        return 0.0
    spectrum = np.fft.rfft(loudness)
    frequencies = np.fft.rfftfreq(len(loudness), 1 / STEP)
    spectrum[(frequencies < SYLLABLES[0]) | (frequencies > SYLLABLES[1])] = 0
    return float(np.fft.irfft(spectrum, len(loudness)).std() / loudness.mean())
