"""Files that are shorter than their own header says, or longer, each said in one line.

What a header says is seconds in some containers and bytes in others; a few tell by how they end.
Of mp4 `container.declared_end` knows it by track. MPEG program streams and NUT say nothing.
"""

from pathlib import Path

from lipsync.media.saying import warn

LATE_END = 0.25  # s by which a file may end before its header says so, without a word
STREAMED = 0xFFFFFF00  # bytes: a header that says more was written before the size was known
STREAMED_64 = 1 << 60  # the same, of headers with 8 bytes for it
HEAD = 1 << 16  # bytes in which a header is looked for
# libav's names of containers whose header says seconds (of mp3: where it has a Xing header)
IN_SECONDS = {"matroska", "flv", "aiff", "au", "flac", "tta", "wv", "ape", "mp3"}
XING = (b"Xing", b"Info", b"VBRI")
ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")  # GUID; the size 40 behind it
PAGE, LAST_PAGE = b"OggS", 4  # RFC 3533: the flag that the last page of a stream has
LONGEST_PAGE = 65_307  # bytes


def say_cut(path: str, name: str, promised: float, seconds: float) -> None:
    """Warn where a file is cut off or goes on behind its end.

    Args:
        name: of the container, libav's
        promised: seconds by libav's reading of the header, 0 where unknown
        seconds: that were found
    """
    names = set(name.split(","))
    with Path(path).open("rb") as file:
        head = file.read(HEAD)
    if "mp4" in names and _indexes(path) > 1:
        warn(
            f"{path}: several mp4 files joined byte by byte: only the first is read; join them anew"
        )
    if names & IN_SECONDS and ("mp3" not in names or any(word in head for word in XING)):
        if seconds and seconds < promised - LATE_END:
            warn(
                f"{path}: cut off: it ends after {seconds:.1f} s, and its header says "
                f"{promised:.1f} s; what is there is used"
            )
        return
    there, size = Path(path).stat().st_size, _declared_size(path, names, head)
    if size is not None and there + 1 < size:
        warn(
            f"{path}: cut off: it has {there / size:.0%} of the bytes that its header says; "
            "what is there is used"
        )
    if ("ogg" in names and _ogg_is_cut(path)) or ("mpegts" in names and _ts_is_cut(head, there)):
        warn(f"{path}: cut off, or never finished: its end is missing; what is there is used")


def _declared_size(path: str, names: set[str], head: bytes) -> int | None:
    """Bytes that a file has by its header; None where that says nothing."""
    if names & {"avi", "wav"} and head[:4] == b"RIFF":
        size = int.from_bytes(head[4:8], "little") + 8
        return size if size < STREAMED else None
    if "w64" in names:
        size = int.from_bytes(head[16:24], "little")
        return size if size < STREAMED_64 else None
    if "asf" in names and (at := head.find(ASF_PROPERTIES)) >= 0:
        broadcast = head[at + 88] & 1 if len(head) > at + 88 else 1
        return None if broadcast else int.from_bytes(head[at + 40 : at + 48], "little")
    if "caf" in names:
        return _caf_size(path)
    return None


def _caf_size(path: str) -> int | None:
    """Up to the end of the chunk with the audio (Core Audio Format: type, 8 bytes of size)."""
    place, end = 8, Path(path).stat().st_size
    with Path(path).open("rb") as file:
        while place + 12 <= end:
            file.seek(place)
            head = file.read(12)
            size = int.from_bytes(head[4:], "big")
            if head[:4] == b"data":
                return place + 12 + size if size < STREAMED_64 else None  # -1: to the end
            place += 12 + size
    return None


def _ogg_is_cut(path: str) -> bool:
    """Whether the last page is not whole, or not marked as the last one."""
    size = Path(path).stat().st_size
    with Path(path).open("rb") as file:
        file.seek(max(0, size - 2 * LONGEST_PAGE))
        tail = file.read()
    page = tail[tail.rfind(PAGE) :]
    segments = page[26] if len(page) > 26 else 0
    whole = len(page) >= 27 + segments + sum(page[27 : 27 + segments]) and len(page) > 26
    return not (whole and page[5] & LAST_PAGE)


def _ts_is_cut(head: bytes, size: int) -> bool:
    """Whether a transport stream that begins with a packet ends within one."""
    for length, sync in ((188, 0), (192, 4)):  # MPEG-TS; M2TS with 4 bytes of time
        if head[sync : 10 * length : length] == b"\x47" * 10:
            return size % length != 0
    return False


def _indexes(path: str) -> int:
    """How many `moov` boxes stand at the top of an mp4 (ISO/IEC 14496-12, 4.2); libav reads one."""
    found, place, end = 0, 0, Path(path).stat().st_size
    with Path(path).open("rb") as file:
        while place + 8 <= end:
            file.seek(place)
            head = file.read(16)
            size = int.from_bytes(head[:4], "big")
            if size == 1:
                size = int.from_bytes(head[8:16], "big")
            found += head[4:8] == b"moov"
            if size < 8:  # to the end of the file, or damaged
                break
            place += size
    return found
