"""How the page is served, and who may see it."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lipsync.errors import LipsyncError

PASSWORD_VARIABLE = "LIPSYNC_PASSWORD"
LEAST_PASSWORD = 8  # characters
KEEP = 3600.0  # seconds that results and uploads are kept for, unless the page ends before


@dataclass(frozen=True)
class Settings:
    """What `lipsync app` was told.

    Attributes:
        project: folder with params.yaml, models/ and metrics/; there need be no project in it
        further: folders that hold avatars, or are one
        password: None where everybody on this computer may use the page
        max_upload: bytes of an uploaded file
        max_seconds: of its audio
    """

    project: Path
    further: tuple[Path, ...] = ()
    host: str = "127.0.0.1"
    port: int = 7860
    password: str | None = None
    max_upload: int = 200_000_000
    max_seconds: float = 1800.0


def make_settings(
    further: list[Path],
    host: str,
    port: int,
    password_file: Path | None,
    max_upload_mb: float,
    max_minutes: float,
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """Settings for the working directory.

    Raises LipsyncError if a limit or a folder is none, or the page would be open to other computers
    without a password.
    """
    for name, value in (("--max-upload-mb", max_upload_mb), ("--max-minutes", max_minutes)):
        if not value > 0:
            raise LipsyncError(f"{name}: {value:g} leaves nothing to render; give more than 0")
    for folder in further:
        if not folder.is_dir():
            raise LipsyncError(f"--avatars: {folder}: no such folder; give one that holds avatars")
    password = read_password(password_file, environment)
    if password is None and not is_loopback(host):
        raise LipsyncError(
            f"--host: {host} can be reached from other computers, so a password is required: give "
            f"--password-file FILE or set {PASSWORD_VARIABLE}"
        )
    return Settings(
        project=Path.cwd(),
        further=tuple(folder.resolve() for folder in further),
        host=host,
        port=port,
        password=password,
        max_upload=round(max_upload_mb * 1e6),
        max_seconds=max_minutes * 60,
    )


def is_loopback(host: str) -> bool:
    """Whether only this computer reaches a server that is bound to ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_password(file: Path | None, environment: Mapping[str, str]) -> str | None:
    """The first line of the file, or else the environment's; None where there is neither.

    Raises LipsyncError if the file cannot be read or the password is shorter than 8 characters.
    """
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not text"
            raise LipsyncError(f"--password-file: {file}: {why}; give a text file") from None
        password, source = (lines[0].strip() if lines else ""), str(file)
    elif PASSWORD_VARIABLE in environment:
        password, source = environment[PASSWORD_VARIABLE], PASSWORD_VARIABLE
    else:
        return None
    if len(password) < LEAST_PASSWORD:
        raise LipsyncError(
            f"{source}: a password of {len(password)} characters; use at least {LEAST_PASSWORD}"
        )
    return password
