"""Films that lie under a speaking face: the avatar's own, a template, clips from a folder.

A film from outside is brought to the avatar's frame rate and its face is followed, with the two
small face models that every avatar carries, as stages extract_frames, detect_landmarks, crop_faces
and fit_geometry do it with their default params; pose and expression are those of the avatar's
shape model.
"""

import logging
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.faces.crop import ONE_SHOT, crop_boxes, extract
from lipsync.faces.params import CropParams, LandmarksParams
from lipsync.faces.shots import shot_numbers, shots_with_face
from lipsync.faces.tracker import FaceTracker
from lipsync.geometry.fit import fit_track
from lipsync.geometry.model import ShapeModel, Track
from lipsync.geometry.params import GeometryParams
from lipsync.media.resample import extract as resample_video
from lipsync.media.video import probe, read_frames, read_planes
from lipsync.progress import progress
from lipsync.retrieval.material import study_faces

log = logging.getLogger(__name__)

CRF = 8  # of the film at the avatar's frame rate: visually lossless
NO_BOX = np.full(4, np.nan, np.float32)


@dataclass(frozen=True)
class Film:
    """N frames at the avatar's frame rate.

    Attributes:
        boxes: (N, 4) float32 x0, y0, x1, y1 of the crops in pixels
        valid: (N,) bool, whether there is a face whose mouth nothing covers; ``track.valid`` is
            the same
        track: pose and expression, of the avatar's shape model
        light: (N, 3) float32 mean RGB of the still skin; NaN where not valid
        sound: of a film from outside, 16 kHz, where it was asked for
        cuts: (C,) frames at which a shot begins
    """

    path: Path
    boxes: np.ndarray
    valid: np.ndarray
    track: Track
    light: np.ndarray
    width: int
    height: int
    sound: Path | None = None
    cuts: np.ndarray = field(default_factory=ONE_SHOT.copy)

    def __len__(self) -> int:
        return len(self.boxes)

    @cached_property
    def shots(self) -> np.ndarray:
        """(N,) number of each frame's shot"""
        return shot_numbers(np.arange(len(self)), self.cuts)

    @cached_property
    def shows_face(self) -> np.ndarray:
        """(N,) bool, frames of shots that show the face, as of ``shots_with_face``."""
        return shots_with_face(self.valid, self.cuts)


def film_from_video(
    video: Path,
    folder: Path,
    models: Path,
    model: ShapeModel,
    size: int,
    fps: float,
    *,
    face: bool = True,
    sound: bool = False,
) -> Film:
    """Bring a video to ``fps`` and follow its face; the film is written into ``folder``.

    Args:
        folder: of this film alone
        models: folder of the face models
        model: the avatar's
        size: S, pixels of the avatar's crops
        face: whether a face is wanted: a video without any is then refused, and its light measured
        sound: whether its sound is wanted too

    Raises LipsyncError if the video is missing, unreadable, shows no face, or has no sound where
    that is wanted.
    """
    path, wav = folder / "film.mp4", folder / "sound.wav" if sound else None
    resample_video(video, path, wav, fps=fps, crf=CRF, least=0)
    info = probe(path)
    pictures = progress(read_frames(path), total=info.frames, desc=f"faces of {video.name}")
    found = FaceTracker(models, LandmarksParams()).track(pictures)
    boxes = np.tile(NO_BOX, (info.frames, 1))
    if found.valid.any():
        boxes = crop_boxes(
            found.points,
            found.valid,
            info.width,
            info.height,
            fps,
            CropParams().smoothing,
            found.cuts,
        )
    elif face:
        raise LipsyncError(f"{video}: shows no face; give a video of the avatar's person")
    if face and not found.valid.all():
        log.warning(
            "%s: no face in %.0f %% of its pictures; they are shown as they are",
            video,
            100 * (1 - found.valid.mean()),
        )
    smoothing = GeometryParams().pose_smoothing
    track = fit_track(found.points, found.valid, model, fps, smoothing, found.cuts)
    light = np.full((info.frames, 3), np.nan, np.float32)
    if face:
        planes = progress(read_planes(path), total=info.frames, desc=f"light of {video.name}")
        crops = (extract(*pair, size) for pair in zip(planes, boxes, strict=True))
        light, covered = study_faces(crops, boxes, model, track, fps, found.cuts)
        if covered.any():
            log.warning(
                "%s: something covers the mouth in %d pictures; they are shown as they are",
                video,
                covered.sum(),
            )
            track = replace(track, valid=track.valid & ~covered)
    width, height = info.width, info.height
    return Film(path, boxes, track.valid, track, light, width, height, wav, found.cuts)
