"""The faces of a video as they were filmed: exemplars are chosen from them, faces pasted over."""

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.faces.crop import ONE_SHOT, smooth
from lipsync.faces.shots import shot_numbers
from lipsync.geometry.model import ShapeModel, Track
from lipsync.retrieval.exemplars import FACE_KEY, MOUTH_KEY, Exemplars, choose_exemplars, key
from lipsync.retrieval.occlusion import find_covered, mouth_vertices, sample_colours, whole_passages
from lipsync.retrieval.target import Target, make_target, measure_light, vertices_in_crop

LIGHT_SMOOTHING = 0.2  # seconds: sigma of the Gaussian over the light's time


def study_faces(
    crops: Iterable[np.ndarray],
    boxes: np.ndarray,
    model: ShapeModel,
    track: Track,
    fps: float,
    cuts: np.ndarray = ONE_SHOT,
) -> tuple[np.ndarray, np.ndarray]:
    """The light of a video's faces, and where something covers the mouth.

    crops: N of (S, S, 3) uint8 RGB, one after the other; the rest as of ``Material``

    Returns (N, 3) float32 mean RGB of the still skin, smoothed, NaN where not valid; and (N,) bool,
    as of ``occlusion.find_covered``, false where not valid.
    """
    light = np.full((len(boxes), 3), np.nan, np.float32)
    covered = np.zeros(len(boxes), bool)
    frames = np.flatnonzero(track.valid)
    if not len(frames):
        return light, covered
    places, colours = mouth_vertices(model), []
    for frame, (crop, box) in enumerate(zip(crops, boxes, strict=True)):
        if track.valid[frame]:
            vertices = vertices_in_crop(track.mesh(model, frame), box)
            light[frame] = measure_light(crop, vertices)
            colours.append(sample_colours(crop, vertices[places]))
    shots = shot_numbers(frames, cuts)
    covered[frames] = find_covered(np.stack(colours), light[frames], shots)
    covered = whole_passages(covered, fps) & track.valid
    light[frames] = smooth(frames, light[frames].astype(float), LIGHT_SMOOTHING * fps, cuts)
    return light, covered


class Material:
    """The filmed faces of a person.

    Args:
        crops: (N, S, S, 3) uint8 RGB
        boxes: (N, 4) of the crops, pixels of the video
        fps: frames a second
        light: (N, 3) where it is known already
        cuts: (C,) frames at which a shot begins
    """

    def __init__(
        self,
        crops: Sequence[np.ndarray] | np.ndarray,
        boxes: np.ndarray,
        model: ShapeModel,
        track: Track,
        fps: float,
        light: np.ndarray | None = None,
        cuts: np.ndarray = ONE_SHOT,
    ) -> None:
        self.crops, self.boxes, self.model, self.track = crops, boxes, model, track
        self._fps, self._light, self._cuts = fps, light, cuts

    @cached_property
    def _study(self) -> tuple[np.ndarray, np.ndarray]:
        return study_faces(self.crops, self.boxes, self.model, self.track, self._fps, self._cuts)

    @property
    def light(self) -> np.ndarray:
        """(N, 3) float32 mean RGB of the still skin, smoothed over time; NaN where not valid."""
        return self._study[0] if self._light is None else self._light

    @property
    def covered(self) -> np.ndarray:
        """(N,) bool: frames with a face in which something covers the mouth (``occlusion``)."""
        return self._study[1]

    def __len__(self) -> int:
        return len(self.boxes)

    def vertices(self, frame: int) -> np.ndarray:
        """(V, 3) of the filmed face, in shares of the crop's side."""
        return vertices_in_crop(self.track.mesh(self.model, frame), self.boxes[frame])

    def target(self, frame: int, expression: np.ndarray | None = None) -> Target:
        """The face of a frame with another expression (E,), or as it was filmed."""
        box, light = self.boxes[frame], self.light[frame]
        return make_target(self.model, self.track, frame, box, light, expression)

    def choose(self, frames: np.ndarray, count: int) -> np.ndarray:
        """At most ``count`` exemplars among ``frames`` (T,), ascending numbers (M,).

        Raises LipsyncError where there are fewer than two.
        """
        if len(frames) < 2:
            raise LipsyncError(
                "generator.exemplars: fewer than two frames with a face in the training part; "
                "record a longer video"
            )
        track = self.track
        seen = (track.expression[frames], track.angles[frames], self.light[frames])
        keys = [key(weights, self.model, *seen) for weights in (MOUTH_KEY, FACE_KEY)]
        return frames[choose_exemplars(np.concatenate(keys, axis=1), count)]

    def exemplars(
        self, frames: np.ndarray, pictures: Sequence[np.ndarray] | None = None
    ) -> Exemplars:
        """Exemplars of some frames (M,); pictures: (s, s, 3) each, by default the crops."""
        if pictures is None:
            pictures = [self.crops[i] for i in frames.tolist()]
        return Exemplars(
            pictures,
            frames,
            np.stack([self.vertices(i) for i in frames.tolist()]),
            self.track.expression[frames],
            self.track.angles[frames],
            self.light[frames],
        )
