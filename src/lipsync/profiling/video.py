"""A recording from a video as it comes, which is no person's."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from lipsync.alignment.face import fit_face
from lipsync.alignment.offset import LEAST_SECONDS
from lipsync.alignment.prediction import BASE, load_base, measure_recording, remedy
from lipsync.alignment.report import milliseconds
from lipsync.faces.crop import crop_boxes
from lipsync.faces.models import verify
from lipsync.faces.params import CropParams, LandmarksParams
from lipsync.faces.recognition import FaceRecognition
from lipsync.faces.shots import shot_numbers
from lipsync.faces.tracker import FaceTracker, Landmarks
from lipsync.geometry.model import ShapeModel, Track
from lipsync.media.audio import SAMPLE_RATE, audio_blocks, exactly
from lipsync.media.clock import sample_count
from lipsync.media.colours import to_rgb
from lipsync.media.container import open_input
from lipsync.media.listening import choose_track
from lipsync.media.params import FramesParams
from lipsync.media.video import probe
from lipsync.profiling.recording import Recording, Timing
from lipsync.profiling.sampled_frames import SampledFrames, open_upstream
from lipsync.progress import progress
from lipsync.retrieval.occlusion import find_covered, mouth_vertices, whole_passages
from lipsync.retrieval.target import STILL_SKIN


def read_video(
    video: Path,
    models: Path,
    frames: FramesParams,
    landmarks: LandmarksParams,
    crop: CropParams,
    base: Path = BASE,
    recognition: FaceRecognition | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Recording:
    """From a video alone, decoded once; nothing is written.

    Args:
        models: folder of the face models
        frames, landmarks, crop: as the stages of the pipeline take them
        base: of motion; where it is missing, the offset of the audio is not measured
        recognition: tells people apart, if given
        on_progress: called with the number of frames read, and of all as far as is known

    Raises LipsyncError if the video is missing or unreadable, or the face models are missing.
    """
    verify(models)
    info, sampled, tracker = (
        probe(video),
        SampledFrames(),
        FaceTracker(models, landmarks, recognition),
    )
    fps, track, max_hole = frames.fps, frames.audio_track, frames.max_hole
    if info.has_sound:
        with open_input(video) as container:
            choose_track(container, video, track)  # refuse before the work
    with open_upstream(video, fps, max_hole) as upstream:
        total = round(info.seconds * fps)

        def pictures() -> Iterator[np.ndarray]:
            for number, frame in enumerate(upstream.frames):
                if on_progress is not None:
                    on_progress(number, total)
                sampled.see(frame)
                yield to_rgb(frame)

        found = tracker.track(progress(pictures(), total=total, desc="profile"))
        origin, width, height = upstream.origin, upstream.width, upstream.height
    count = len(found.points)
    boxes = np.full((count, 4), np.nan, np.float32)
    if found.valid.any():
        size = (width, height)
        boxes = crop_boxes(found.points, found.valid, *size, fps, crop.smoothing, found.cuts)
    face = fit_face(found, fps)
    audio, timing = None, None
    if info.has_sound:
        blocks = audio_blocks(video, SAMPLE_RATE, start=origin, track=track, max_hole=max_hole)
        samples = sample_count(count, fps, SAMPLE_RATE)
        audio = np.concatenate([np.zeros(0, np.float32), *exactly(blocks, samples)])
        timing = _timing(audio, face, fps, base)
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
        found.cuts,
        found.others,
        _covered(found, face, fps),
        audio,
        timing,
        sampled,
    )


def _covered(found: Landmarks, face: tuple[ShapeModel, Track] | None, fps: float) -> np.ndarray:
    """(N,) bool, as of ``retrieval.material.study_faces``, by colours that the tracker read."""
    covered, seen = np.zeros(len(found.points), bool), np.flatnonzero(found.score > 0)
    if face is None or found.colours is None:
        return covered
    colours = found.colours[seen].astype(np.float32)
    light = colours[:, list(STILL_SKIN)].mean(axis=1)
    shots = shot_numbers(seen, found.cuts)
    covered[seen] = find_covered(colours[:, mouth_vertices(face[0])], light, shots)
    return whole_passages(covered, fps) & found.valid


def _timing(
    audio: np.ndarray, face: tuple[ShapeModel, Track] | None, fps: float, base: Path
) -> Timing:
    """As stage align_audio measures it."""
    if not base.is_file():
        return _unknown(f"{base.as_posix()} is missing: {remedy(base)}")
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
