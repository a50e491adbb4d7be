"""Audio from a browser: a stranger's file under a stranger's name."""

from dataclasses import dataclass
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.ui.decoding import decode_apart

DECODED = ".lipsync.wav"  # ends the name of an upload's audio, beside it


@dataclass(frozen=True)
class Upload:
    """A checked one.

    Attributes:
        path: where it lies; for the browser's player
        name: what its owner calls it
        seconds: of audio
        sound: a WAV of it, decoded; all that the server itself reads
        warnings: a line for each thing that is wrong with it
    """

    path: Path
    name: str
    seconds: float
    sound: Path
    warnings: tuple[str, ...] = ()


def check_upload(
    file: object, folder: Path, max_bytes: int, max_seconds: float, name: str | None = None
) -> Upload:
    """Whether a file is audio that may be rendered.

    Args:
        file: path as the browser's request gave it
        folder: of uploads; nothing outside of it is looked at
        name: shown in place of the file's
    Raises:
        LipsyncError: it is elsewhere, gone, too large, too long, of no known kind, or has no audio.
    """
    path = Path(str(file)).resolve()
    name = name or shown_name(path)
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise LipsyncError("the audio file is not there any more; upload or record it again")
    size = path.stat().st_size
    if size > max_bytes:
        raise LipsyncError(
            f"{name}: {size / 1e6:.0f} MB; at most {max_bytes / 1e6:g} MB can be uploaded here"
        )
    sound = path.with_name(path.name[:100] + DECODED)
    try:
        decoded = decode_apart(path, sound, max_seconds)
    except LipsyncError as error:
        raise LipsyncError(named(str(error), path, name)) from None
    warnings = tuple(named(line, path, name) for line in decoded.warnings)
    return Upload(path, name, decoded.seconds, sound, warnings)


def shown_name(path: Path) -> str:
    """The file's name, short enough for a line."""
    name = "".join(character for character in path.name if character.isprintable())
    return name if len(name) <= 60 else f"{name[:40]}…{name[-19:]}"


def named(message: str, path: Path, name: str) -> str:
    """An error's line with the name that people know in place of a path of the server's."""
    return message.replace(str(path), name)
