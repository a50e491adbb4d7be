"""Split a person's frames, and take head pose and expression apart: a shape model, and a track.

Which frames are covered is known when there is a track. So where there are any, the split is made
anew without them, and the model learned anew from its training part.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.faces.storage import read_boxes, read_crops, read_landmarks, read_shots
from lipsync.files import atomic_path
from lipsync.geometry.fit import fit_shape_model, fit_track
from lipsync.geometry.model import ShapeModel, Track
from lipsync.geometry.params import GeometryParams
from lipsync.geometry.storage import write_geometry
from lipsync.media.params import FramesParams
from lipsync.params import PersonParams
from lipsync.retrieval.material import study_faces
from lipsync.stage import stage
from lipsync.training.params import SplitParams
from lipsync.training.split import (
    MIN_TRAINING,
    Split,
    limit_training,
    split_frames,
    usable_frames,
    write_split,
)

# Degrees. Beyond it the mesh has to invent the eye, the temple and half of the mouth that the head
# hides. The profile calls 40 degrees in 5 % of the frames red (`profile.yaw`); this is half of all.
MOST_YAW = 45.0
DIGITS = 4


@dataclass(frozen=True)
class Found:
    """The main person's face in N frames, as landmarks.npz holds it."""

    points: np.ndarray
    valid: np.ndarray
    seen: np.ndarray
    cuts: np.ndarray


@stage
def fit_geometry(params: PersonParams) -> None:
    folder, fps = Path("data") / params.person, params[FramesParams].fps
    landmarks = folder / "landmarks.npz"
    found = Found(*read_landmarks(landmarks), read_shots(landmarks)[0])
    split = make_split(params, found, np.zeros(len(found.valid), bool))
    model, track, fitted = fit(params, found, split)
    boxes, _ = read_boxes(folder / "faces.npz")
    crops = read_crops(folder / "faces.npz")
    _, covered = study_faces(crops, boxes, model, track, fps, found.cuts)
    uncovered = make_split(params, found, covered)
    if uncovered != split:
        split = uncovered
        model, track, fitted = fit(params, found, split)
    yaw = float(np.median(np.abs(track.angles[fitted, 1])))
    if yaw > MOST_YAW:
        raise LipsyncError(
            f"{params.video}: half of the time the head is turned aside by more than {yaw:.0f} "
            f"degrees, which hides half of the mouth; the most is {MOST_YAW:.0f}: use a video "
            "that shows the face from the front"
        )
    write_split(folder / "split.json", split)
    write_geometry(folder / "geometry.npz", model, track)
    metrics = measure(model, track)
    with atomic_path(Path("metrics") / params.person / "geometry.json") as path:
        path.write_text(json.dumps(metrics, indent=2) + "\n")
    print(
        f"the head turns by {metrics['yaw_spread']:.1f} and nods by {metrics['pitch_spread']:.1f} "
        f"degrees (standard deviations); the mouth is open by {metrics['opening']:.3f} +- "
        f"{metrics['opening_spread']:.3f} eye distances, r {metrics['opening_pitch_r']:.2f} with "
        "the nod"
    )


def make_split(params: PersonParams, found: Found, covered: np.ndarray) -> Split:
    """Over the frames that show the face, but those ``covered`` (N,) bool."""
    usable = usable_frames(found.valid, found.cuts, covered)
    return split_frames(usable, params[FramesParams].fps, params[SplitParams], found.cuts)


def fit(params: PersonParams, found: Found, split: Split) -> tuple[ShapeModel, Track, np.ndarray]:
    """The model of the training part, the track of all frames, and the frames (F,) learned from."""
    chosen, frames = params[GeometryParams], params[FramesParams]
    used = found.valid & found.seen & limit_training(found.valid, split, frames.max_count)
    fitted = np.flatnonzero(used[: split.training_end])
    if len(fitted) < MIN_TRAINING:
        raise LipsyncError(
            f"{params.video}: a face in only {len(fitted)} frames that may be trained on, of "
            f"{split.training_end} in the training part; at least {MIN_TRAINING} are needed: use a "
            "longer video that shows the face from the front"
        )
    model = fit_shape_model(found.points, fitted, chosen.n_components)
    smoothing = chosen.pose_smoothing
    track = fit_track(found.points, found.valid, model, frames.fps, smoothing, found.cuts)
    return model, track, fitted


def measure(model: ShapeModel, track: Track) -> dict[str, float]:
    """Means and standard deviations over the valid frames: degrees, and eye distances."""
    pitch, yaw, roll = track.angles[track.valid].T
    opening = model.opening(track.expression[track.valid])
    together = np.ptp(opening) > 0 and np.ptp(pitch) > 0
    figures = {
        "pitch_spread": pitch.std(),
        "yaw_spread": yaw.std(),
        "roll_spread": roll.std(),
        "opening": opening.mean(),
        "opening_spread": opening.std(),
        "opening_pitch_r": np.corrcoef(opening, pitch)[0, 1] if together else 0.0,
        "valid": track.valid.mean(),
    }
    return {name: round(float(value), DIGITS) for name, value in figures.items()}


if __name__ == "__main__":
    fit_geometry()
