"""What a video says of how it is to be shown, done by FFmpeg's own filters.

Progressive pictures of square pixels, without alpha, in an SDR curve with bt709-like primaries pass
untouched, bit for bit. All others go through a filter graph:

- interlaced, as its pictures or its container say: `bwdif`, one picture a field, so that motion
  keeps its time;
- alpha: over black, as players show it;
- pixels that are not square: the shorter side grows, so that nothing is lost;
- PQ and HLG, other transfer curves, and primaries wider than bt709: `scale`'s colour management
  (FFmpeg 8, libswscale's cms.c), perceptual intent: 1000 cd/m2 become SDR white along a curve that
  leaves texture in a face in the sun. Colorimetric intent puts ITU-R BT.2408's reference white at
  SDR white and clips all above it: skin in strong light becomes one flat orange.

Rotation is `resample.Upright`'s, which turns planes without loss. What cannot be honoured is said,
each kind once: 360 degree projections, Dolby Vision without a base layer, matrices that libav does
not know. Of two views of one picture (3-D) the first is shown.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import av.container
import numpy as np
from av.error import FFmpegError
from av.filter import Graph

from lipsync.media.container import converting, words
from lipsync.media.saying import warn

# Numbers of ITU-T H.273. Curves that players show as bt709: bt709 itself, untagged, gamma 2.2,
# smpte170m, smpte240m, xvYCC, bt1361, sRGB, bt2020 in 10 and 12 bits.
SDR_CURVES = {0, 1, 2, 4, 6, 7, 11, 12, 13, 14, 15}
# bt709, untagged, and the primaries of standard-definition television, whose differences are small
SDR_PRIMARIES = {0, 1, 2, 3, 5, 6, 7}
BT2020, BT2020_MATRIX = 9, 9
HDR_CURVES = {16: "PQ", 18: "HLG"}
KNOWN_MATRICES = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}  # that swscale turns into RGB
MOST_STRETCH = 4  # a pixel that is said to be longer than this many times its width is a mistake
EXACT = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
# Of AVFieldOrder: top first, bottom first; stored in one order and shown in the other
FIELD_ORDERS = {2: "tff", 3: "bff", 4: "bff", 5: "tff"}
FLAGGED = "flagged"  # each picture says whether it is interlaced, and in which order
SAY_FIELDS = {"h264", "hevc", "mpeg2video", "mpeg4", "vc1", "wmv3"}
RECORDED_BY_CHROMIUM = "Chrome"  # MuxingApp of its MediaRecorder's WebM
SIDE_BY_SIDE, TOP_BOTTOM = 1, 2  # of AVStereo3D
COLOURS = (
    "out_transfer=bt709:out_primaries=bt709:out_color_matrix=bt709:out_range=tv:intent=perceptual"
)


@dataclass(frozen=True)
class _Look:
    """All that the filters depend on."""

    width: int
    height: int
    format: str
    matrix: int
    range: int
    curve: int
    primaries: int
    fields: str  # FLAGGED, or the order of them; empty: progressive
    stretch: Fraction  # width of a pixel over its height
    views: int  # of AVStereo3D; 0: one

    @property
    def view(self) -> tuple[int, int]:
        """Width and height of one view."""
        if self.views:
            beside = self.views == SIDE_BY_SIDE
            return (self.width // 2, self.height) if beside else (self.width, self.height // 2)
        return self.width, self.height

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in square pixels."""
        width, height = self.view
        if self.stretch == 1:
            return width, height
        wide, high = max(self.stretch, Fraction(1)), max(1 / self.stretch, Fraction(1))
        return round(width * wide / 2) * 2, round(height * high / 2) * 2

    @property
    def shape(self) -> str:
        """For people."""
        pixels = "" if self.stretch == 1 else f" with pixels of {self.stretch}"
        return f"{self.width}x{self.height}{pixels}"

    @property
    def alpha(self) -> bool:
        return any(c.is_alpha for c in av.VideoFormat(self.format).components)

    @property
    def managed(self) -> bool:
        return self.curve not in SDR_CURVES or self.primaries not in SDR_PRIMARIES


def displayed(
    frames: Iterable[av.VideoFrame], stream: av.VideoStream, name: str
) -> Iterator[av.VideoFrame]:
    """Decoded pictures as they are to be shown, but for rotation; timestamps are kept.

    name: of the file, for warnings and errors

    Raises LipsyncError if a filter fails.
    """
    pixels, fields, said = _Pixels(stream), _declared_fields(stream), set[str]()
    look, chain = None, None
    for frame in frames:
        if frame.interlaced_frame:
            fields = FLAGGED
        now = _look(frame, pixels.stretch(), fields)
        _warn(frame, now, stream, name, said)
        if now != look:
            if look is not None and now.size != look.size and "size" not in said:
                said.add("size")
                warn(
                    f"{name}: at {frame.time or 0:.1f} s its picture changes from "
                    f"{look.shape} to {now.shape}; it is fitted into the first size"
                )
            if chain is not None:
                with converting(name):
                    yield from chain.finish()
            look, chain = now, _chain(now, frame, name)
        if chain is None:
            yield frame
        else:
            with converting(name):
                yield from chain.push(frame)
    if chain is not None:
        with converting(name):
            yield from chain.finish()


def displayed_size(frame: av.VideoFrame, stream: av.VideoStream) -> tuple[int, int]:
    """Width and height in pixels that `displayed` gives a picture, without making it."""
    return _look(frame, _Pixels(stream).stretch(), "").size


def _declared_fields(stream: av.VideoStream) -> str:
    """What the container says of fields; nothing of codecs that say it with each picture."""
    if stream.codec_context.name in SAY_FIELDS:
        return ""
    return FIELD_ORDERS.get(int(stream.codec_context.field_order), "")


def _look(frame: av.VideoFrame, stretch: Fraction, fields: str) -> _Look:
    matrix, primaries = int(frame.colorspace), int(frame.color_primaries)
    curve = int(frame.color_trc)
    if curve in HDR_CURVES:  # what such a file leaves out is as BT.2100 has it
        primaries = BT2020 if primaries in (0, 2, 3) else primaries
        matrix = BT2020_MATRIX if matrix in (2, 3) else matrix
    limits = int(frame.color_range)
    if frame.format.name.startswith("yuvj"):
        limits = 2
    return _Look(
        frame.width, frame.height, frame.format.name, matrix, limits, curve, primaries,
        fields, stretch, _views(frame),
    )  # fmt: skip


def _views(frame: av.VideoFrame) -> int:
    """How two views lie in one picture, AVStereo3D's first field; 0 for one view."""
    if "STEREO3D" not in frame.side_data:
        return 0
    kind = int(np.frombuffer(bytes(frame.side_data["STEREO3D"]), np.int32)[0])  # type: ignore[typeddict-item]
    return kind if kind in (SIDE_BY_SIDE, TOP_BOTTOM) else 0


class _Pixels:
    """The shape of pixels, of each picture: what the container says of all, else what the codec
    says at the time."""

    def __init__(self, stream: av.VideoStream) -> None:
        self._context = stream.codec_context
        self._first = self._context.sample_aspect_ratio
        self._whole = stream.sample_aspect_ratio
        self._by_container = (self._whole or 1) != (self._first or 1)

    def stretch(self) -> Fraction:
        """Width of a pixel over its height; 1 where nothing or a nonsense is said."""
        now = self._context.sample_aspect_ratio
        said = self._whole if self._by_container or now == self._first else now
        ratio = Fraction(said or 1)
        return ratio if _is_credible(ratio) else Fraction(1)


def _is_credible(ratio: Fraction) -> bool:
    return Fraction(1, MOST_STRETCH) <= ratio <= MOST_STRETCH


def _warn(
    frame: av.VideoFrame, look: _Look, stream: av.VideoStream, name: str, said: set[str]
) -> None:
    """Say what is done, and what cannot be, once each."""
    lines = {}
    if look.curve in HDR_CURVES:
        lines["hdr"] = f"HDR ({HDR_CURVES[look.curve]}) is mapped to bt709"
    if look.matrix not in KNOWN_MATRICES:
        lines["matrix"] = f"its colour matrix (H.273 number {look.matrix}) is not known here"
    if "DOVI_METADATA" in frame.side_data and look.curve not in HDR_CURVES:
        lines["dovi"] = "Dolby Vision without a base layer: colours will be wrong; convert it"
    if "SPHERICAL" in frame.side_data:
        lines["spherical"] = "360 degree video is shown as it lies in the file, bent"
    if look.views:
        lines["views"] = "3-D video: the first of its two views is used"
    if _leaves_alpha_out(stream):
        lines["alpha"] = "its transparency is left out"
    if not _is_credible(Fraction(stream.sample_aspect_ratio or 1)):
        lines["pixels"] = f"pixels of {stream.sample_aspect_ratio} are taken for square"
    for kind, line in lines.items():
        if kind not in said:
            warn(f"{name}: {line}")
    said.update(lines)


def _leaves_alpha_out(stream: av.VideoStream) -> bool:
    """Whether a file has transparency beside the pictures that are decoded, as VP8 and VP9 do.

    Chromium's MediaRecorder writes AlphaMode 1 into every WebM of VP8 and VP9, an opaque camera's
    too (seen in version 150's), so that there it says nothing. Such files are recordings of cameras
    and screens, which have no transparency.
    """
    file, own = (
        {key.lower(): value for key, value in each.metadata.items()}
        for each in (stream.container, stream)
    )
    return own.get("alpha_mode") == "1" and file.get("encoder") != RECORDED_BY_CHROMIUM


class _Chain:
    """A filter graph for frames of one look. Filters hand side data on, rotation among it."""

    def __init__(self, look: _Look, unit: Fraction, steps: list[tuple[str, str]]) -> None:
        self._look = look
        self._graph = Graph()
        last = self._graph.add(
            "buffer",
            f"video_size={look.width}x{look.height}:pix_fmt={look.format}:time_base={unit}:"
            f"colorspace={look.matrix}:range={look.range}",
        )
        for step, options in steps:
            following = self._graph.add(step, options)
            last.link_to(following)
            last = following
        last.link_to(self._graph.add("buffersink"))
        self._graph.configure()

    def push(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        look = self._look
        frame.colorspace, frame.color_range = look.matrix, look.range
        frame.color_trc, frame.color_primaries = look.curve, look.primaries
        self._graph.push(frame)
        yield from self._pull()

    def finish(self) -> Iterator[av.VideoFrame]:
        """What the filters still hold."""
        self._graph.push(None)
        yield from self._pull()

    def _pull(self) -> Iterator[av.VideoFrame]:
        while True:
            try:
                yield self._graph.vpull()
            except (BlockingIOError, EOFError):  # nothing yet; nothing more
                return


def _chain(look: _Look, frame: av.VideoFrame, name: str) -> _Chain | None:
    """The filters that a look needs; None where it needs none."""
    unit = frame.time_base or Fraction(1, 1000)
    steps = _steps(look)
    if not steps:
        return None
    try:
        return _Chain(look, unit, steps)
    except (FFmpegError, OSError, ValueError) as error:
        warn(f"{name}: shown as it lies in the file: {words(error)}")
        return None


def _steps(look: _Look) -> list[tuple[str, str]]:
    """Filters and their options, in order."""
    steps = []
    if look.fields:
        which = "parity=auto:deint=interlaced"
        if look.fields != FLAGGED:
            which = f"parity={look.fields}:deint=all"
        steps.append(("bwdif", f"mode=send_field:{which}"))
    if look.views:
        steps.append(("crop", "{}:{}:0:0".format(*look.view)))
    if look.alpha:
        steps += [("format", "gbrap"), ("premultiply", "inplace=1"), ("format", "gbrp")]
        if look.managed:
            steps.append(("setparams", "range=pc"))
    if look.managed:
        steps += [("scale", f"{COLOURS}:{EXACT}"), ("format", "yuv420p")]
    if look.stretch != 1:
        size = "w={}:h={}".format(*look.size)
        steps += [("scale", f"{size}:{EXACT}"), ("setsar", "1")]
    return steps
