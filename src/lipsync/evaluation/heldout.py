"""One pass over the held-out frames: render, read lips, compare.

Every figure comes from the tables that are filled here, one row a frame; pictures are handed to
observers and forgotten, so memory does not grow with the length of the video. What renders and what
reads lips is passed in.

Frames are rendered four times: with the filmed expression, refined and by retrieval alone; with the
expression that is predicted from speech; and with that of silence, a mouth that never moves. Some
are rendered with the expressions that wrong speech predicts too.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lipsync.evaluation.frames import run_numbers
from lipsync.evaluation.measures import FrameMeter, FrameMetrics
from lipsync.evaluation.shifts import WrongSpeech
from lipsync.faces.crop import extract
from lipsync.faces.landmarks import POINTS, mouth_opening
from lipsync.media.planes import rgb_of
from lipsync.progress import progress
from lipsync.training.split import evenly

LOOKS = 100  # frames, evenly spread, in which seams and the lips of the two baselines are looked at

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
            refiner, and by retrieval alone
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
    """

    frames: np.ndarray
    film: Callable[[int], np.ndarray]
    crops: np.ndarray
    boxes: np.ndarray
    valid: np.ndarray

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
        shifted_rows: (M,) rows in which wrong speech was tried
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
    """Render every frame of ``held_out.frames``, ``shifted_frames`` of them with wrong speech too.

    Args:
        observers: called with each frame in turn, in order
        name: shown with the progress
    """
    observers = list(observers)
    frames, known, size = held_out.frames, held_out.known, held_out.crops.shape[1]
    looked = evenly(np.flatnonzero(known), LOOKS)
    tried = evenly(looked, shifted_frames if len(wrong.shifts) else 0)
    predicted = renderers.predict(frames)  # (J, E)
    silent = renderers.predict(np.array([renderers.silence]))[0]
    spoken, filmed, retrieved, still = (FrameMeter(len(frames), size) for _ in range(4))
    points = np.full((len(frames), POINTS, 2), np.nan)
    shifted_opening: list[np.ndarray] = []
    begins = np.diff(run_numbers(frames), prepend=-1) != 0
    begins[1:] |= ~known[:-1]
    shots: list[Speak] = []
    for row, frame in progress(enumerate(frames.tolist()), total=len(frames), desc=name):
        box, truth, planes = held_out.boxes[frame], held_out.crops[frame], held_out.film(frame)
        real = rgb_of(planes)
        if begins[row]:
            shots = [renderers.refined(), renderers.refined(), renderers.retrieved()]
            still_shot = renderers.refined()
        shown = _Rendered(planes, np.zeros((size, size), np.float32), box)
        as_filmed = shown
        if known[row]:
            points[row] = read_lips(real, box)
            shown, as_filmed, alone = (
                _render(speak, planes, frame, box, expression)
                for speak, expression in zip(shots, (predicted[row], None, None), strict=True)
            )
            look = row in looked
            for meter, rendered, read in (
                (spoken, shown, True),
                (filmed, as_filmed, True),
                (retrieved, alone, look),
            ):
                meter.compare(row, frame, rendered.crop, truth, rendered.mask, seam=look)
                if read:
                    meter.metrics.points[row] = read_lips(rendered.picture, box)
            if look:
                rendered = _render(still_shot, planes, frame, box, silent)
                still.compare(row, frame, rendered.crop, truth, rendered.mask, seam=True)
                still.metrics.points[row] = read_lips(rendered.picture, box)
        if row in tried:
            expressions = renderers.predict(wrong.frames(frame))  # (K, E)
            others = (
                _render(renderers.refined(), planes, frame, box, each) for each in expressions
            )
            read_points = [read_lips(other.picture, box) for other in others]
            shifted_opening.append(mouth_opening(np.stack(read_points)))  # (K,)
        for observer in observers:
            observer(
                Instant(row, frame, box, real, shown.picture, truth, as_filmed.crop, shown.crop)
            )
    return Tables(
        points=points,
        spoken=spoken.metrics,
        filmed=filmed.metrics,
        retrieved=retrieved.metrics,
        still=still.metrics,
        shifted_rows=tried,
        shifted_opening=np.array(shifted_opening).reshape(len(tried), len(wrong.shifts)),
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
