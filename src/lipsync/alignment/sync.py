"""``lipsync sync``: whether audio and lips of any video are in step, of a render too."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lipsync.alignment.face import fit_face
from lipsync.alignment.offset import LEAST_SECONDS, Offset, measure_offset
from lipsync.alignment.prediction import FPS, filmed_opening, load_base, predict_opening
from lipsync.alignment.report import DPI, draw_curve, milliseconds
from lipsync.errors import LipsyncError
from lipsync.faces.models import verify
from lipsync.faces.params import LandmarksParams
from lipsync.faces.tracker import FaceTracker
from lipsync.files import atomic_path
from lipsync.media.audio import SAMPLE_RATE, audio_blocks, exactly
from lipsync.media.clock import sample_count
from lipsync.media.colours import to_rgb
from lipsync.media.container import open_input
from lipsync.media.listening import choose_track
from lipsync.media.params import FramesParams
from lipsync.media.video import probe
from lipsync.profiling.sampled_frames import open_upstream
from lipsync.progress import progress
from lipsync.speech.mel import COLUMNS

SHOWN = 20.0  # seconds of the two openings in the plot


@dataclass(frozen=True)
class VideoSync:
    """How audio and lips of a video agree.

    Attributes:
        measured: of the video; ``measured.seconds`` is known
        predicted: (COLUMNS * N,) opening that its audio predicts
        filmed: (N,) opening in its pictures, at 25 fps, eye distances; NaN without a face
    """

    measured: Offset
    predicted: np.ndarray
    filmed: np.ndarray


def measure_video(
    video: Path, models: Path, base: Path, frames: FramesParams | None = None
) -> VideoSync:
    """Decode a video, follow its face, and compare its lips with its audio; nothing is written.

    Args:
        models: folder of the face models
        base: file of the base of motion
        frames: whose audio_track and max_hole hold; their defaults if left out

    Raises LipsyncError if the video is missing, unreadable, has no audio or face, or is too short;
    or if the face models or the base are missing.
    """
    verify(models)
    known, info, frames = load_base(base), probe(video), frames or FramesParams()
    track, max_hole = frames.audio_track, frames.max_hole
    with open_input(video) as container:
        choose_track(container, video, track)  # refuse before the work
    if info.seconds and info.seconds < LEAST_SECONDS:
        raise LipsyncError(
            f"{video}: {info.seconds:.1f} s is too short; give at least {LEAST_SECONDS:.0f} s"
        )
    with open_upstream(video, FPS, max_hole) as upstream:
        pictures = map(to_rgb, upstream.frames)
        tracker = FaceTracker(models, LandmarksParams())
        found = tracker.track(progress(pictures, total=round(info.seconds * FPS), desc="sync"))
        origin = upstream.origin
    if not found.valid.any():
        raise LipsyncError(f"{video}: shows no face; give a video of one speaking face")
    face = fit_face(found, FPS)
    if face is None:
        raise LipsyncError(
            f"{video}: a face in only {(found.score > 0).sum() / FPS:.1f} s; at least "
            f"{LEAST_SECONDS:.0f} s are needed"
        )
    samples = sample_count(len(found.points), FPS, SAMPLE_RATE)
    blocks = audio_blocks(video, SAMPLE_RATE, start=origin, track=track, max_hole=max_hole)
    audio = np.concatenate([np.zeros(0, np.float32), *exactly(blocks, samples)])
    filmed = filmed_opening(*face, FPS)
    predicted = predict_opening(known, audio, len(filmed))
    return VideoSync(measure_offset(predicted, filmed, FPS, COLUMNS), predicted, filmed)


def verdict(measured: Offset) -> str:
    """What was measured, in words."""
    if measured.doubt or measured.seconds is None:
        return f"cannot be told: {measured.doubt}"
    side = "ahead of" if measured.seconds > 0 else "behind"
    apart = f"the audio is {abs(measured.seconds) * 1e3:.0f} ms {side} the picture"
    if measured.excludes(1 / FPS):
        return f"out of step: {apart}"
    if abs(measured.seconds) > 1 / FPS:
        return f"perhaps out of step by more than a frame: {apart}"
    return "in step to a frame"


def as_json(measured: Offset) -> dict[str, Any]:
    """For machines. Milliseconds, frames of 25 fps, correlations; positive is audio ahead."""
    assert measured.seconds is not None

    def rounded(values: tuple[float, float]) -> list[float]:
        return [round(value, 3) for value in values]

    return {
        "offset_ms": milliseconds(measured.seconds),
        "offset_interval_ms": [milliseconds(measured.low), milliseconds(measured.high)],
        "offset_frames": round(measured.seconds * FPS, 2),
        "score": round(measured.correlation, 3),
        "score_interval": rounded(measured.correlation_interval),
        "score_as_it_is": round(measured.as_it_is, 3),
        "score_as_it_is_interval": rounded(measured.as_it_is_interval),
        "chance": round(measured.chance, 3),
        "certain": not measured.doubt,
        "verdict": verdict(measured),
    }


def as_text(measured: Offset) -> str:
    """For people."""
    found = as_json(measured)
    low, high = found["offset_interval_ms"]

    def score(key: str) -> str:
        worst, best = found[f"{key}_interval"]
        return f"{found[key]:.2f} (95 % interval {worst:.2f} to {best:.2f})"

    return "\n".join(
        (
            found["verdict"],
            f"audio ahead of the picture: {found['offset_ms']} ms (95 % interval {low} to {high}), "
            f"{found['offset_frames']:.1f} frames of {FPS:.0f} fps; negative is behind",
            f"score at that offset: {score('score')}; by chance up to {found['chance']:.2f}",
            f"score as it is: {score('score_as_it_is')}",
        )
    )


def write_plot(path: Path, title: str, found: VideoSync) -> None:
    """A PNG of the correlation over lags, and of the two openings over time."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6.4), layout="constrained")
    curve, openings = figure.subplots(2)
    draw_curve(curve, found.measured)
    curve.set_title(f"{title}: {verdict(found.measured)}", fontsize="medium", wrap=True)
    frames = min(len(found.filmed), round(SHOWN * FPS))
    time = (np.arange(frames) + 0.5) / FPS
    filmed = found.filmed[:frames]
    openings.plot(time, filmed, color="#222222", label="filmed")
    predicted = _scaled(found.predicted[::COLUMNS], found.filmed)[:frames]
    openings.plot(time, predicted, color="#cc3311", label="predicted from the audio, as wide")
    openings.set(xlabel="seconds", ylabel="opening, eye distances")
    openings.grid(alpha=0.3)
    openings.legend(loc="upper right", fontsize="small")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DPI)


def _scaled(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Values (N,) with the mean and deviation of ``like``."""
    deviation = values.std()
    away = (values - values.mean()) / deviation if deviation > 0 else np.zeros_like(values)
    return np.nanmean(like) + np.nanstd(like) * away


def sync(
    video: Path,
    models: Path,
    base: Path,
    out: Path | None,
    machine: bool,
    frames: FramesParams | None = None,
) -> str:
    """Measure a video and write the plot; returns what is to be printed.

    Args:
        out: the plot; None is the video's name with ``-sync.png``, in the current folder
        machine: whether JSON is wanted
        frames: as of ``measure_video``

    Raises LipsyncError as ``measure_video`` does, or where the plot cannot be written.
    """
    out = Path(f"{video.stem}-sync.png") if out is None else out
    if out.suffix.lower() != ".png":
        raise LipsyncError(f"--out {out}: should end in .png")
    found = measure_video(video, models, base, frames)
    write_plot(out, video.name, found)
    if machine:
        return json.dumps(as_json(found.measured), indent=2, ensure_ascii=False) + "\n"
    return f"{video}: {as_text(found.measured)}\n{out}\n"
