"""The face at the video's own resolution, blended into a picture.

Every pixel of the picture fetches its texture straight from the exemplars, through maps that were
drawn at the working size. What the refiner adds is smooth, so it is enlarged. So a large face costs
little more than a small one, and its detail is that of real frames.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from lipsync.faces.crop import resample
from lipsync.media.colours import BT709
from lipsync.media.planes import to_yuv_matrix, views
from lipsync.retrieval.exemplars import Exemplars
from lipsync.retrieval.layers import COARSE, Layers, fetched, mixed, scaled_channels
from lipsync.retrieval.selection import Choice

LOW = 1.5 / 160  # of the crop's side: sigma of the Gaussian that parts shading from detail
# The mouth exemplar's share is the softened mask of the lips so many times, at most 1: all of the
# lips come from it. Where the face exemplar's lips shine through, mouths look less open.
WIDER = 2.0


@dataclass(frozen=True)
class Decisions:
    """What is made of a frame's layers, at the working size S.

    Attributes:
        mouth_share: (S, S) float32 0..1, of the mouth exemplar over the face exemplar
        flow: (S, S, 2) float32 shares of the crop's side by which the texture is fetched elsewhere
        correction: (S, S, 3) float32 8-bit levels that are added to the texture, smooth
    """

    mouth_share: np.ndarray
    flow: np.ndarray
    correction: np.ndarray


def low_pass(picture: np.ndarray, side: float) -> np.ndarray:
    """Shading of a picture (H, W, C) whose crop is ``side`` pixels wide; float32."""
    return cv2.GaussianBlur(picture.astype(np.float32), (0, 0), LOW * side)


def undecided(layers: Layers) -> Decisions:
    """What an untrained refiner decides: the mouth as it is, elsewhere the blend's shading."""
    size = len(layers.mask)
    share = np.minimum(WIDER * layers.mouth_mask, 1)
    texture = layers.face + share[..., None] * (layers.mouth.astype(np.float32) - layers.face)
    shading = low_pass(layers.blend - texture, size)
    flow = np.zeros((size, size, 2), np.float32)
    return Decisions(share, flow, (1 - layers.mouth_mask[..., None]) * shading)


@dataclass(frozen=True)
class Window:
    """The pixels of a picture that a face covers; even, so that colour has its own pixels."""

    left: int
    top: int
    width: int
    height: int
    x0: float  # of the crop's box
    y0: float
    side: float

    @classmethod
    def of(cls, box: np.ndarray, mask: np.ndarray, picture: tuple[int, int]) -> "Window":
        """The part of a box (4,) where a mask (S, S) is not 0, in a picture (height, width)."""
        x0, y0, side = float(box[0]), float(box[1]), float(box[2] - box[0])
        rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
        pixel = side / len(mask)
        if not len(rows):
            return cls(0, 0, 0, 0, x0, y0, side)
        left, top = x0 + (columns[0] - 1) * pixel, y0 + (rows[0] - 1) * pixel
        right, bottom = x0 + (columns[-1] + 2) * pixel, y0 + (rows[-1] + 2) * pixel
        left, top = (max(0, math.floor(edge / 2) * 2) for edge in (left, top))
        right = min(picture[1], math.ceil(right / 2) * 2)
        bottom = min(picture[0], math.ceil(bottom / 2) * 2)
        return cls(left, top, right - left, bottom - top, x0, y0, side)

    def sample(self, picture: np.ndarray, half: bool = False) -> np.ndarray:
        """What a picture (S, S, C) of the whole crop shows in the window's pixels.

        half: for the pixels of colour, of which there is one for every four
        """
        step = picture.shape[0] / self.side
        scale = 2 if half else 1
        shape = self.height // scale, self.width // scale
        x, y = (self.left - self.x0) * step, (self.top - self.y0) * step
        return resample(picture, x, y, step * scale, shape, smooth=True)

    def places(self, flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """x and y of each pixel in shares of the crop, moved by a flow (S, S, 2) of shares."""
        moved = self.sample(flow)  # (h, w, 2)
        x = (np.arange(self.width, dtype=np.float32) + 0.5 + self.left - self.x0) / self.side
        y = (np.arange(self.height, dtype=np.float32) + 0.5 + self.top - self.y0) / self.side
        return moved[..., 0] + x, moved[..., 1] + y[:, None]


def make_face(
    exemplars: Exemplars,
    choice: Choice,
    layers: Layers,
    decisions: Decisions,
    window: Window,
    detail: float,
) -> np.ndarray:
    """The face in the window's pixels, (h, w, 3) uint8 RGB.

    detail: factor of the texture's detail; above 1 makes up for what interpolation blurs
    """
    size = len(layers.mask)
    places = window.places(decisions.flow)
    x, y = (each * np.float32(size // COARSE) - np.float32(0.5) for each in places)
    textures = {
        number: _fetch(exemplars.pictures[number], layers.maps[number], layers.gains[number], x, y)
        for number in {number for number, _ in (*choice.face, *choice.mouth)}
    }
    texture = mixed(textures, choice.face)
    if choice.mouth != choice.face:
        across, down = (each * np.float32(size) - np.float32(0.5) for each in places)
        share = cv2.remap(  # moved with the texture
            decisions.mouth_share, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        texture = cv2.blendLinear(mixed(textures, choice.mouth), texture, share, 1 - share)
    if detail != 1:
        low = low_pass(texture, window.side)
        texture = cv2.addWeighted(texture, detail, low, 1 - detail, 0)
    return cv2.add(texture, window.sample(decisions.correction), dtype=cv2.CV_8U)


def _fetch(
    picture: np.ndarray, where: np.ndarray, gain: np.ndarray, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Texture of an exemplar at places of its map's pixels, (h, w, 3) float32."""
    where = where * np.float32(len(picture)) - np.float32(0.5)
    there = cv2.remap(where, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return scaled_channels(fetched(picture, there, cv2.INTER_CUBIC), gain)


def paste(planes: np.ndarray, face: np.ndarray, window: Window, mask: np.ndarray) -> None:
    """Blend a face (h, w, 3) uint8 RGB into a picture of ``media.planes``, in place.

    mask: (S, S) float32 0..1, its weight over the whole crop; where it is 0 the picture stays as it
    was filmed, to the bit
    """
    if not window.width or not window.height:
        return
    yuv = cv2.transform(face, to_yuv_matrix(BT709))  # (h, w, 3)
    weights = [window.sample(mask, half) for half in (False, True)]
    for layer, plane in enumerate(views(planes)):
        half = layer > 0
        scale = 2 if half else 1
        height, width = window.height // scale, window.width // scale
        values = cv2.extractChannel(yuv, layer)
        if half:
            values = cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)
        top, left = window.top // scale, window.left // scale
        region = plane[top : top + height, left : left + width]
        weight = weights[half]
        region[:] = cv2.blendLinear(np.ascontiguousarray(region), values, 1 - weight, weight)
