"""Decode an upload: ``python -m lipsync.ui.decoding FILE WAV SECONDS``, a process of its own.

A codec that crashes on a stranger's file ends this process and not the server's. FILE is decoded
into WAV, mono PCM16 at a rate that AAC knows, which is all that the server ever reads of it. On
stdout stands one object of JSON: ``{"seconds": ..., "warnings": [lines]}``, or ``{"error": ...}``
with one line.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.media.audio import audio_blocks, source_rate, write_wav
from lipsync.media.container import open_input
from lipsync.media.saying import gathered
from lipsync.rendering.sound import AAC_RATES, OTHER_RATE

# libav's demuxers that read the one file they are given. Playlists (hls, dash, concat) are none of
# them: they name other files and addresses, which libav would open. The first name of a demuxer
# with several is enough.
CONTAINERS = (
    "aac,ac3,aiff,amr,asf,au,avi,caf,dv,flac,flv,matroska,matroska,webm,mov,mov,mp4,m4a,3gp,3g2,"
    "mj2,mp3,mpeg,mpegts,mxf,ogg,opus,tta,voc,w64,wav,webm,wv"
)
LEAST_TIME = 60.0  # seconds that the process may take, and
TIME_SHARE = 0.5  # so many for each second of audio that is allowed
MEMORY = 4 << 30  # bytes of address space that the process may take, where the system can limit it


@dataclass(frozen=True)
class Decoded:
    """What became of a file: seconds of audio, and a line for each thing that is wrong with it."""

    seconds: float
    warnings: tuple[str, ...] = ()


def decode_apart(path: Path, wav: Path, max_seconds: float) -> Decoded:
    """Decode ``path`` into ``wav`` in another process.

    Raises LipsyncError if it is no audio or too long, or if the process crashes or takes too long.
    """
    command = [sys.executable, "-m", "lipsync.ui.decoding", str(path), str(wav), str(max_seconds)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=LEAST_TIME + TIME_SHARE * max_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LipsyncError(f"{path}: takes too long to decode; convert it to wav") from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise LipsyncError(f"{path}: decoding it failed; convert it to wav or mp3") from None
    if "error" in answer:
        raise LipsyncError(str(answer["error"]))
    return Decoded(float(answer["seconds"]), tuple(map(str, answer["warnings"])))


def _decode(path: Path, wav: Path, max_seconds: float) -> float:
    try:
        with open_input(path, container_options={"format_whitelist": CONTAINERS}):
            pass
    except LipsyncError as error:
        why = str(error).split("(", 1)[-1].split(")", 1)[0]
        raise LipsyncError(
            f"{path}: not an audio or video file that is known here ({why}); "
            "convert it to wav, mp3 or mp4"
        ) from None
    rate = source_rate(path)
    rate = rate if rate in AAC_RATES and rate <= OTHER_RATE else OTHER_RATE
    samples = 0

    def counted() -> Iterator[np.ndarray]:
        nonlocal samples
        for block in audio_blocks(path, rate):
            samples += len(block)
            if samples > max_seconds * rate:
                raise LipsyncError(
                    f"{path}: longer than {max_seconds / 60:g} minutes, the most that is rendered "
                    "here; cut it, or use `lipsync render`"
                )
            yield block

    with atomic_path(wav) as temporary:
        write_wav(temporary, counted(), rate)
    return samples / rate


def limit_memory(most: int) -> None:
    """Bound the address space of this process, in bytes, where the system can."""
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def main() -> None:
    limit_memory(MEMORY)
    path, wav, seconds = sys.argv[1:]
    try:
        with gathered() as warnings:
            decoded = _decode(Path(path), Path(wav), float(seconds))
        answer: dict[str, object] = {"seconds": decoded, "warnings": warnings}
    except LipsyncError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
