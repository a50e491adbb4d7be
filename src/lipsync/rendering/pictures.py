"""The pictures of an avatar that speaks: film frame, crop, new face, pasted back.

Three steps in a row, each in a thread of its own with a short queue behind it, so decoding, model
and pasting overlap and memory does not grow with the length. numpy, OpenCV, libav and ONNX Runtime
let go of the interpreter while they work. Pictures are planes (``media.planes``) all the way; only
the square around the face is ever turned into RGB.
"""

from collections.abc import Generator, Iterable
from contextlib import ExitStack
from dataclasses import dataclass

import cv2
import numpy as np

from lipsync.faces.compositing import paste_planes
from lipsync.faces.crop import extract
from lipsync.faces.masks import visible_rows
from lipsync.media.planes import to_planes
from lipsync.media.video import FrameReader
from lipsync.rendering.avatar import Avatar
from lipsync.rendering.background import in_background
from lipsync.rendering.film import Film
from lipsync.rendering.plan import Layer, Shown

AHEAD = 8  # pictures that wait between two steps


@dataclass
class Piece:
    """A layer of one picture on its way: planes, and the face where one is painted."""

    layer: Layer
    planes: np.ndarray  # (3 H / 2, W) uint8
    face: np.ndarray | None  # (S, S, 3) uint8 RGB: as filmed, then as painted


@dataclass
class Picture:
    """One picture on its way; its second piece is laid over the first with ``weight`` 0..1."""

    pieces: list[Piece]
    weight: float
    window: np.ndarray  # (past + 1 + future, D) float32, the speech around it


def pictures(
    avatar: Avatar, films: list[Film], plan: Iterable[Shown], windows: Iterable[np.ndarray]
) -> Generator[np.ndarray, None, None]:
    """Picture after picture of the plan, each (3 H / 2, W) uint8 planes.

    windows: for each picture the speech around it, (past + 1 + future, D) float32. What is not
    spoken, and film frames without a face, are passed through as they were filmed.
    """
    # Three of our threads work at a time; OpenCV's own would only wait for each other.
    cv2.setNumThreads(1)
    cropped = in_background(_crop(avatar, films, zip(plan, windows, strict=True)), AHEAD)
    painted = in_background(_paint(avatar, cropped), AHEAD)
    return in_background(_paste(films, painted), AHEAD)


def make_picture(
    avatar: Avatar,
    films: list[Film],
    readers: list[FrameReader],
    shown: Shown,
    window: np.ndarray,
) -> np.ndarray:
    """One picture of ``pictures``, made here and now."""
    picture = _cropped(avatar, films, readers, shown, window)
    _painted(avatar, picture)
    return _pasted(films, picture)


def _crop(
    avatar: Avatar, films: list[Film], wanted: Iterable[tuple[Shown, np.ndarray]]
) -> Generator[Picture, None, None]:
    with ExitStack() as stack:
        readers = [stack.enter_context(FrameReader(film.path)) for film in films]
        for shown, window in wanted:
            yield _cropped(avatar, films, readers, shown, window)


def _paint(
    avatar: Avatar, cropped: Generator[Picture, None, None]
) -> Generator[Picture, None, None]:
    for picture in cropped:
        _painted(avatar, picture)
        yield picture


def _paste(
    films: list[Film], painted: Generator[Picture, None, None]
) -> Generator[np.ndarray, None, None]:
    for picture in painted:
        yield _pasted(films, picture)


def _cropped(
    avatar: Avatar,
    films: list[Film],
    readers: list[FrameReader],
    shown: Shown,
    window: np.ndarray,
) -> Picture:
    pieces = []
    for layer in (shown.under, shown.over):
        if layer is None:
            continue
        film, face = films[layer.film], None
        planes = to_planes(readers[layer.film].frame(layer.frame))
        if layer.spoken and film.valid[layer.frame]:
            size = avatar.info.crop_size
            face = extract(planes, film.boxes[layer.frame], size, visible_rows(size))
        pieces.append(Piece(layer, planes, face))
    return Picture(pieces, shown.weight, window)


def _painted(avatar: Avatar, picture: Picture) -> None:
    for piece in picture.pieces:
        if piece.face is not None:
            piece.face = avatar.paint(piece.face[None], picture.window[None])[0]


def _pasted(films: list[Film], picture: Picture) -> np.ndarray:
    for piece in picture.pieces:
        if piece.face is not None:
            boxes = films[piece.layer.film].boxes
            paste_planes(piece.planes, piece.face, boxes[piece.layer.frame])
    under, *over = (piece.planes for piece in picture.pieces)
    if over:
        return cv2.addWeighted(under, 1 - picture.weight, over[0], picture.weight, 0)
    return under
