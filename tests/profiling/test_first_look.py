"""The first look at a video says in seconds what the whole profile says later."""

import json

import cv2
import numpy as np
import pytest

from lipsync.faces.params import CropParams, LandmarksParams
from lipsync.media.audio import SAMPLE_RATE
from lipsync.media.params import FramesParams
from lipsync.media.video import VideoWriter
from lipsync.profiling.first_look import STRIP, look_first, write_strip
from lipsync.profiling.params import ProfileParams
from lipsync.profiling.report import write_profile
from lipsync.profiling.run import judge_video, look_at_video
from tests.project import shorten


@pytest.fixture(scope="module")
def video(root, tmp_path_factory):
    path = tmp_path_factory.mktemp("profile") / "sample.mp4"
    shorten(root / "data/videos/sample.mp4", path)
    return path


def test_some_frames_tell_what_all_frames_tell(root, face_models, tmp_path):
    video = root / "data/videos/sample.mp4"
    whole = judge_video(video, face_models, root / "params.yaml")
    first = look_at_video(video, face_models, root / "params.yaml")
    assert first is not None
    assert len(first.recording.points) < len(whole.recording.points) / 5
    told = {figure.key: figure for figure in first.figures}
    for figure in whole.figures:
        if figure.key in told and figure.key != "duration":  # a card at an end has no face
            assert told[figure.key].verdict == figure.verdict, figure.key
    assert {"face_size", "coverage", "yaw", "sharpness", "brightness", "speech"} <= told.keys()
    assert not {"cuts", "flicker", "mouth_range", "audio_offset", "held_out"} & told.keys()
    size = next(figure.value for figure in whole.figures if figure.key == "face_size")
    assert told["face_size"].value == pytest.approx(size, rel=0.05)
    write_profile(tmp_path / "first_look.json", first)
    written = json.loads((tmp_path / "first_look.json").read_text())
    assert written["picture"]["frames"] == len(first.recording.points)
    write_strip(tmp_path / "strip.jpg", first)
    strip = cv2.imread(str(tmp_path / "strip.jpg"))
    shown = min(STRIP, len(first.recording.points))
    aspect = first.recording.width / first.recording.height
    assert strip.shape[1] / strip.shape[0] == pytest.approx(shown * aspect, rel=0.02)


def test_a_video_without_a_face_is_red_and_one_with_few_key_frames_waits(face_models, tmp_path):
    def written(seconds: int):
        path = tmp_path / f"{seconds}.mp4"
        sound = (np.zeros(seconds * SAMPLE_RATE, np.float32), SAMPLE_RATE)
        with VideoWriter(path, 320, 240, 25, sound=sound) as writer:
            for level in range(seconds * 25):
                writer.write(np.full((240, 320, 3), 90 + level % 2, np.uint8))
        sections = FramesParams(), LandmarksParams(), CropParams(), ProfileParams()
        return look_first(path, face_models, *sections)

    assert written(3) is None, "three key frames"
    found = written(12)
    verdicts = {figure.key: figure.verdict for figure in found.figures}
    assert verdicts["face_size"] == verdicts["coverage"] == verdicts["speech"] == "red"
    assert found.timeline.unused() == {"no face": pytest.approx(12)}


def test_how_far_the_whole_profile_is_is_told(video, face_models, root):
    calls = []
    judge_video(
        video,
        face_models,
        root / "params.yaml",
        on_progress=lambda *call: calls.append(call),
    )
    assert calls == [(done, 175) for done in range(175)]
