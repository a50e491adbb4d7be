"""A frame's exemplars, warped onto the wanted mesh at the working size: what the refiner sees.

Warping maps are drawn at half of the working size and enlarged: they are smooth, and this takes a
quarter of the time.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from lipsync.faces.landmarks import LIPS, LIPS_INNER, POINTS
from lipsync.geometry.model import ShapeModel
from lipsync.geometry.raster import SHIFT, Raster
from lipsync.geometry.topology import blend_weights
from lipsync.retrieval.exemplars import Exemplars
from lipsync.retrieval.selection import Choice, Weighted
from lipsync.retrieval.target import Target, scaled

COARSE = 2  # a map has so many times fewer pixels a side than the working size
GAIN = (0.8, 1.25)  # limits of the brightness that an exemplar is brought to
DARK = 8.0  # 8-bit levels that are added, so that dark skin makes no large factors
# Sigma of the Gaussians that smooth maps, of the side: everywhere, and between the lips.
CREASE, MOUTH_CREASE = 1 / 100, 1 / 32
SOFT = 1 / 64  # of the side: sigma of the Gaussian that softens masks
FAR = 0.04  # of the side: where the wanted face is so far from the filmed one, all is covered


@dataclass(frozen=True)
class Layers:
    """A frame at the working size S; pictures are (S, S, 3) uint8 RGB, masks (S, S) float32 0..1.

    Attributes:
        face, mouth, blend: warped exemplars, at the frame's brightness
        mask: weight of the new face over the frame
        mouth_mask: weight of the mouth over the face
        inner: 1 between the wanted lips
        maps: for each exemplar in use, by number, (S / 2, S / 2, 2) float32 shares of the crop's
            side: where in the exemplar a pixel of the frame lies
        gains: for each of them, (3,) float32 factor of its channels
    """

    face: np.ndarray
    mouth: np.ndarray
    blend: np.ndarray
    mask: np.ndarray
    mouth_mask: np.ndarray
    inner: np.ndarray
    maps: dict[int, np.ndarray]
    gains: dict[int, np.ndarray]


class LayerMaker:
    """Makes layers from a person's exemplars.

    Args:
        size: S, pixels
        whole: cover the whole oval, however little the face has moved; for training
    """

    def __init__(
        self, exemplars: Exemplars, model: ShapeModel, size: int, *, whole: bool = False
    ) -> None:
        self.exemplars, self.model, self.size = exemplars, model, size
        self._small = [_fitted(picture, size) for picture in exemplars.pictures]
        self._places = exemplars.vertices[:, :, :2].astype(np.float32)  # (M, V, 2)
        pointed, self._oval = blend_weights(model.mean).T  # (V,) each
        self._pointed = self._oval if whole else pointed
        self._lips = np.zeros_like(self._oval)
        self._lips[list(LIPS)] = 1
        # The frame's own face counts only where it is to be covered.
        self._covering = model.triangles[(self._oval[model.triangles] > 0).any(1)]

    def make(self, target: Target, choice: Choice) -> Layers:
        """Layers of a frame; exemplars are brought to its light."""
        coarse = self.size // COARSE
        raster = Raster(scaled(target.vertices, coarse), self.model.triangles, coarse)
        chosen = (*choice.face, *choice.mouth, *choice.blend)
        numbers = list(dict.fromkeys(number for number, _ in chosen))
        gains = {number: self._gain(target, number) for number in numbers}
        places = np.hstack([*self._places[numbers]])  # (V, 2 K) of K exemplars
        weight = self._weight(target)
        drawn = raster.interpolate(np.hstack([places, weight[:, None], self._lips[:, None]]))
        _extend(drawn[..., :-2], raster, target.vertices, places)
        _smooth(drawn[..., :-2], target.vertices)
        maps = {
            number: np.ascontiguousarray(drawn[..., 2 * k : 2 * k + 2])
            for k, number in enumerate(numbers)
        }
        mask, lips = drawn[..., -2], drawn[..., -1]
        sharp = {number for number, _ in (*choice.face, *choice.mouth)}
        warped = {
            number: self._warp(number, maps[number], gains[number], number in sharp)
            for number in numbers
        }
        return Layers(
            face=rounded(mixed(warped, choice.face)),
            mouth=rounded(mixed(warped, choice.mouth)),
            blend=rounded(mixed(warped, choice.blend)),
            mask=self._mask(mask, target, weight),
            mouth_mask=self._soft(lips),
            inner=between_lips(target.vertices, self.size),
            maps=maps,
            gains=gains,
        )

    def _gain(self, target: Target, number: int) -> np.ndarray:
        """(3,) float32 by which an exemplar's channels are brought to the frame's light."""
        gain = (target.light + DARK) / (self.exemplars.light[number] + DARK)
        return np.clip(gain, *GAIN).astype(np.float32)

    def _warp(self, number: int, where: np.ndarray, gain: np.ndarray, sharp: bool) -> np.ndarray:
        """An exemplar as the frame needs it, (S, S, 3) float32; the blend's need not be sharp."""
        fine = enlarged(where * np.float32(self.size) - np.float32(0.5), self.size)
        kind = cv2.INTER_CUBIC if sharp else cv2.INTER_LINEAR
        return scaled_channels(fetched(self._small[number], fine, kind), gain)

    def _weight(self, target: Target) -> np.ndarray:
        """(V,) float32 of the new face: the more of the oval, the farther a vertex has moved."""
        moved = np.linalg.norm((target.vertices - target.own_vertices)[:, :2], axis=1)
        share = np.minimum(moved / FAR, 1).astype(np.float32)
        return self._pointed + share * (self._oval - self._pointed)

    def _mask(self, mask: np.ndarray, target: Target, weight: np.ndarray) -> np.ndarray:
        """The wanted lower face (s, s) and the frame's own: both have to be covered."""
        if target.own_vertices is not target.vertices:
            size = len(mask)
            own = Raster(scaled(target.own_vertices, size), self._covering, size)
            mask = np.maximum(mask, own.interpolate(weight[:, None])[..., 0])
        return self._soft(mask)

    def _soft(self, mask: np.ndarray) -> np.ndarray:
        """(s, s) -> (S, S), softened, exactly 0 on the border."""
        size = self.size
        fine = cv2.resize(np.clip(mask, 0, 1), (size, size), interpolation=cv2.INTER_LINEAR)
        soft = cv2.GaussianBlur(fine, (0, 0), SOFT * size, borderType=cv2.BORDER_CONSTANT)
        soft[[0, -1]] = 0
        soft[:, [0, -1]] = 0
        return soft


def _extend(drawn: np.ndarray, raster: Raster, vertices: np.ndarray, places: np.ndarray) -> None:
    """Go on with maps (s, s, 2 K) where the mesh has ended, in place.

    As the affine map does that takes its outermost vertices, of the ring, to those of the
    exemplars. A softened mask reaches a little beyond the mesh.
    """
    ring = vertices[POINTS:, :2] * raster.size  # (R, 2) pixels
    affine = np.linalg.lstsq(np.pad(ring, ((0, 0), (0, 1)), constant_values=1), places[POINTS:])[0]
    y, x = np.nonzero(raster.beyond)
    drawn[y, x] = np.stack([x + 0.5, y + 0.5, np.ones(len(x))], axis=1) @ affine


def _smooth(drawn: np.ndarray, vertices: np.ndarray) -> None:
    """Take the creases at the triangles' edges out of maps (s, s, 2 K), in place.

    Between the lips triangles are long and thin, and creases would show as broken teeth: there the
    map is smoothed more.
    """
    size = len(drawn)
    inner = between_lips(vertices, size)
    inner = cv2.GaussianBlur(inner, (0, 0), CREASE * size)[..., None]
    for k in range(0, drawn.shape[2], 2):
        maps = np.ascontiguousarray(drawn[..., k : k + 2])
        smooth = cv2.GaussianBlur(maps, (0, 0), CREASE * size)
        smoother = cv2.GaussianBlur(maps, (0, 0), MOUTH_CREASE * size)
        drawn[..., k : k + 2] = smooth + inner * (smoother - smooth)


def between_lips(vertices: np.ndarray, size: int) -> np.ndarray:
    """(size, size) float32: 1 inside of the inner lips of vertices (V, 3), shares of the side."""
    edge = np.rint((vertices[list(LIPS_INNER), :2] * size - 0.5) * (1 << SHIFT)).astype(np.int32)
    drawn = np.zeros((size, size), np.uint8)
    cv2.fillPoly(drawn, [edge], 255, cv2.LINE_AA, SHIFT)
    return drawn.astype(np.float32) / 255


def enlarged(where: np.ndarray, size: int) -> np.ndarray:
    """A map (s, s, 2) with ``size`` pixels a side."""
    return cv2.resize(where, (size, size), interpolation=cv2.INTER_LINEAR)


def _fitted(picture: np.ndarray, size: int) -> np.ndarray:
    """A crop at the working size."""
    kind = cv2.INTER_AREA if len(picture) > size else cv2.INTER_CUBIC
    return cv2.resize(picture, (size, size), interpolation=kind)


def fetched(picture: np.ndarray, places: np.ndarray, kind: int) -> np.ndarray:
    """A picture's values at places (h, w, 2) float32, pixels; kind: of OpenCV's interpolation."""
    return cv2.remap(
        picture,
        places,
        None,  # type: ignore[call-overload]
        kind,
        borderMode=cv2.BORDER_REPLICATE,
    )


def scaled_channels(picture: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """A picture (h, w, 3) times a factor (3,) for each channel, float32."""
    height, width = picture.shape[:2]
    # Rows without an axis for the channels are several times faster than numpy's broadcasting.
    rows = picture.reshape(height, 3 * width) * np.tile(gain, width)
    return rows.reshape(height, width, 3)


def mixed(pictures: dict[int, np.ndarray], chosen: Weighted) -> np.ndarray:
    """Weighted sum (h, w, 3) float32 of pictures by number."""
    (number, weight), *others = chosen
    total = pictures[number]
    if others:
        total = total * np.float32(weight)
    for number, weight in others:
        cv2.scaleAdd(pictures[number], weight, total, total)
    return total


def rounded(picture: np.ndarray) -> np.ndarray:
    """float32 as uint8."""
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
