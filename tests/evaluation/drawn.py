"""Drawn mouths: a video of a dark slit on grey skin, and renderers whose mouths are known."""

from collections.abc import Callable

import cv2
import numpy as np

from lipsync.evaluation.heldout import HeldOut, Renderers, Speak
from lipsync.faces.crop import extract
from lipsync.faces.landmarks import LEFT_EYE_OUTER, LOWER_LIP_INNER, POINTS, UPPER_LIP_INNER
from lipsync.faces.masks import paste_mask
from lipsync.media.planes import from_rgb

SIZE, EDGE, FRAMES, START, FPS = 64, 8, 200, 80, 25.0
BOX = np.array([EDGE, EDGE, EDGE + SIZE, EDGE + SIZE], np.float64)
SKIN, DARK = 150, 20
CLOSED = 1.0  # pixels of the slit in silence
SILENCE = -5
MASK = paste_mask(SIZE)

Height = Callable[[int, float | None], float]
"""(frame, wanted height of the slit or None for the filmed one) -> height that is drawn"""


def slits() -> np.ndarray:
    """(200,) pixels that the mouth is open: smooth noise, as speech would."""
    noise = np.random.default_rng(3).normal(0, 1, FRAMES + 8)
    smooth = np.convolve(noise, np.ones(5) / 5, "same")[4:-4]
    return np.clip(9 + 6 * smooth, 1, 20)


def face(height: float) -> np.ndarray:
    """A crop with a dark slit of ``height`` pixels, (64, 64, 3) uint8."""
    y = np.arange(SIZE)[:, None]
    covered = np.clip(height / 2 + 0.5 - np.abs(y + 0.5 - 38), 0, 1)  # soft edges
    shade = np.maximum(np.abs(np.arange(SIZE) + 0.5 - SIZE / 2) - 8, 0)  # of the cheeks, in levels
    crop = np.tile(SKIN - shade, (SIZE, 1))
    crop[:, 24:40] -= (SKIN - DARK) * covered
    return np.repeat(crop[:, :, None], 3, axis=2).round().astype(np.uint8)


def planes_of(crop: np.ndarray) -> np.ndarray:
    """A crop in its picture, in the layout of ``media.planes``."""
    picture = np.full((SIZE + 2 * EDGE, SIZE + 2 * EDGE, 3), SKIN, np.uint8)
    picture[EDGE:-EDGE, EDGE:-EDGE] = crop
    return from_rgb(picture)


def read_lips(picture: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Points whose inner lips are as far apart as the slit is dark; eyes are 40 pixels apart."""
    column = picture[EDGE : EDGE + SIZE, EDGE + 30 : EDGE + 34].astype(float).mean(axis=(1, 2))
    points = np.zeros((POINTS, 2), np.float32)
    points[LEFT_EYE_OUTER] = 40, 0
    points[UPPER_LIP_INNER] = points[LOWER_LIP_INNER] = 20, 38
    points[LOWER_LIP_INNER, 1] += ((SKIN - column) / (SKIN - DARK)).sum()
    return points


def held_out_part(heights: np.ndarray, frames: np.ndarray | None = None) -> HeldOut:
    """The slits' video, of which ``frames`` are held out; three frames have no face."""
    film = [planes_of(face(height)) for height in heights]
    valid = np.ones(FRAMES, bool)
    valid[START + 50 : START + 53] = False
    # A trace of the frame's number, which a reader of lips can be told by.
    boxes = BOX + np.arange(FRAMES)[:, None] * 1e-7
    return HeldOut(
        frames=np.arange(START, FRAMES) if frames is None else frames,
        film=lambda frame: film[frame].copy(),
        crops=np.stack([extract(planes, BOX, SIZE) for planes in film]),
        boxes=boxes,
        valid=valid,
    )


def drawing(height: Height, change: Callable[[np.ndarray], np.ndarray] = lambda crop: crop):
    """Start shots of a renderer that draws a slit of ``height``, and changes the pasted part."""

    def shot() -> Speak:
        def speak(planes: np.ndarray, frame: int, expression: np.ndarray | None) -> np.ndarray:
            wanted = None if expression is None else float(expression[0])
            crop = face(height(frame, wanted))
            planes[:] = planes_of(cv2.blendLinear(crop, change(crop), 1 - MASK, MASK))
            return MASK

        return speak

    return shot


def renderers(
    heights: np.ndarray, refined: Height | None = None, retrieved: Height | None = None
) -> Renderers:
    """Predicts what was filmed when the heard words were said; draws what it is told to."""

    def obeys(frame: int, wanted: float | None) -> float:
        return heights[frame] if wanted is None else wanted

    def predict(heard: np.ndarray) -> np.ndarray:
        return np.where(heard < 0, CLOSED, heights[heard.clip(0)])[:, None]

    return Renderers(
        refined=drawing(refined or obeys),
        retrieved=drawing(retrieved or obeys),
        predict=predict,
        silence=SILENCE,
    )
