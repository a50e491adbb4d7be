"""A face's shape and track from landmarks alone, for videos that are nobody's in a project."""

import numpy as np

from lipsync.alignment.offset import LEAST_SECONDS
from lipsync.faces.tracker import Landmarks
from lipsync.geometry.fit import fit_shape_model, fit_track
from lipsync.geometry.model import ShapeModel, Track
from lipsync.geometry.params import GeometryParams


def fit_face(found: Landmarks, fps: float) -> tuple[ShapeModel, Track] | None:
    """As stage fit_geometry does it with default params, but over the whole video.

    Returns:
        shape model and track; None where a face is seen for less than ``LEAST_SECONDS``
    """
    seen = np.flatnonzero(found.valid & (found.score > 0))
    if len(seen) < LEAST_SECONDS * fps:
        return None
    params = GeometryParams()
    shape = fit_shape_model(found.points, seen, params.n_components)
    track = fit_track(found.points, found.valid, shape, fps, params.pose_smoothing, found.cuts)
    return shape, track
