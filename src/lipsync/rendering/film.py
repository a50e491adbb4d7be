"""Films that lie under a speaking face: the avatar's own, a template, clips from a folder.

A film from outside is brought to the avatar's frame rate and its face is followed, with the two
small face models that every avatar carries, as stages extract_frames, detect_landmarks and
crop_faces do it with their default params.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.faces.crop import crop_boxes
from lipsync.faces.params import CropParams, LandmarksParams
from lipsync.faces.tracker import FaceTracker
from lipsync.media.resample import extract
from lipsync.media.video import probe, read_frames
from lipsync.progress import progress

log = logging.getLogger(__name__)

CRF = 8  # of the film at the avatar's frame rate: visually lossless
NO_BOX = np.full(4, np.nan, np.float32)


@dataclass(frozen=True)
class Film:
    """N pictures at the avatar's frame rate; boxes (N, 4) in pixels, valid (N,) with a face."""

    path: Path
    boxes: np.ndarray
    valid: np.ndarray
    width: int
    height: int
    sound: Path | None = None  # of a film from outside, 16 kHz, where it was asked for

    def __len__(self) -> int:
        return len(self.boxes)


def film_from_video(
    video: Path,
    folder: Path,
    models: Path,
    fps: float,
    *,
    face: bool = True,
    sound: bool = False,
) -> Film:
    """Bring a video to ``fps`` and follow its face; the film is written into ``folder``.

    Args:
        folder: of this film alone
        models: folder of the face models
        face: whether a video without any face is refused
        sound: whether its sound is wanted too

    Raises LipsyncError if the video is missing, unreadable, shows no face, or has no sound where
    that is wanted.
    """
    path, wav = folder / "film.mp4", folder / "sound.wav" if sound else None
    extract(video, path, wav, fps=fps, crf=CRF, least=0)
    info = probe(path)
    pictures = progress(read_frames(path), total=info.frames, desc=f"faces of {video.name}")
    found = FaceTracker(models, LandmarksParams()).track(pictures)
    boxes = np.tile(NO_BOX, (info.frames, 1))
    if found.valid.any():
        boxes = crop_boxes(
            found.points, found.valid, info.width, info.height, fps, CropParams().smoothing
        )
    elif face:
        raise LipsyncError(f"{video}: shows no face; give a video of the avatar's person")
    if face and not found.valid.all():
        log.warning(
            "%s: no face in %.0f %% of its pictures; they are shown as they are",
            video,
            100 * (1 - found.valid.mean()),
        )
    return Film(path, boxes, found.valid, info.width, info.height, wav)
