"""The timeline says what of a recording is used, and why the rest is not."""

from pathlib import Path

import numpy as np

from lipsync.faces.params import CropParams, LandmarksParams
from lipsync.media.params import FramesParams
from lipsync.media.video import VideoWriter
from lipsync.profiling.measure import Profile, make_profile
from lipsync.profiling.page import write_page
from lipsync.profiling.params import ProfileParams
from lipsync.profiling.report import as_json, table
from lipsync.profiling.timeline import REASONS, Timeline
from lipsync.profiling.video import read_video
from lipsync.training.params import SplitParams
from tests.faces.cuts import HEIGHT, WIDTH, card, somebody_else, walk

FPS = 25


def profile(video: Path, models: Path, pictures: list[np.ndarray]) -> Profile:
    with VideoWriter(video, WIDTH, HEIGHT, FPS, crf=16, preset="ultrafast") as writer:
        for picture in pictures:
            writer.write(picture)
    frames = FramesParams(fps=FPS)
    recording = read_video(video, models, frames, LandmarksParams(), CropParams())
    return make_profile(recording, ProfileParams(), CropParams().size, SplitParams())


def test_shots_and_what_is_not_used_are_told(face_models: Path, tmp_path: Path) -> None:
    pictures = [
        *card(20),
        *walk(60, 10),
        *walk(25, 200, somebody_else(), background=1),
        *walk(60, 100),
        *card(35),
    ]
    found = profile(tmp_path / "cut.mp4", face_models, pictures)
    timeline = found.timeline
    assert timeline.cuts.tolist() == [20, 80, 105, 165]
    assert timeline.stretches(0) == [(20, 80), (105, 165)]
    assert timeline.unused() == {"no face": 2.2, "other person": 1.0}
    assert timeline.split is not None
    assert timeline.split.validation_start == 165 - 24
    line = table(found).splitlines()[1]
    assert line == (
        "5 shots, cut at 0.8, 3.2, 4.2, 6.6 s; 60% of the frames usable; unused: no face 2.2 s "
        "(from 0.0, 6.6 s), other person 1.0 s (from 3.2 s)"
    )
    told = as_json(found)
    assert told["timeline"] == {
        "cuts": [20, 80, 105, 165],
        "usable": 0.6,
        "unused_seconds": {"no face": 2.2, "other person": 1.0},
        "unused": [
            {"reason": "no face", "frames": [0, 20]},
            {"reason": "no face", "frames": [165, 200]},
            {"reason": "other person", "frames": [80, 105]},
        ],
    }
    assert told["values"]["coverage"] == 1, "cards cost nothing"
    assert told["values"]["duration"] == 4.8
    assert told["values"]["cuts"] == 4
    write_page(tmp_path / "page.png", found)
    assert (tmp_path / "page.png").stat().st_size > 50_000


def test_what_training_would_refuse_is_said_first(face_models: Path, tmp_path: Path) -> None:
    for frames, words in (
        (50, "of which 50 show the face uncovered"),
        (70, "25 frames are left to train on after gap and held-out part; 40 are needed;"),
    ):
        pictures = [*walk(frames, 10), *card(50)]
        found = profile(tmp_path / "short.mp4", face_models, pictures)
        figure = next(figure for figure in found.figures if figure.key == "held_out")
        assert figure.verdict == "red"
        assert words in figure.advice
        assert found.timeline.split is None
    write_page(tmp_path / "page.png", found)


def test_one_take_is_one_shot() -> None:
    reason = np.zeros(100, np.int64)
    timeline = Timeline(FPS, np.zeros(0, np.int64), reason, None)
    assert timeline.text() == "1 shot; 100% of the frames usable"
    reason[10:15] = 1 + REASONS.index("covered")
    assert timeline.text().endswith(
        "; 95% of the frames usable; unused: covered 0.2 s (from 0.4 s)"
    )
