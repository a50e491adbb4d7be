"""The pictures of an avatar that speaks: film frame, crop, new face, pasted back.

Three steps in a row, each in a thread of its own with a short queue behind it, so that decoding,
what is decided at the working size, and pasting overlap and memory does not grow with the length.
numpy, OpenCV, libav and ONNX Runtime let go of the interpreter while they work. Pictures are planes
(``media.planes``) all the way; only the part of the crop above the lower lids is ever turned into
RGB.
"""

from collections import OrderedDict
from collections.abc import Generator, Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from lipsync.faces.crop import extract
from lipsync.faces.masks import visible_rows
from lipsync.media.planes import to_planes
from lipsync.media.video import FrameReader
from lipsync.rendering.articulation import Articulation
from lipsync.rendering.avatar import Avatar
from lipsync.rendering.background import in_background
from lipsync.rendering.film import Film
from lipsync.rendering.plan import Layer, PlannedFrame
from lipsync.retrieval.layers import Layers
from lipsync.retrieval.pasting import Decisions
from lipsync.retrieval.selection import Choice, Selector
from lipsync.retrieval.target import make_target

AHEAD = 8  # pictures that wait between two steps


@dataclass
class Piece:
    """A layer of one picture on its way: planes, and where it speaks the crop of the frame."""

    layer: Layer
    planes: np.ndarray  # (3 H / 2, W) uint8
    crop: np.ndarray | None  # (S, S, 3) uint8 RGB
    made: tuple[Choice, Layers, Decisions] | None = None


@dataclass
class Picture:
    """One picture on its way; its second piece is laid over the first with ``weight`` 0..1."""

    pieces: list[Piece]
    weight: float
    window: np.ndarray  # (past + 1 + future, D) float32, the speech around it


def pictures(
    avatar: Avatar,
    films: list[Film],
    articulation: Articulation,
    plan: Iterable[PlannedFrame],
    windows: Iterable[np.ndarray],
) -> Generator[np.ndarray, None, None]:
    """Picture after picture of the plan, each (3 H / 2, W) uint8 planes.

    windows: for each picture the speech around it, (past + 1 + future, D) float32, normalised. What
    is not spoken, and film frames without a face, are passed through as they were filmed.
    """
    # Three of our threads work at a time; OpenCV's own would only wait for each other.
    cv2.setNumThreads(1)
    cropped = in_background(_crop(avatar, films, zip(plan, windows, strict=True)), AHEAD)
    speaker = Speaker(avatar, films)
    decided = in_background(_decide(speaker, articulation, cropped), AHEAD)
    return in_background(_put(speaker, decided), AHEAD)


class Speaker:
    """Makes faces on the frames of films; each shot keeps its own selection of exemplars.

    That of the plan and that of the film: a face does not fade across a cut.
    """

    def __init__(self, avatar: Avatar, films: list[Film]) -> None:
        self._avatar, self._films, self._faces = avatar, films, avatar.faces
        self._selectors: dict[int, tuple[int, Selector]] = {}  # with the number of the film's shot

    def decide(self, piece: Piece, expression: np.ndarray) -> None:
        """Choose exemplars, and settle at the working size what is made of them."""
        if piece.crop is None:
            return
        film, frame = self._films[piece.layer.film], piece.layer.frame
        target = make_target(
            self._avatar.shape, film.track, frame, film.boxes[frame], film.light[frame], expression
        )
        choice = self._selector(piece.layer.shot, int(film.shots[frame])).choose(target)
        piece.made = (choice, *self._faces.decide(piece.crop, target, choice))

    def put(self, piece: Piece) -> None:
        """Paste the face into the frame at its own size."""
        if piece.made is not None:
            box = self._films[piece.layer.film].boxes[piece.layer.frame]
            self._faces.put(piece.planes, box, *piece.made)

    def _selector(self, shot: int, of_film: int) -> Selector:
        """That of a shot of the plan, begun anew where the film comes to another shot."""
        if shot not in self._selectors:
            # No more than two shots are seen at a time.
            self._selectors = {n: s for n, s in self._selectors.items() if n == shot - 1}
        before, selector = self._selectors.get(shot, (None, None))
        if selector is None or before != of_film:
            selector = self._faces.selector()
            self._selectors[shot] = (of_film, selector)
        return selector


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
    """A layer as it was filmed, and the crop of the face where it is to speak."""
    planes = to_planes(readers[layer.film].frame(layer.frame))
    return piece_of(avatar, films[layer.film], planes, layer)


def piece_of(avatar: Avatar, film: Film, planes: np.ndarray, layer: Layer) -> Piece:
    """The same of a frame that is decoded already."""
    size, crop = avatar.info.crop_size, None
    if layer.spoken and film.valid[layer.frame]:
        crop = extract(planes, film.boxes[layer.frame], size, visible_rows(size))
    return Piece(layer, planes, crop)


def _crop(
    avatar: Avatar, films: list[Film], wanted: Iterable[tuple[PlannedFrame, np.ndarray]]
) -> Generator[Picture, None, None]:
    with Readers(films) as readers:
        for shown, window in wanted:
            layers = [layer for layer in (shown.under, shown.over) if layer is not None]
            pieces = [cut_out(avatar, films, readers, layer) for layer in layers]
            yield Picture(pieces, shown.weight, window)


def _decide(
    speaker: Speaker, articulation: Articulation, cropped: Generator[Picture, None, None]
) -> Generator[Picture, None, None]:
    for picture in cropped:
        expression = articulation.express(picture.window)  # of each: it learns the voice
        for piece in picture.pieces:
            speaker.decide(piece, expression)
        yield picture


def _put(
    speaker: Speaker, decided: Generator[Picture, None, None]
) -> Generator[np.ndarray, None, None]:
    for picture in decided:
        for piece in picture.pieces:
            speaker.put(piece)
        under, *over = (piece.planes for piece in picture.pieces)
        if over:
            under = cv2.addWeighted(under, 1 - picture.weight, over[0], picture.weight, 0)
        yield under
