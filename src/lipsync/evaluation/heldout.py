"""One pass over the held-out frames: render, read lips, compare.

Every figure comes from the tables that are filled here, one row a frame; pictures are handed to
observers and forgotten, so memory does not grow with the length of the video. What renders and what
reads lips is passed in.

Frames are rendered four times: with the filmed expression, refined and by retrieval alone; with the
expression that is predicted from speech; and with that of silence, a mouth that never moves. Some
are rendered with the expressions that mismatched audio predicts too.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from lipsync.evaluation.frames import run_numbers
from lipsync.evaluation.measures import FrameMeter, FrameMetrics
from lipsync.evaluation.shifts import WrongSpeech
from lipsync.faces.crop import ONE_SHOT, extract
from lipsync.faces.landmarks import POINTS, mouth_opening
from lipsync.faces.shots import shot_numbers
from lipsync.media.planes import rgb_of
from lipsync.progress import progress
from lipsync.training.split import evenly

WORKERS = 2  # threads that render mismatched audio while lips are read
LOOKS = 60  # frames, evenly spread, in which seams and the lips of the two baselines are looked at

Speak = Callable[[np.ndarray, int, np.ndarray | None], np.ndarray]
"""(planes of a frame, changed in place; its number; expression (E,), or None for the filmed one)
-> mask (S, S) float32 0..1, the weight of the new face"""
ReadLips = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(picture (H, W, 3) uint8, box (4,)) -> points (468, 2), NaN where no face is seen"""


@dataclass(frozen=True)
class Renderers:
    """What renders faces.

    Attributes:
        refined, retrieved: start a shot; what they return renders its frames in order. With the
            refiner, and by retrieval alone. Several shots may be rendered at the same time
        predict: frames whose speech is heard (B,) -> expressions (B, E)
        silence: number of a frame, outside the video, at which nothing is heard
    """

    refined: Callable[[], Speak]
    retrieved: Callable[[], Speak]
    predict: Callable[[np.ndarray], np.ndarray]
    silence: int


@dataclass(frozen=True)
class HeldOut:
    """What is looked at; all but ``frames`` is of the whole video, by frame number.

    Attributes:
        frames: (J,) int64, ascending, those that are rendered
        film: frame number -> planes (3 H / 2, W) uint8 of ``media.planes``, a copy
        crops: (N, S, S, 3) uint8; may be a view
        boxes: (N, 4) of the crops
        valid: (N,) bool, false where no face was found: not judged, but shown
        cuts: (C,) frames at which a shot begins
    """

    frames: np.ndarray
    film: Callable[[int], np.ndarray]
    crops: np.ndarray
    boxes: np.ndarray
    valid: np.ndarray
    cuts: np.ndarray = field(default_factory=ONE_SHOT.copy)

    @property
    def known(self) -> np.ndarray:
        """(J,) bool, whether there is a face"""
        return self.valid[self.frames]


@dataclass(frozen=True)
class Instant:
    """A held-out frame, real and rendered; pictures (H, W, 3), crops (S, S, 3), all uint8 RGB.

    ``filmed`` is rendered with the filmed expression, ``rendered`` with the predicted one.
    """

    row: int  # of the tables
    frame: int
    box: np.ndarray
    real: np.ndarray
    rendered: np.ndarray
    real_crop: np.ndarray
    filmed_crop: np.ndarray
    rendered_crop: np.ndarray


@dataclass(frozen=True)
class Tables:
    """All that was measured, a row for each rendered frame.

    Attributes:
        points: (J, 468, 2) read off the real frames
        spoken: with the expression from speech
        filmed, retrieved: with the filmed expression, refined and by retrieval alone
        still: with the expression of silence
        shifted_rows: (M,) rows in which mismatched audio was tried
        shifted_opening: (M, K) mouth opening there, for each shift
    """

    points: np.ndarray
    spoken: FrameMetrics
    filmed: FrameMetrics
    retrieved: FrameMetrics
    still: FrameMetrics
    shifted_rows: np.ndarray
    shifted_opening: np.ndarray

    @property
    def opening(self) -> np.ndarray:
        """(J,) real mouth opening over the eye distance."""
        return mouth_opening(self.points)


@dataclass(frozen=True)
class _Rendered:
    """A frame as a viewer sees it."""

    planes: np.ndarray
    mask: np.ndarray
    box: np.ndarray

    @cached_property
    def picture(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB"""
        return rgb_of(self.planes)

    @cached_property
    def crop(self) -> np.ndarray:
        """(S, S, 3) uint8 RGB"""
        return extract(self.planes, self.box, len(self.mask))


def render_held_out(
    held_out: HeldOut,
    renderers: Renderers,
    read_lips: ReadLips,
    wrong: WrongSpeech,
    shifted_frames: int,
    observers: Iterable[Callable[[Instant], None]] = (),
    name: str = "evaluate",
) -> Tables:
    """Render every frame of ``held_out.frames``, and ``shifted_frames`` with mismatched audio.

    Args:
        observers: called with each frame in turn, in order
        name: shown with the progress
    """
    observers = list(observers)
    frames, known = held_out.frames, held_out.known
    looked = evenly(np.flatnonzero(known), LOOKS)
    tried = evenly(looked, shifted_frames if len(wrong.shifts) else 0)
    begins = np.diff(run_numbers(frames), prepend=-1) != 0
    begins[1:] |= np.diff(shot_numbers(frames, held_out.cuts)) != 0
    begins[1:] |= ~known[:-1]
    inspection = _Inspection(held_out, renderers, read_lips)
    for row, frame in progress(enumerate(frames.tolist()), total=len(frames), desc=name):
        planes = held_out.film(frame)
        if begins[row]:
            inspection.begin_shots()
        if known[row]:
            instant = inspection.judge(row, planes, look=row in looked)
        else:
            real, crop = rgb_of(planes), held_out.crops[frame]
            instant = Instant(row, frame, held_out.boxes[frame], real, real, crop, crop, crop)
        if row in tried:
            inspection.try_speech(planes, frame, wrong.frames(frame))
        for observer in observers:
            observer(instant)
    return inspection.tables(tried, len(wrong.shifts))


class _Inspection:
    """Renders and judges frame after frame, and keeps what is found."""

    def __init__(self, held_out: HeldOut, renderers: Renderers, read_lips: ReadLips) -> None:
        self._held_out, self._renderers, self._read_lips = held_out, renderers, read_lips
        frames, self._size = held_out.frames, held_out.crops.shape[1]
        self._predicted = renderers.predict(frames)  # (J, E)
        self._silent = renderers.predict(np.array([renderers.silence]))[0]
        self._points = np.full((len(frames), POINTS, 2), np.nan)
        meters = [FrameMeter(len(frames), self._size) for _ in range(4)]
        self._spoken, self._filmed, self._retrieved, self._still = meters
        self._shifted_opening: list[np.ndarray] = []
        self.begin_shots()

    def begin_shots(self) -> None:
        """The next frame follows none that was judged."""
        refined = self._renderers.refined
        self._speaks, self._as_filmed, self._stays = refined(), refined(), refined()
        self._alone = self._renderers.retrieved()

    def judge(self, row: int, planes: np.ndarray, look: bool) -> Instant:
        """Render a frame every way; ``look`` for seams and at the baselines' lips too."""
        frame = int(self._held_out.frames[row])
        box, truth = self._held_out.boxes[frame], self._held_out.crops[frame]
        real = rgb_of(planes)
        self._points[row] = self._read_lips(real, box)
        spoken = _render(self._speaks, planes, frame, box, self._predicted[row])
        filmed = _render(self._as_filmed, planes, frame, box, None)
        alone = _render(self._alone, planes, frame, box, None)
        found = [(self._spoken, spoken), (self._filmed, filmed), (self._retrieved, alone)]
        if look:
            silent = _render(self._stays, planes, frame, box, self._silent)
            found.append((self._still, silent))
        for meter, rendered in found:
            meter.compare(row, frame, rendered.crop, truth, rendered.mask, seam=look)
            if look or meter is not self._retrieved:
                meter.metrics.points[row] = self._read_lips(rendered.picture, box)
        return Instant(row, frame, box, real, spoken.picture, truth, filmed.crop, spoken.crop)

    def try_speech(self, planes: np.ndarray, frame: int, heard: np.ndarray) -> None:
        """Render a frame with the speech of frames ``heard`` (K,), each as a shot of its own."""
        box = self._held_out.boxes[frame]

        def render(expression: np.ndarray) -> _Rendered:
            return _render(self._renderers.refined(), planes, frame, box, expression)

        with ThreadPoolExecutor(WORKERS) as pool:
            others = pool.map(render, self._renderers.predict(heard))
            points = [self._read_lips(other.picture, box) for other in others]
        self._shifted_opening.append(mouth_opening(np.stack(points)))  # (K,)

    def tables(self, tried: np.ndarray, shifts: int) -> Tables:
        """What was found; mismatched audio was tried in rows ``tried`` (M,)."""
        opening = np.array(self._shifted_opening).reshape(len(tried), shifts)
        return Tables(
            points=self._points,
            spoken=self._spoken.metrics,
            filmed=self._filmed.metrics,
            retrieved=self._retrieved.metrics,
            still=self._still.metrics,
            shifted_rows=tried,
            shifted_opening=opening,
        )


def _render(
    speak: Speak,
    planes: np.ndarray,
    frame: int,
    box: np.ndarray,
    expression: np.ndarray | None,
) -> _Rendered:
    changed = planes.copy()
    return _Rendered(changed, speak(changed, frame, expression), box)
