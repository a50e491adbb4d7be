"""A frame's exemplars, warped onto the wanted mesh at the working size: what the refiner sees.

Warping maps are drawn at half of the working size and enlarged: they are smooth, and this takes a
quarter of the time.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from lipsync.faces.landmarks import LIPS, LIPS_INNER
from lipsync.geometry.model import ShapeModel
from lipsync.geometry.raster import SHIFT, Raster
from lipsync.geometry.topology import blend_weight
from lipsync.retrieval.exemplars import Exemplars
from lipsync.retrieval.selection import Choice, Weighted
from lipsync.retrieval.target import Target, scaled

COARSE = 2  # a map has so many times fewer pixels a side than the working size
GAIN = (0.8, 1.25)  # limits of the brightness that an exemplar is brought to
DARK = 8.0  # 8-bit levels that are added, so that dark skin makes no large factors
SOFT = 1 / 64  # of the side: sigma of the Gaussian that softens masks


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
    """

    def __init__(self, exemplars: Exemplars, model: ShapeModel, size: int) -> None:
        self.exemplars, self.model, self.size = exemplars, model, size
        self._small = [_fitted(picture, size) for picture in exemplars.pictures]
        self._blend_weight = blend_weight(model.mean)[:, None]
        lips = np.zeros((len(model.mean), 1))
        lips[list(LIPS)] = 1
        self._lips = lips

    def make(self, target: Target, choice: Choice) -> Layers:
        """Layers of a frame; exemplars are brought to its light."""
        coarse = self.size // COARSE
        raster = Raster(scaled(target.vertices, coarse), self.model.triangles, coarse)
        maps: dict[int, np.ndarray] = {}
        gains: dict[int, np.ndarray] = {}
        for chosen in (choice.face, choice.mouth, choice.blend):
            for number, _ in chosen:
                if number not in maps:
                    vertices = self.exemplars.vertices[number, :, :2]
                    maps[number] = raster.interpolate(vertices)
                    gain = (target.light + DARK) / (self.exemplars.light[number] + DARK)
                    gains[number] = np.clip(gain, *GAIN).astype(np.float32)
        warped = {number: self._warp(number, maps[number], gains[number]) for number in maps}
        return Layers(
            face=_mixed(warped, choice.face),
            mouth=_mixed(warped, choice.mouth),
            blend=_mixed(warped, choice.blend),
            mask=self._mask(raster, target),
            mouth_mask=self._soft(raster.interpolate(self._lips)),
            inner=between_lips(target.vertices, self.size),
            maps=maps,
            gains=gains,
        )

    def _warp(self, number: int, where: np.ndarray, gain: np.ndarray) -> np.ndarray:
        """An exemplar as the frame needs it, (S, S, 3) float32."""
        fine = enlarged(where, self.size) * self.size - 0.5
        picture = self._small[number]
        warped = cv2.remap(
            picture, fine[..., 0], fine[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        return warped * gain

    def _mask(self, raster: Raster, target: Target) -> np.ndarray:
        """The wanted lower face and the frame's own: both have to be covered."""
        mask = raster.interpolate(self._blend_weight)
        if target.own_vertices is not target.vertices:
            vertices = scaled(target.own_vertices, raster.size)
            own = Raster(vertices, self.model.triangles, raster.size)
            mask = np.maximum(mask, own.interpolate(self._blend_weight))
        return self._soft(mask)

    def _soft(self, mask: np.ndarray) -> np.ndarray:
        """(s, s, 1) -> (S, S), softened, exactly 0 on the border."""
        size = self.size
        fine = cv2.resize(np.clip(mask[..., 0], 0, 1), (size, size), interpolation=cv2.INTER_LINEAR)
        soft = cv2.GaussianBlur(fine, (0, 0), SOFT * size, borderType=cv2.BORDER_CONSTANT)
        soft[[0, -1]] = 0
        soft[:, [0, -1]] = 0
        return soft


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


def _mixed(warped: dict[int, np.ndarray], chosen: Weighted) -> np.ndarray:
    """Weighted sum as (S, S, 3) uint8."""
    total = sum(weight * warped[number] for number, weight in chosen)
    return np.clip(np.rint(total), 0, 255).astype(np.uint8)
