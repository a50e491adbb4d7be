"""A first look at a video: single frames, evenly spread, so that a report is there in seconds.

The whole profile decodes and measures every frame. This one takes, for each of COUNT times, the
key frame before it, which is decoded without its neighbours. It judges what single frames can tell
(`measure.figures_of_frames`) and the audio; cuts, flicker, mouth and offset need all frames.
A short video, of which the whole profile is there as soon, has too few key frames for it.
"""

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from av.error import FFmpegError

from lipsync.faces.crop import crop_boxes
from lipsync.faces.detector import FaceDetector
from lipsync.faces.landmarks import POINTS, eye_distance, mouth_opening
from lipsync.faces.mesh import FaceMesh, Region
from lipsync.faces.models import verify
from lipsync.faces.params import CropParams, LandmarksParams
from lipsync.faces.tracker import SIMILAR
from lipsync.files import atomic_path
from lipsync.media.audio import SAMPLE_RATE, audio_blocks
from lipsync.media.colours import to_rgb
from lipsync.media.container import open_input, video_stream
from lipsync.media.display import displayed
from lipsync.media.params import FramesParams
from lipsync.media.resample import Upright
from lipsync.media.video import probe
from lipsync.profiling import sound_figures
from lipsync.profiling.measure import Profile, figures_of_frames, look_closely
from lipsync.profiling.params import ProfileParams
from lipsync.profiling.pose import head_angles
from lipsync.profiling.recording import Recording
from lipsync.profiling.sampled_frames import SampledFrames
from lipsync.profiling.sound import listen
from lipsync.profiling.timeline import REASONS, Timeline

COUNT = 48  # frames
LEAST = 8  # key frames
AUDIO = 120.0  # seconds of audio that are heard, from the beginning
STRIP, HEIGHT = 12, 96  # frames of the strip of thumbnails, and pixels of its height


def look_first(
    video: Path,
    models: Path,
    frames: FramesParams,
    landmarks: LandmarksParams,
    crop: CropParams,
    chosen: ProfileParams,
) -> Profile | None:
    """A provisional profile by some of the frames; None if there are too few key frames.

    Args:
        models: folder of the face models
        frames: as stage extract_frames takes them

    Raises LipsyncError if the video is missing or unreadable, or the face models are missing.
    """
    verify(models)
    info, sampled = probe(video), SampledFrames()
    detector, mesh = FaceDetector(models), FaceMesh(models)
    found, width, height = [], 0, 0
    for frame in _key_frames(video, info.seconds):
        sampled.see(frame)
        width, height = frame.width, frame.height
        found.append(_faces(to_rgb(frame), detector, mesh, landmarks.min_score))
    if len(found) < LEAST:
        return None
    points, several = _main_faces(found)
    seen = np.isfinite(points).all(axis=(1, 2))
    rate = len(seen) / info.seconds
    boxes = np.full((len(seen), 4), np.nan, np.float32)
    if seen.any():
        boxes = crop_boxes(points, seen, width, height, rate, crop.smoothing)
    nobody = np.zeros(len(seen), bool)
    recording = Recording(
        video.stem,
        info,
        rate,
        width,
        height,
        points,
        seen,
        boxes,
        several,
        np.zeros(0, np.int64),
        nobody,
        nobody,
        _audio(video, frames) if info.has_sound else None,
        None,
        sampled,
    )
    angles, samples = head_angles(points), look_closely(recording)
    sound = None if recording.sound is None else listen(recording.sound)
    figures = figures_of_frames(recording, frames.fps, angles, samples, chosen, crop.size)
    figures += sound_figures.of_sound(sound, chosen, info.unknown_sound)
    reason = np.where(seen, 0, 1 + REASONS.index("no face"))
    timeline = Timeline(rate, recording.cuts, reason, None)
    opening = mouth_opening(points)
    return Profile(recording, figures, angles, opening, sound, samples, None, timeline)


def write_strip(path: Path, profile: Profile) -> None:
    """Up to STRIP of the frames side by side, as a JPEG."""
    kept = list(profile.recording.sampled.kept.values())
    places = np.linspace(0, len(kept) - 1, min(STRIP, len(kept))).round().astype(int)
    strip = [_thumbnail(to_rgb(kept[place])) for place in places]
    with atomic_path(path) as temporary:
        picture = cv2.cvtColor(np.concatenate(strip, axis=1), cv2.COLOR_RGB2BGR)
        encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
        temporary.write_bytes(encoded.tobytes())


def _thumbnail(rgb: np.ndarray) -> np.ndarray:
    width = max(1, round(rgb.shape[1] * HEIGHT / rgb.shape[0]))
    return cv2.resize(rgb, (width, HEIGHT), interpolation=cv2.INTER_AREA)


def _key_frames(video: Path, seconds: float) -> Iterator[av.VideoFrame]:
    """The key frames before COUNT evenly spread times, each once."""
    with open_input(video) as container:
        stream = video_stream(container, video)
        stream.thread_type = "SLICE"  # threads by frame would decode what follows, too
        unit, begin = stream.time_base, stream.start_time or 0
        last, upright = None, None
        for time in (np.arange(COUNT) + 0.5) / COUNT * seconds:
            try:
                container.seek(begin + round(float(time) / float(unit or 1)), stream=stream)
                frame = next(iter(container.decode(stream)), None)
            except (FFmpegError, OSError, ValueError):
                continue  # damage is told by whoever reads all of it
            if frame is None or frame.pts == last:
                continue
            last = frame.pts
            shown = next(displayed([frame], stream, container.name), frame)
            upright = upright or Upright(shown, str(video))
            yield upright(shown)


def _faces(
    rgb: np.ndarray, detector: FaceDetector, mesh: FaceMesh, least: float
) -> list[np.ndarray]:
    """Points (468, 3) of each face in a frame (H, W, 3), the largest first."""
    found = []
    for face in detector.detect(rgb):
        points, _ = mesh.points(rgb, Region.of_detection(face))
        points, score = mesh.points(rgb, Region.of_points(points))
        if score >= least:
            found.append(points)
    return sorted(found, key=lambda points: -float(eye_distance(points[None])[0]))


def _main_faces(found: list[list[np.ndarray]]) -> tuple[np.ndarray, float]:
    """The largest face of each frame, (N, 468, 3), NaN where there is none; share with several.

    A second face counts from half of the size of the first, as in ``faces.tracker``.
    """
    points = np.full((len(found), POINTS, 3), np.nan, np.float32)
    several = 0
    for place, faces in enumerate(found):
        if faces:
            points[place] = faces[0]
            sizes = eye_distance(np.stack(faces))
            several += bool((sizes[1:] * SIMILAR > sizes[0]).any())
    return points, several / max(1, len(found))


def _audio(video: Path, frames: FramesParams) -> np.ndarray:
    """The beginning of the audio, (n,) float32 at 16 kHz."""
    blocks, count = [np.zeros(0, np.float32)], 0
    track, max_hole = frames.audio_track, frames.max_hole
    for block in audio_blocks(video, SAMPLE_RATE, track=track, max_hole=max_hole):
        blocks.append(block)
        count += len(block)
        if count >= AUDIO * SAMPLE_RATE:
            break
    return np.concatenate(blocks)
