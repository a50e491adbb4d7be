"""Hard sources, made on the spot."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

CLOCK = Fraction(1, 90_000)  # s, of the sources' picture timestamps


def write_source(
    path: Path,
    pictures: Sequence[np.ndarray],
    times: Sequence[Fraction],
    *,
    sound: np.ndarray | None = None,
    sound_start: Fraction = Fraction(0),
    rotation: tuple[int, bool, bool] | None = None,
    colours: tuple[int, int] = (1, 1),
    pix_fmt: str = "yuv420p",
    crf: int = 10,
) -> Path:
    """A video whose pictures (H, W, 3) appear at ``times``; the last time is its end.

    sound: (n,) float32 at 48 kHz. rotation: degrees counter-clockwise, hflip, vflip.
    colours: (matrix, range) of the file, by ITU-T H.273's numbers; (2, 0) is untagged bt601.
    """
    matrix, limits = colours
    with av.open(path, "w") as container:
        options = {"preset": "ultrafast", "crf": str(crf)}
        video = container.add_stream("libx264", rate=25, options=options)
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = pix_fmt
        video.codec_context.time_base = CLOCK
        video.codec_context.colorspace, video.codec_context.color_range = matrix, limits
        if rotation:
            video.set_display_rotation(rotation[0], hflip=rotation[1], vflip=rotation[2])
        if sound is not None:
            audio = container.add_stream("aac", rate=48_000, layout="mono")
            frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
            frame.sample_rate, frame.time_base = 48_000, Fraction(1, 48_000)
            frame.pts = int(sound_start * 48_000)
        packets, lasting = [], {}
        for picture, start, end in zip(pictures, times[:-1], times[1:], strict=True):
            image = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                format=pix_fmt,
                dst_colorspace=matrix if matrix != 2 else None,
                dst_color_range=limits or None,
            )
            image.pts, image.time_base = round(start / CLOCK), CLOCK
            lasting[image.pts] = round((end - start) / CLOCK)
            packets += video.encode(image)
        for packet in [*packets, *video.encode(None)]:
            packet.duration = lasting[packet.pts]  # x264 takes them all for the same
            container.mux(packet)
        if sound is not None:
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path


@pytest.fixture
def source(tmp_path: Path) -> Callable[..., Path]:
    """`write_source` into the test's own folder; the name's suffix chooses the container."""

    def make(pictures, times, name: str = "source.mp4", **options) -> Path:
        return write_source(tmp_path / name, pictures, times, **options)

    return make


@pytest.fixture
def regular() -> Callable[[int, Fraction | int], list[Fraction]]:
    """Start times of n pictures at a constant rate, and the end."""
    return lambda n, fps: [Fraction(i) / fps for i in range(n + 1)]
