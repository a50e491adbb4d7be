"""The pictures of an avatar that speaks: film frame, crop, new face, pasted back.

Three steps in a row, each in a thread of its own with a short queue behind it, so decoding, model
and pasting overlap and memory does not grow with the length. numpy, OpenCV, libav and ONNX Runtime
let go of the interpreter while they work. Pictures are planes (``media.planes``) all the way; only
the square around the face is ever turned into RGB.
"""

from collections import OrderedDict
from collections.abc import Generator, Iterable
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


class Readers:
    """Films by their number; the last few stay open, so that a hundred clips fit into memory."""

    OPEN = 3

    def __init__(self, films: list[Film]) -> None:
        self._films = films
        self._open: OrderedDict[int, FrameReader] = OrderedDict()

    def __getitem__(self, number: int) -> FrameReader:
        if number not in self._open:
            while len(self._open) >= self.OPEN:
                self._open.popitem(last=False)[1].close()
            self._open[number] = FrameReader(self._films[number].path)
        self._open.move_to_end(number)
        return self._open[number]

    def __enter__(self) -> "Readers":
        return self

    def __exit__(self, *_: object) -> None:
        while self._open:
            self._open.popitem()[1].close()


def cut_out(avatar: Avatar, films: list[Film], readers: Readers, layer: Layer) -> Piece:
    """A layer as it was filmed, and the face in it where one is to be painted."""
    film, size, face = films[layer.film], avatar.info.crop_size, None
    planes = to_planes(readers[layer.film].frame(layer.frame))
    if layer.spoken and film.valid[layer.frame]:
        face = extract(planes, film.boxes[layer.frame], size, visible_rows(size))
    return Piece(layer, planes, face)


def speak(avatar: Avatar, films: list[Film], piece: Piece, window: np.ndarray) -> None:
    """Paint the face and put it back: both steps at once, for who has no time for threads."""
    _painted(avatar, piece, window)
    _pasted(films, piece)


def _crop(
    avatar: Avatar, films: list[Film], wanted: Iterable[tuple[Shown, np.ndarray]]
) -> Generator[Picture, None, None]:
    with Readers(films) as readers:
        for shown, window in wanted:
            layers = [layer for layer in (shown.under, shown.over) if layer is not None]
            pieces = [cut_out(avatar, films, readers, layer) for layer in layers]
            yield Picture(pieces, shown.weight, window)


def _paint(
    avatar: Avatar, cropped: Generator[Picture, None, None]
) -> Generator[Picture, None, None]:
    for picture in cropped:
        for piece in picture.pieces:
            _painted(avatar, piece, picture.window)
        yield picture


def _paste(
    films: list[Film], painted: Generator[Picture, None, None]
) -> Generator[np.ndarray, None, None]:
    for picture in painted:
        for piece in picture.pieces:
            _pasted(films, piece)
        under, *over = (piece.planes for piece in picture.pieces)
        if over:
            under = cv2.addWeighted(under, 1 - picture.weight, over[0], picture.weight, 0)
        yield under


def _painted(avatar: Avatar, piece: Piece, window: np.ndarray) -> None:
    if piece.face is not None:
        piece.face = avatar.paint(piece.face[None], window[None])[0]


def _pasted(films: list[Film], piece: Piece) -> None:
    if piece.face is not None:
        paste_planes(piece.planes, piece.face, films[piece.layer.film].boxes[piece.layer.frame])
