"""Sound from a browser: a stranger's file under a stranger's name."""

from dataclasses import dataclass
from pathlib import Path

import av
from av.error import FFmpegError

from lipsync.errors import LipsyncError
from lipsync.media.audio import SAMPLE_RATE, audio_blocks

# libav's demuxers that read the one file they are given. Playlists (hls, dash, concat) are none of
# them: they name other files and addresses, which libav would open. The first name of a demuxer
# with several is enough.
CONTAINERS = (
    "aac,ac3,aiff,amr,asf,au,avi,caf,flac,flv,matroska,matroska,webm,mov,mov,mp4,m4a,3gp,3g2,mj2,"
    "mp3,mpeg,mpegts,ogg,opus,tta,voc,w64,wav,webm,wv"
)


@dataclass(frozen=True)
class Upload:
    """A checked one: where it lies, what its owner calls it, seconds of sound."""

    path: Path
    name: str
    seconds: float


def check_upload(
    file: object, folder: Path, max_bytes: int, max_seconds: float, name: str | None = None
) -> Upload:
    """Whether a file is sound that may be rendered.

    Args:
        file: path as the browser's request gave it
        folder: of uploads; nothing outside of it is looked at
        name: shown in place of the file's
    Raises:
        LipsyncError: it is elsewhere, gone, too large, too long, of no known kind, or has no sound.
    """
    path = Path(str(file)).resolve()
    name = name or shown_name(path)
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise LipsyncError("the sound is not there any more; upload or record it again")
    size = path.stat().st_size
    if size > max_bytes:
        raise LipsyncError(
            f"{name}: {size / 1e6:.0f} MB; at most {max_bytes / 1e6:g} MB can be uploaded here"
        )
    _refuse_playlists(path, name)
    samples = 0
    try:
        for block in audio_blocks(path, SAMPLE_RATE):
            samples += len(block)
            if samples > max_seconds * SAMPLE_RATE:
                raise LipsyncError(
                    f"{name}: longer than {max_seconds / 60:g} minutes, the most that is rendered "
                    "here; cut it, or use `lipsync render`"
                )
    except LipsyncError as error:
        raise LipsyncError(named(str(error), path, name)) from None
    if samples == 0:
        raise LipsyncError(f"{name}: there is no sound in it; choose another file")
    return Upload(path, name, samples / SAMPLE_RATE)


def _refuse_playlists(path: Path, name: str) -> None:
    """Open it once with libav's other demuxers switched off."""
    try:
        av.open(path, container_options={"format_whitelist": CONTAINERS}).close()
    except (FFmpegError, OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "unreadable"
        raise LipsyncError(
            f"{name}: not a sound or video file that is known here ({why}); "
            "convert it to wav, mp3 or mp4"
        ) from None


def shown_name(path: Path) -> str:
    """The file's name, short enough for a line."""
    name = "".join(character for character in path.name if character.isprintable())
    return name if len(name) <= 60 else f"{name[:40]}…{name[-19:]}"


def named(message: str, path: Path, name: str) -> str:
    """An error's line with the name that people know in place of a path of the server's."""
    return message.replace(str(path), name)
