"""Sound in and out of files: mono float32 -1..1 at the wanted rate.

Reading streams: of several tracks the one with a voice is chosen (`listening`), decoded blocks are
mixed to mono (`mixing`), laid out on the file's clock by their timestamps (`timeline`), and
resampled, so a gap in the recording stays a gap and sound never slides against the picture. What
encoders add before the first sample, and in an mp4 after the last one (AAC priming and padding), is
cut.
"""

import wave
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.media.clock import round_half_up
from lipsync.media.container import LONG_HOLE, declared_end, decode, open_input
from lipsync.media.listening import Choice, Heard, choose_track, listen_again
from lipsync.media.mixing import Unpacker, channel_names
from lipsync.media.saying import warn
from lipsync.media.timeline import MAX_HOLE, Timeline, timelines

SAMPLE_RATE = 16_000  # Hz, of audio.wav and of all speech encoders
MAX_SLIP = Fraction(1, 50)  # s that timestamps may stray from the sample count: jitter, no gap
MP4_TICK = Fraction(1, 500)  # s by which an mp4's edit list may round a duration down, and more
LOUDEST = 1e6  # of full scale: a sample beyond is damaged
SILENCE_BLOCK = 1 << 16  # samples at a time when a gap is filled
PCM_SCALE = 32768  # PCM16 steps per unit


def read_audio(path: str | Path, rate: int = SAMPLE_RATE) -> np.ndarray:
    """The whole sound of a file, (n,) float32 at ``rate`` Hz, from its first sample on."""
    return np.concatenate([np.zeros(0, np.float32), *audio_blocks(path, rate)])


def audio_blocks(
    path: str | Path,
    rate: int = SAMPLE_RATE,
    start: Fraction | None = None,
    *,
    track: Choice | None = None,
    max_hole: float = MAX_HOLE,
    **options: Any,
) -> Iterator[np.ndarray]:
    """The sound of a file in blocks, each (n,) float32 at ``rate`` Hz; constant memory.

    start: where the first sample shall lie, in seconds on the file's own clock: later sound gets
        silence before it, earlier sound is cut. None starts with the sound itself.
    track: number of the audio track; auto, None: the one with a voice (`listening.choose_track`).
    max_hole: seconds; where all tracks of the file have nothing for longer, the hole is closed.
    options: further ones of `av.open`.

    Raises LipsyncError if the file is missing, unreadable or has no audio track to decode.
    """
    with open_input(path, **options) as container:
        stream, heard = choose_track(container, path, track)
        timeline = timelines(container, max_hole)[stream.index]
        blocks = _mono(container, stream, heard, timeline)
        first = next(blocks, None)
        if first is None:
            raise LipsyncError(
                f"{path}: its audio is empty, or nothing of it can be decoded; check that it plays"
            )
        source = first[1]  # Hz as it begins; it may change
        if start is not None and first[0] is not None and first[0] - start > LONG_HOLE:
            late = float(first[0] - start)
            warn(f"{path}: its audio begins {late:.1f} s after its picture; silence until then")
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
        for samples in _on_the_clock(_at_one_rate(chain([first], blocks), source), source, start):
            frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
            frame.sample_rate = source
            yield from (out.to_ndarray()[0] for out in resampler.resample(frame))
        yield from (out.to_ndarray()[0] for out in resampler.resample(None))


def source_rate(path: str | Path, track: Choice | None = None) -> int:
    """Hz of the audio track that `audio_blocks` reads, as its header has it.

    Raises LipsyncError as `audio_blocks` does.
    """
    with open_input(path) as container:
        return int(choose_track(container, path, track)[0].rate or SAMPLE_RATE)


Block = tuple[Fraction | None, int, np.ndarray]  # start in seconds, if known; Hz; (n,) float32


def _mono(
    container: av.container.InputContainer,
    stream: av.AudioStream,
    heard: Heard,
    timeline: Timeline,
) -> Iterator[Block]:
    """Decoded blocks of one channel each."""
    unpack, damaged = Unpacker(), False
    end = None  # seconds; other containers only guess
    if "mp4" in container.format.name and not timeline.changes:
        end = declared_end(container, stream)
    for frame in decode(container, stream, timeline):
        time, rate = None, frame.sample_rate
        if frame.pts is not None and frame.time_base is not None:
            time = frame.pts * frame.time_base
        channels = unpack(frame)  # (C, n)
        sound = np.abs(channels) < LOUDEST  # False of what is no number, too
        if not sound.all():
            damaged, channels = True, np.where(sound, channels, np.float32(0))
        if len(channels) > 1:
            if not heard.moments:
                heard = listen_again(container, stream)
            weights = heard.weights(channel_names(frame))
            channels = (weights @ channels)[None].astype(np.float32)
        samples = channels[0]
        if end is not None and time is not None:
            samples = samples[: max(0, round_half_up((end + MP4_TICK - time) * rate))]
        yield time, rate, samples
    if damaged:
        warn(f"{container.name}: some samples are no numbers; they are taken as silence")


def _at_one_rate(
    blocks: Iterable[Block], rate: int
) -> Iterator[tuple[Fraction | None, np.ndarray]]:
    """Blocks at ``rate``: start in seconds (None where unknown), (n,) float32."""
    resampler, setup = None, None
    for time, found, samples in blocks:
        if found == rate:
            yield time, samples
            continue
        if resampler is None or setup != found:
            resampler, setup = av.AudioResampler("fltp", "mono", rate), found
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = found
        for part in resampler.resample(frame):
            yield time, part.to_ndarray()[0]
            time = None


def _on_the_clock(
    blocks: Iterable[tuple[Fraction | None, np.ndarray]], rate: int, start: Fraction | None
) -> Iterator[np.ndarray]:
    """Blocks without their timestamps, gaps filled with silence and overlaps cut."""
    position = 0  # samples given out since `start`
    for time, samples in blocks:
        if start is None:
            start = time if time is not None else Fraction(0)
        offset = round_half_up((time - start) * rate) if time is not None else position
        slip = offset - position
        if position and abs(slip) <= MAX_SLIP * rate:
            slip = 0
        for done in range(0, slip, SILENCE_BLOCK):
            yield np.zeros(min(SILENCE_BLOCK, slip - done), np.float32)
        samples = samples[max(0, -slip) :]
        position += max(0, slip) + len(samples)
        if len(samples):
            yield samples


def exactly(blocks: Iterable[np.ndarray], samples: int) -> Iterator[np.ndarray]:
    """Cut the blocks, or add silence, so that they hold ``samples`` samples together."""
    missing = samples
    for block in blocks:
        if missing:
            yield block[:missing]
        missing -= min(missing, len(block))
    for done in range(0, missing, SILENCE_BLOCK):
        yield np.zeros(min(SILENCE_BLOCK, missing - done), np.float32)


def write_wav(
    path: str | Path, sound: np.ndarray | Iterable[np.ndarray], rate: int = SAMPLE_RATE
) -> None:
    """Write mono PCM16; ``sound`` is (n,) float32 -1..1, or such blocks. Louder is clipped."""
    blocks = [sound] if isinstance(sound, np.ndarray) else sound
    with atomic_path(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        for block in blocks:
            steps = np.rint(block * PCM_SCALE).clip(-PCM_SCALE, PCM_SCALE - 1)
            file.writeframes(steps.astype("<i2").tobytes())
