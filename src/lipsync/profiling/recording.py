"""All that a profile is made of, from a person's files or from a video as it comes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from lipsync.alignment.offset import measure_offset
from lipsync.alignment.signals import lip_movement, sound_columns
from lipsync.errors import LipsyncError
from lipsync.faces.crop import crop_boxes, points_in_crop
from lipsync.faces.landmarks import LIPS
from lipsync.faces.models import verify
from lipsync.faces.params import CropParams, LandmarksParams
from lipsync.faces.storage import read_landmarks
from lipsync.faces.tracker import FaceTracker
from lipsync.media.audio import SAMPLE_RATE, audio_blocks, exactly, read_audio
from lipsync.media.clock import sample_count
from lipsync.media.colours import to_rgb
from lipsync.media.video import FrameReader, VideoInfo, probe
from lipsync.profiling.glances import Glances, open_upstream
from lipsync.progress import progress


@dataclass(frozen=True)
class Timing:
    """metrics/<p>/offset.json: milliseconds by which the sound is ahead; None where unknown."""

    measured_ms: float | None
    low_ms: float | None
    high_ms: float | None
    trusted: bool
    applied_ms: float


@dataclass(frozen=True)
class Recording:
    """N frames at ``fps``, ``width`` x ``height`` pixels, and their sound.

    Attributes:
        name: of the person or file
        source: the file that was recorded
        points: (N, 468, 3) float32 pixels with depth, NaN where no face is known
        seen: (N,) bool; a face was found, not filled in between others
        boxes: (N, 4) float32 of the crops, NaN where there is no face at all
        several_faces: share of frames with further faces of similar size
        sound: (n,) float32 -1..1 at 16 kHz on the pictures' clock; None where there is none
        timing: of ``sound`` as recorded; None without sound
    """

    name: str
    source: VideoInfo
    fps: float
    width: int
    height: int
    points: np.ndarray
    seen: np.ndarray
    boxes: np.ndarray
    several_faces: float
    sound: np.ndarray | None
    timing: Timing | None
    glances: Glances

    @property
    def seconds(self) -> float:
        return len(self.points) / self.fps


def read_person(person: str, video: Path) -> Recording:
    """From what extract_frames, detect_landmarks, crop_faces and align_audio made of ``video``.

    Raises LipsyncError if a file is missing, damaged, or of another run than the others.
    """
    data, metrics = Path("data") / person, Path("metrics") / person
    points, _, seen = read_landmarks(data / "landmarks.npz")
    boxes = _read_boxes(data / "faces.npz")
    offset = _read_json(metrics / "offset.json")
    several = _read_json(metrics / "landmarks.json")["several_faces"]
    glances = Glances()
    with FrameReader(data / "frames.mp4") as film:
        if not len(film) == len(points) == len(boxes):
            raise LipsyncError(
                f"{data / 'frames.mp4'}: {len(film)} pictures, but landmarks of {len(points)} and "
                f"boxes of {len(boxes)}; run `dvc repro`"
            )
        for number in progress(range(len(film)), desc="profile"):
            glances.see(film.frame(number))
        fps, width, height = float(film.fps), film.width, film.height
    timing = Timing(**{key: offset[key] for key in Timing.__annotations__})
    return Recording(
        person,
        probe(video),
        fps,
        width,
        height,
        points,
        seen,
        boxes,
        several,
        read_audio(data / "speech.wav"),
        timing,
        glances,
    )


def read_video(
    video: Path, models: Path, fps: float, landmarks: LandmarksParams, crop: CropParams
) -> Recording:
    """From a video alone, decoded once; nothing is written.

    Args:
        models: folder of the face models
        fps, landmarks, crop: as the stages of the pipeline take them

    Raises LipsyncError if it is missing or unreadable, or the face models are missing.
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
    sound, timing = None, None
    seen = found.score > 0
    if info.has_sound:
        blocks = audio_blocks(video, SAMPLE_RATE, start=origin)
        samples = sample_count(frames, fps, SAMPLE_RATE)
        sound = np.concatenate([np.zeros(0, np.float32), *exactly(blocks, samples)])
        timing = _timing(sound, found.points, seen, boxes, crop.size, fps)
    return Recording(
        video.stem,
        info,
        fps,
        width,
        height,
        found.points,
        seen,
        boxes,
        float((found.faces > 1).mean()),
        sound,
        timing,
        glances,
    )


def _timing(
    sound: np.ndarray,
    points: np.ndarray,
    seen: np.ndarray,
    boxes: np.ndarray,
    size: int,
    fps: float,
) -> Timing:
    """As stage align_audio measures it."""
    lips = points_in_crop(points, boxes, size)[:, LIPS].astype(np.float32)
    lips[~seen] = np.nan
    measured = measure_offset(sound_columns(sound, len(lips), fps), lip_movement(lips), fps)

    def milliseconds(time: float | None) -> float | None:
        return None if time is None else float(round(time * 1e3))

    return Timing(
        milliseconds(measured.seconds),
        milliseconds(measured.low),
        milliseconds(measured.high),
        trusted=not measured.doubt,
        applied_ms=0.0,
    )


def _read_boxes(path: Path) -> np.ndarray:
    try:
        with np.load(path) as faces:
            return np.asarray(faces["boxes"])
    except FileNotFoundError:
        raise LipsyncError(f"{path}: no such file; run `dvc repro`") from None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise LipsyncError(f"{path}: damaged: {error}; run `dvc repro`") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise LipsyncError(f"{path}: no such file; run `dvc repro`") from None
    except ValueError as error:
        raise LipsyncError(f"{path}: damaged: {error}; run `dvc repro`") from None
