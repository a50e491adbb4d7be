"""A recording from a video as it comes, which is no person's."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lipsync.alignment.face import fit_face
from lipsync.alignment.offset import LEAST_SECONDS
from lipsync.alignment.prediction import BASE, load_base, measure_recording, remedy
from lipsync.alignment.report import milliseconds
from lipsync.faces.crop import crop_boxes
from lipsync.faces.models import verify
from lipsync.faces.params import CropParams, LandmarksParams
from lipsync.faces.tracker import FaceTracker, Landmarks
from lipsync.media.audio import SAMPLE_RATE, audio_blocks, exactly
from lipsync.media.clock import sample_count
from lipsync.media.colours import to_rgb
from lipsync.media.video import probe
from lipsync.profiling.glances import Glances, open_upstream
from lipsync.profiling.recording import Recording, Timing
from lipsync.progress import progress


def read_video(
    video: Path,
    models: Path,
    fps: float,
    landmarks: LandmarksParams,
    crop: CropParams,
    base: Path = BASE,
) -> Recording:
    """From a video alone, decoded once; nothing is written.

    Args:
        models: folder of the face models
        fps, landmarks, crop: as the stages of the pipeline take them
        base: of motion; where it is missing, the offset of the audio is not measured

    Raises LipsyncError if the video is missing or unreadable, or the face models are missing.
    """
    verify(models)
    info, glances, tracker = probe(video), Glances(), FaceTracker(models, landmarks)
    with open_upstream(video, fps) as upstream:

        def pictures() -> Iterator[np.ndarray]:
            for frame in upstream.frames:
                glances.see(frame)
                yield to_rgb(frame)

        found = tracker.track(progress(pictures(), total=round(info.seconds * fps), desc="profile"))
        origin, width, height = upstream.origin, upstream.width, upstream.height
    frames = len(found.points)
    boxes = np.full((frames, 4), np.nan, np.float32)
    if found.valid.any():
        boxes = crop_boxes(found.points, found.valid, width, height, fps, crop.smoothing)
    audio, timing = None, None
    if info.has_sound:
        blocks = audio_blocks(video, SAMPLE_RATE, start=origin)
        samples = sample_count(frames, fps, SAMPLE_RATE)
        audio = np.concatenate([np.zeros(0, np.float32), *exactly(blocks, samples)])
        timing = _timing(audio, found, fps, base)
    return Recording(
        video.stem,
        info,
        fps,
        width,
        height,
        found.points,
        found.score > 0,
        boxes,
        float((found.faces > 1).mean()),
        audio,
        timing,
        glances,
    )


def _timing(audio: np.ndarray, found: Landmarks, fps: float, base: Path) -> Timing:
    """As stage align_audio measures it."""
    if not base.is_file():
        return _unknown(f"{base.as_posix()} is missing: {remedy(base)}")
    face = fit_face(found, fps)
    if face is None:
        return _unknown(f"a face in less than {LEAST_SECONDS:.0f} s")
    measured = measure_recording(load_base(base), audio, *face, fps)
    return Timing(
        milliseconds(measured.seconds),
        milliseconds(measured.low),
        milliseconds(measured.high),
        trusted=not measured.doubt,
        applied_ms=0,
        doubt=measured.doubt,
    )


def _unknown(doubt: str) -> Timing:
    return Timing(None, None, None, trusted=False, applied_ms=0, doubt=doubt)
