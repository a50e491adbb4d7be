"""Speaking while the sound is still being said: chunks of sound in, pictures out.

    with LiveAvatar(load_avatar("models/alice/avatar")) as live:
        print(live.latency)                      # seconds
        for chunk in microphone:                 # (n,) float32 -1..1 at 16 kHz, any n
            for picture in live.feed(chunk):     # (H, W, 3) uint8 RGB
                show(picture)
        for picture in live.finish():
            show(picture)

Picture for picture these are the ones that the same sound in a file is rendered to. A picture comes
as soon as the sound that it hears is there: that of the frames after it (``generator.future``) and
half a window of the encoder.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle, repeat

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.media.audio import SAMPLE_RATE
from lipsync.media.clock import frame_time
from lipsync.media.planes import rgb_of
from lipsync.media.video import FrameReader
from lipsync.rendering.avatar import Avatar
from lipsync.rendering.mark import Mark
from lipsync.rendering.options import RenderOptions
from lipsync.rendering.pictures import make_picture
from lipsync.rendering.plan import Layer, Shown, once, ping_pong
from lipsync.rendering.render import Renderer
from lipsync.speech.windows import WindowStream


class LiveAvatar:
    """An avatar that speaks as it hears. Mode standard, with or without a template.

    Errors as of ``Renderer``.
    """

    def __init__(self, avatar: Avatar, options: RenderOptions | None = None) -> None:
        self.options = options or RenderOptions()
        if self.options.mode != "standard":
            raise LipsyncError(
                f"mode: {self.options.mode} must hear the pauses to come; live there is standard"
            )
        self._renderer = Renderer(avatar, self.options)
        self._avatar, self._encoder = avatar, self._renderer.encoder
        self._stack = ExitStack()

    @property
    def latency(self) -> float:
        """Seconds of sound beyond the middle of a picture that must be heard before it comes."""
        info, encoder = self._avatar.info, self._encoder
        first = encoder.segment * (1 + info.future)  # any segment that is not at the start
        heard = encoder.span(first, encoder.segment)[1] / SAMPLE_RATE
        return heard - frame_time(first - info.future, info.fps)

    def __enter__(self) -> "LiveAvatar":
        with ExitStack() as stack:
            stack.enter_context(self._renderer)
            film, info = self._renderer.films[0], self._avatar.info
            self._readers = [stack.enter_context(FrameReader(film.path))]
            self._rows = self._encoder.open_stream()
            self._windows = WindowStream(self._encoder.silence, info.past, info.future)
            self._frames = self._endless(len(film))
            text = self.options.mark
            self._mark = Mark(text, film.width, film.height) if text else None
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def feed(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        """The next samples (n,) float32 -1..1 at 16 kHz -> pictures (H, W, 3) uint8 RGB.

        Iterate to the end before the next call: pictures are painted as they are asked for.
        """
        yield from map(self._picture, self._windows.push(self._rows.push(samples)))

    def finish(self) -> Iterator[np.ndarray]:
        """The pictures that are left; silence follows the last sample."""
        yield from map(self._picture, self._windows.push(self._rows.finish()))
        yield from map(self._picture, self._windows.finish())

    def _endless(self, length: int) -> Iterator[int]:
        order = ping_pong if self.options.loop_back else once
        period = max(1, 2 * (length - 1))
        frames = order(length, period + length, self.options.start_frame)
        yield from frames[:length].tolist()
        yield from cycle(frames[length:].tolist()) if self.options.loop_back else repeat(length - 1)

    def _picture(self, window: np.ndarray) -> np.ndarray:
        shown = Shown(Layer(0, next(self._frames), spoken=True))
        planes = make_picture(self._avatar, self._renderer.films, self._readers, shown, window)
        if self._mark is not None:
            self._mark.draw(planes)
        return rgb_of(planes)
