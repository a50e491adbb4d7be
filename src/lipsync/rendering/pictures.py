"""The pictures of an avatar that speaks: film frame, crop, new face, pasted back.

Three steps in a row, each in a thread of its own with a short queue behind it, so decoding, model
and pasting overlap and memory does not grow with the length. numpy, OpenCV, libav and ONNX Runtime
let go of the interpreter while they work.
"""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from lipsync.faces.compositing import paste
from lipsync.faces.crop import extract
from lipsync.media.video import FrameReader
from lipsync.rendering.avatar import Avatar
from lipsync.rendering.background import in_background
from lipsync.speech.windows import speech_windows

BATCH = 4  # pictures that the model sees at once; more is hardly quicker and holds more memory
AHEAD = 2  # batches that wait between two steps


@dataclass(frozen=True)
class Batch:
    """B consecutive pictures, V of them with a face."""

    shown: np.ndarray  # (B,) frame numbers of the film
    frames: list[np.ndarray]  # B x (H, W, 3) uint8 RGB
    spoken: np.ndarray  # (V,) picture numbers, each its row of speech
    faces: np.ndarray  # (V, S, S, 3) uint8 RGB: as filmed, then as painted


def pictures(
    avatar: Avatar, rows: np.ndarray, silence: np.ndarray, plan: np.ndarray
) -> Generator[np.ndarray, None, None]:
    """Picture i, (H, W, 3) uint8 RGB, shows film frame plan[i] and says speech row i.

    rows (n, D) float32; silence (D,), stands before the first and after the last row;
    plan (n,) frame numbers. A film frame without a face is passed through as it is.
    """
    cropped = in_background(_crop(avatar, plan), AHEAD)
    painted = in_background(_paint(avatar, rows, silence, cropped), AHEAD)
    return in_background(_paste(avatar, painted), AHEAD * BATCH)


def _crop(avatar: Avatar, plan: np.ndarray) -> Generator[Batch, None, None]:
    size = avatar.info.crop_size
    with FrameReader(avatar.film) as film:
        for start in range(0, len(plan), BATCH):
            shown = plan[start : start + BATCH]
            frames = [film[index] for index in shown]
            with_face = np.flatnonzero(avatar.valid[shown])
            faces = np.empty((len(with_face), size, size, 3), np.uint8)
            for face, i in zip(faces, with_face, strict=True):
                face[:] = extract(frames[i], avatar.boxes[shown[i]], size)
            yield Batch(shown, frames, start + with_face, faces)


def _paint(
    avatar: Avatar, rows: np.ndarray, silence: np.ndarray, batches: Generator[Batch, None, None]
) -> Generator[Batch, None, None]:
    past, future = avatar.info.past, avatar.info.future
    for batch in batches:
        faces = batch.faces
        if len(faces):
            faces = avatar.paint(faces, speech_windows(rows, silence, batch.spoken, past, future))
        yield Batch(batch.shown, batch.frames, batch.spoken, faces)


def _paste(
    avatar: Avatar, batches: Generator[Batch, None, None]
) -> Generator[np.ndarray, None, None]:
    for batch in batches:
        faces = iter(batch.faces)
        for frame, index in zip(batch.frames, batch.shown, strict=True):
            if avatar.valid[index]:
                yield paste(frame, next(faces), avatar.boxes[index])
            else:
                yield frame
