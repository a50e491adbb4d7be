"""Follow the main face of a person's video and store its 468 points, with depth, for each frame."""

import json
import sys
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.faces.params import LandmarksParams
from lipsync.faces.recognition import recognition_of
from lipsync.faces.shots import shots_with_face
from lipsync.faces.storage import write_landmarks
from lipsync.faces.tracker import FaceTracker
from lipsync.files import atomic_path
from lipsync.media.reader import probe, read_frames
from lipsync.params import PersonParams
from lipsync.profiling.params import ProfileParams
from lipsync.progress import progress
from lipsync.stage import stage

MODELS = Path("models/face")
MIN_COVERAGE = 0.5  # share of frames with a face below which training makes no sense ...
MIN_SHOWN = 100  # ... unless shots with the face, between others without it, have so many frames


@stage
def detect_landmarks(params: PersonParams) -> None:
    frames = Path("data") / params.person / "frames.mp4"
    recognition = recognition_of(params[ProfileParams].face_recognition)
    tracker = FaceTracker(MODELS, params[LandmarksParams], recognition)
    pictures = progress(read_frames(frames), total=probe(frames).frames, desc="landmarks")
    landmarks = tracker.track(pictures)

    found = landmarks.score > 0
    coverage = float(found.mean())
    metrics = {
        "coverage": coverage,
        "interpolated": float((landmarks.valid & ~found).mean()),
        "left_out": float((~landmarks.valid).mean()),
        "several_faces": float((landmarks.faces > 1).mean()),
    }
    remedy = "use a video that shows one face from the front, well lit, most of the time"
    if not found.any():
        raise LipsyncError(f"{params.video}: no face in any of {len(found)} frames; {remedy}")
    shown = found & shots_with_face(found, landmarks.cuts)
    if coverage < MIN_COVERAGE and (not len(landmarks.cuts) or shown.sum() < MIN_SHOWN):
        raise LipsyncError(f"{params.video}: a face in only {coverage:.0%} of the frames; {remedy}")

    write_landmarks(Path("data") / params.person / "landmarks.npz", landmarks)
    with atomic_path(Path("metrics") / params.person / "landmarks.json") as path:
        path.write_text(json.dumps({k: round(v, 4) for k, v in metrics.items()}, indent=2) + "\n")
    print(
        f"a face in {coverage:.1%} of {len(found)} frames, {metrics['interpolated']:.1%} filled "
        f"between them, {metrics['left_out']:.1%} left out; {len(landmarks.cuts) + 1} shot(s)"
    )
    if landmarks.others.any():
        print(
            f"warning: {params.video}: in {landmarks.others.mean():.1%} of the frames the main "
            "person is not seen, but somebody else is; they are left out",
            file=sys.stderr,
        )
    if metrics["several_faces"]:
        print(
            f"warning: {params.video}: further faces of similar size in "
            f"{metrics['several_faces']:.1%} of the frames; the largest steady one is used",
            file=sys.stderr,
        )


if __name__ == "__main__":
    detect_landmarks()
