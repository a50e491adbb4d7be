"""Sound and avatar in, video out.

The video is as long as the sound: `media.clock.frame_count` of its duration, and every sample of
it, mono, at its own rate where AAC has that one. Pictures stream through `pictures` into the
encoder, so memory holds the sound and some batches, whatever the length.
"""

from fractions import Fraction
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.media.audio import SAMPLE_RATE, audio_blocks, read_audio
from lipsync.media.clock import frame_count
from lipsync.media.container import audio_stream, open_input
from lipsync.media.label import synthetic_tags
from lipsync.media.video import VideoWriter
from lipsync.progress import progress
from lipsync.rendering.avatar import Avatar
from lipsync.rendering.pictures import pictures
from lipsync.rendering.plan import ping_pong
from lipsync.speech.encoder import create_encoder

# Hz that AAC can be (ISO/IEC 14496-3, table 1.18); other sound becomes 48 kHz
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
OTHER_RATE = 48_000


def render(
    avatar: Avatar,
    speech: str | Path,
    output: str | Path,
    *,
    preset: str = "slow",
    crf: float = 18,
    start: int = 0,
) -> int:
    """Write ``output`` (mp4), the avatar saying the sound of the file ``speech``.

    preset, crf: of x264. start: frame of the film to begin with. Returns the number of pictures.

    Raises LipsyncError if the sound is missing, unreadable or shorter than one picture, the
    avatar's film is damaged, or the weights of its speech encoder are missing or others;
    ``output`` is then left as it was.
    """
    info = avatar.info
    rate = _sound_rate(speech)
    sound = read_audio(speech, rate)
    count = frame_count(Fraction(len(sound), rate), info.fps)
    if count == 0:
        raise LipsyncError(
            f"{speech}: {len(sound) / rate:.3f} s of sound is less than one picture; "
            "give a file with speech in it"
        )
    encoder = create_encoder(info.speech, info.fps, info.speech_weights_sha256)
    rows = encoder.encode(sound if rate == SAMPLE_RATE else audio_blocks(speech), count)
    plan = ping_pong(info.frames, count, start)

    with VideoWriter(
        output,
        info.width,
        info.height,
        info.fps,
        preset=preset,
        crf=crf,
        sound=(sound, rate),
        metadata=synthetic_tags(),
    ) as writer:
        spoken = pictures(avatar, rows, encoder.silence, plan)
        try:
            for picture in progress(spoken, total=count, desc="render"):
                writer.write(picture)
        finally:
            spoken.close()
    return count


def _sound_rate(path: str | Path) -> int:
    """Hz of the sound of the rendered file."""
    with open_input(path) as container:
        rate = audio_stream(container, path).rate
    return rate if rate in AAC_RATES else OTHER_RATE
