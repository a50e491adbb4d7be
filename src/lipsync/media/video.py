"""Pictures in and out of video files.

Arrays are RGB uint8 (H, W, 3), files are H.264 yuv420p, bt709 limited range unless asked
otherwise: converted, not only tagged, so that players and `read_frames` show the colours that were
written.

`VideoWriter` makes constant-rate files with a key frame at least each second, `read_frames` reads
them from start to end, and `FrameReader` reads any picture by its index, forwards or backwards,
one group of pictures (key frame to key frame) at a time. Sources from outside go through
`lipsync.media.resample` first.
"""

from lipsync.media.colours import to_rgb
from lipsync.media.reader import FrameReader, VideoInfo, probe, read_frames, read_planes
from lipsync.media.writer import VideoWriter

__all__ = [
    "FrameReader",
    "VideoInfo",
    "VideoWriter",
    "probe",
    "read_frames",
    "read_planes",
    "to_rgb",
]
