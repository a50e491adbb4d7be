"""All that a profile is made of, from a person's files; ``video`` makes it of a video alone."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.faces.storage import read_boxes, read_crops, read_landmarks, read_shots
from lipsync.geometry.storage import read_geometry
from lipsync.media.audio import read_audio
from lipsync.media.video import FrameReader, VideoInfo, probe
from lipsync.profiling.sampled_frames import SampledFrames
from lipsync.progress import progress
from lipsync.retrieval.material import study_faces


@dataclass(frozen=True)
class Timing:
    """metrics/<p>/offset.json: milliseconds by which the audio is ahead; None where unknown.

    Attributes:
        doubt: why it is not trusted
    """

    measured_ms: float | None
    low_ms: float | None
    high_ms: float | None
    trusted: bool
    applied_ms: float
    doubt: str


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
        cuts: (C,) frames at which a shot begins
        others: (N,) bool, somebody else is seen and not this person
        covered: (N,) bool, something covers the mouth
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
    cuts: np.ndarray
    others: np.ndarray
    covered: np.ndarray
    sound: np.ndarray | None
    timing: Timing | None
    sampled: SampledFrames

    @property
    def seconds(self) -> float:
        return len(self.points) / self.fps


def read_person(person: str, video: Path) -> Recording:
    """From what the stages from extract_frames to align_audio made of ``video``.

    Raises LipsyncError if a file is missing, damaged, or of another run than the others.
    """
    data, metrics = Path("data") / person, Path("metrics") / person
    points, _, seen = read_landmarks(data / "landmarks.npz")
    cuts, others = read_shots(data / "landmarks.npz")
    boxes, _ = read_boxes(data / "faces.npz")
    shape, track = read_geometry(data / "geometry.npz")
    offset = _read_json(metrics / "offset.json")
    several = _read_json(metrics / "landmarks.json")["several_faces"]
    sampled = SampledFrames()
    with FrameReader(data / "frames.mp4") as film:
        if not len(film) == len(points) == len(boxes):
            raise LipsyncError(
                f"{data / 'frames.mp4'}: {len(film)} pictures, but landmarks of {len(points)} and "
                f"boxes of {len(boxes)}; run `dvc repro`"
            )
        for number in progress(range(len(film)), desc="profile"):
            sampled.see(film.frame(number))
        fps, width, height = float(film.fps), film.width, film.height
    crops = read_crops(data / "faces.npz")
    _, covered = study_faces(crops, boxes, shape, track, fps, cuts)
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
        cuts,
        others,
        covered,
        read_audio(data / "speech.wav"),
        timing,
        sampled,
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise LipsyncError(f"{path}: no such file; run `dvc repro`") from None
    except ValueError as error:
        raise LipsyncError(f"{path}: damaged: {error}; run `dvc repro`") from None
