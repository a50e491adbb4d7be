"""Speaking while the sound is still being said: chunks of sound in, pictures out.

    with LiveAvatar(load_avatar("models/alice/avatar")) as live:
        print(live.latency)                      # seconds
        for chunk in microphone:                 # (n,) float32 -1..1 at 16 kHz, any n
            for picture in live.feed(chunk):     # (H, W, 3) uint8 RGB
                show(picture)
        for picture in live.finish():
            show(picture)

Level and voice are learned while they are heard, and the first seconds may move the lips a little
more or less than later ones. Who hands over some seconds of the same voice beforehand (``voice``)
is spared that; with the whole sound, picture for picture these are the ones that it is rendered to
as a file, before they are compressed. A picture comes as soon as the sound that it hears is there,
that of the frames after it (``motion.look_ahead``) and half a window of the encoder, and it is
made.
"""

from collections.abc import Generator
from contextlib import ExitStack
from fractions import Fraction
from itertools import chain, cycle, repeat

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.media.audio import SAMPLE_RATE
from lipsync.media.clock import frame_count, frame_time
from lipsync.media.planes import rgb_of
from lipsync.rendering.articulation import Articulation
from lipsync.rendering.avatar import Avatar
from lipsync.rendering.background import in_background
from lipsync.rendering.mark import Mark
from lipsync.rendering.options import RenderOptions
from lipsync.rendering.pictures import Piece, Readers, Speaker, cut_out
from lipsync.rendering.plan import Layer, play
from lipsync.rendering.render import Renderer
from lipsync.speech.windows import WindowStream

AHEAD = 16  # frames that are decoded before they are wanted; a group of 25 takes 0.1 s


class LiveAvatar:
    """An avatar that speaks as it hears. Mode standard, with or without a template.

    Args:
        voice: (n,) float32 -1..1 at 16 kHz, of whoever is to be heard; a minute of it counts

    Attributes:
        due: pictures whose sound ``feed`` has heard, those that it left out among them

    Errors as of ``Renderer``.
    """

    def __init__(
        self,
        avatar: Avatar,
        options: RenderOptions | None = None,
        voice: np.ndarray | None = None,
    ) -> None:
        self.options = options or RenderOptions()
        if self.options.mode != "standard":
            raise LipsyncError(
                f"mode: {self.options.mode} must hear the pauses to come; live there is standard"
            )
        self._renderer = Renderer(avatar, self.options)
        self._avatar, self._encoder, self._voice = avatar, self._renderer.encoder, voice
        self._stack = ExitStack()
        self.due = 0

    @property
    def latency(self) -> float:
        """Seconds of sound beyond the middle of a picture that must be heard before it comes.

        Making it takes its own time on top, that of one picture.
        """
        info, encoder = self._avatar.info, self._encoder
        first = encoder.segment * (1 + info.future)  # any segment that is not at the start
        heard = encoder.span(first, encoder.segment)[1] / SAMPLE_RATE
        return heard - frame_time(first - info.future, info.fps)

    def __enter__(self) -> "LiveAvatar":
        with ExitStack() as stack:
            stack.enter_context(self._renderer)
            film, info = self._renderer.films[0], self._avatar.info
            self._speaker = Speaker(self._avatar, self._renderer.films)
            self._filmed = in_background(self._film(), AHEAD)
            stack.callback(self._filmed.close)
            self._rows = self._encoder.open_stream()
            self._articulation = Articulation(self._avatar, self._encoder)
            if self._voice is not None:
                frames = frame_count(Fraction(len(self._voice), SAMPLE_RATE), info.fps)
                self._articulation.hear(self._encoder.encode(self._voice, frames))
            self._windows = WindowStream(self._articulation.silence, info.past, info.future)
            text = self.options.mark.strip()
            self._mark = Mark(text, film.width, film.height) if text else None
            self._over = False
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def feed(self, samples: np.ndarray, most: int | None = None) -> list[np.ndarray]:
        """The next samples (n,) float32 -1..1 at 16 kHz -> pictures (H, W, 3) uint8 RGB.

        most: of the pictures that are due, only so many are made, the last ones; None makes all.
        The film and what is learned of the voice go on as if all were, so whoever cannot make 25 a
        second leaves some out and falls no further behind.
        """
        if self._over:
            raise ValueError("the sound was finished; open a new LiveAvatar")
        if not np.issubdtype(samples.dtype, np.floating):
            raise ValueError(f"samples are floats of -1..1, not {samples.dtype}")
        rows = self._articulation.normalise(self._rows.push(samples.astype(np.float32, copy=False)))
        windows = self._windows.push(rows)
        left_out = 0 if most is None else max(0, len(windows) - most)
        for window in windows[:left_out]:
            self._leave_out(window)
        self.due += len(windows)
        return [self._picture(window) for window in windows[left_out:]]

    def finish(self) -> list[np.ndarray]:
        """The pictures that are left; silence follows the last sample."""
        if self._over:
            return []
        self._over = True
        rows = self._articulation.normalise(self._rows.finish())
        windows = [*self._windows.push(rows), *self._windows.finish()]
        return [self._picture(window) for window in windows]

    def _film(self) -> Generator[Piece, None, None]:
        """The film's frames, to and fro for ever; decoded a group at a time, so ahead of need."""
        played, options = self._renderer.played, self.options
        length = len(played)
        period = max(1, 2 * (length - 1))
        begin, back = options.start_frame, options.loop_back
        frames = play(played, period + length, begin, loop_back=back).tolist()
        rest = cycle(frames[length:]) if back else repeat(frames[-1])
        with Readers(self._renderer.films) as readers:
            for frame in chain(frames[:length], rest):
                layer = Layer(0, frame, spoken=True)
                yield cut_out(self._avatar, self._renderer.films, readers, layer)

    def _leave_out(self, window: np.ndarray) -> None:
        next(self._filmed)
        self._articulation.express(window)

    def _picture(self, window: np.ndarray) -> np.ndarray:
        piece = next(self._filmed)
        expression = self._articulation.express(window)
        if piece.crop is not None:
            self._speaker.decide(piece, expression)
            self._speaker.put(piece)
        if self._mark is not None:
            self._mark.draw(piece.planes)
        return rgb_of(piece.planes)
