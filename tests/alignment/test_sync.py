"""``lipsync sync``: of made-up measurements, of what is no talking head, and of real clips."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from lipsync.alignment.correction import delay
from lipsync.alignment.offset import Offset, measure_offset
from lipsync.alignment.prediction import FPS, load_base, predict_opening
from lipsync.alignment.sync import VideoSync, as_json, as_text, measure_video, verdict, write_plot
from lipsync.media.audio import SAMPLE_RATE, read_audio
from lipsync.media.params import FramesParams
from lipsync.media.video import VideoWriter
from lipsync.speech.mel import COLUMNS
from tests.alignment.recording import real_base, tiny_base, voice, write_base
from tests.alignment.test_offset import STEPS, openings
from tests.media.files import write_file
from tests.project import shorten

SHIFT = 5  # frames


@pytest.fixture(scope="module")
def base(root: Path) -> Path:
    return real_base(root)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a base of weights by chance."""
    path = tmp_path_factory.mktemp("base") / "motion.safetensors"
    write_base(path, tiny_base())
    return path


def lipsync(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    code = f"from lipsync.cli import app; app({list(map(str, arguments))!r})"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd)


def grey(path: Path, seconds: float, audio: np.ndarray | None) -> Path:
    """A video that shows nothing."""
    sound = None if audio is None else (audio, SAMPLE_RATE)
    with VideoWriter(path, 320, 240, 25, sound=sound) as writer:
        for level in range(round(seconds * 25)):
            writer.write(np.full((240, 320, 3), 90 + level % 2, np.uint8))
    return path


def shifted(found: VideoSync, frames: int) -> Offset:
    """Measured again with the audio so many frames later."""
    moved = np.roll(found.predicted, frames * COLUMNS)
    return measure_offset(moved, found.filmed, FPS, COLUMNS)


def test_words_numbers_and_plot_say_the_same(tmp_path):
    predicted, filmed = openings(12)
    found = VideoSync(measure_offset(predicted, filmed, FPS, STEPS), predicted, filmed)
    assert verdict(found.measured).startswith("out of step: the audio is 1")
    assert verdict(found.measured).endswith(" ms behind the picture")
    numbers = as_json(found.measured)
    assert numbers["offset_ms"] == pytest.approx(-120, abs=8)
    assert numbers["offset_frames"] == pytest.approx(-3, abs=0.2)
    assert numbers["certain"] is True
    assert numbers["score_as_it_is"] < numbers["score"]
    text = as_text(found.measured)
    assert f"{numbers['offset_ms']} ms" in text
    assert f"score at that offset: {numbers['score']:.2f}" in text
    write_plot(tmp_path / "plot.png", "a.mp4", found)
    assert (tmp_path / "plot.png").stat().st_size > 20_000


def test_a_verdict_is_no_surer_than_the_interval():
    measured = measure_offset(*openings(0), FPS, STEPS)
    assert verdict(measured) == "in step to a frame"
    wide = replace(measured, seconds=0.05, low=0.01, high=0.09)
    assert verdict(wide).startswith("perhaps out of step")
    assert verdict(replace(wide, doubt="too short")) == "cannot be told: too short"


def test_what_cannot_be_measured_is_one_line(face_models, tiny, tmp_path):
    options = ("--models", face_models, "--base", tiny)
    audio = voice(4.4)
    unknown = write_file(tmp_path / "unknown.mov", count=125, audio="pcm_s16le")
    unknown.write_bytes(unknown.read_bytes().replace(b"sowt", b"apac", 1))
    wanted = {
        grey(tmp_path / "mute.mp4", 1, None): "mute.mp4: has no audio track; record the video",
        grey(tmp_path / "short.mp4", 2, audio[: 2 * SAMPLE_RATE]): "short.mp4: 2.0 s is too short",
        grey(tmp_path / "grey.mp4", 4.4, audio): "grey.mp4: shows no face; give a video of one",
        unknown: "unknown.mov: its audio is in a codec that is not known here; convert it to mp4",
        tmp_path / "b.mp4": "b.mp4: no such file",
    }
    for video, words in wanted.items():
        done = lipsync("sync", video.name, *options, cwd=tmp_path)
        said = [line for line in done.stderr.splitlines() if not line.startswith("sync: ")]
        assert (done.returncode, len(said)) == (1, 1), done.stderr
        assert said[0].startswith(f"lipsync sync: {words}")
    done = lipsync("sync", "grey.mp4", "--out", "a.jpg", *options, cwd=tmp_path)
    assert done.stderr == "lipsync sync: --out a.jpg: should end in .png\n"
    done = lipsync("sync", "grey.mp4", "--models", face_models, cwd=tmp_path)
    assert done.stderr.endswith("`git checkout models/shared/base` brings it back\n")
    done = lipsync("sync", "grey.mp4", "--models", face_models, "--base", "my.npz", cwd=tmp_path)
    assert "my.npz: no such file; give another path" in done.stderr
    assert not list(tmp_path.glob("*.png"))


def test_the_audio_track_may_be_chosen(root, base, face_models, tmp_path):
    """By a person's params, and by the option; the second track of the file is silent."""
    plain, two = tmp_path / "seven.mp4", tmp_path / "two.mp4"
    shorten(root / "data/videos/sample.mp4", plain)
    still = write_file(tmp_path / "still.mp4", count=175, sounds=[np.zeros(7 * 48_000, np.float32)])
    with av.open(plain) as one, av.open(still) as other, av.open(two, "w") as out:
        tracks = [*one.streams, other.streams.audio[0]]
        made = [out.add_stream_from_template(track) for track in tracks]
        for container, number in ((one, 0), (one, 1), (other, 2)):
            container.seek(0)
            for packet in container.demux(tracks[number]):
                if packet.dts is not None:
                    packet.stream = made[number]
                    out.mux(packet)
    found = measure_video(two, face_models, base, FramesParams(audio_track=1))
    silence = predict_opening(load_base(base), np.zeros(7 * 16_000, np.float32), len(found.filmed))
    assert found.predicted == pytest.approx(silence, abs=1e-3)
    options = ("--models", face_models, "--base", base.resolve())
    done = lipsync("sync", "two.mp4", "--audio-track", 2, *options, cwd=tmp_path)
    assert "two.mp4: frames.audio_track: 2: legal values: auto, or 0 to 1" in done.stderr
    (tmp_path / "params.yaml").write_text(
        "epochs: 1\nseed: 1\npeople:\n  eve: {video: two.mp4, frames: {audio_track: 3}}\n"
    )
    done = lipsync("sync", "two.mp4", *options, cwd=tmp_path)
    assert "two.mp4: frames.audio_track: 3: legal values: auto, or 0 to 1" in done.stderr


@pytest.mark.parametrize(
    ("name", "behind"), [("outdoor_10s", 0), ("head_turns_20s", 1), ("close_up_5s", 2)]
)
def test_real_clips_score_higher_in_step(clips, base, face_models, name, behind):
    """behind: frames, as other rulers found"""
    found = measure_video(clips / f"{name}.mp4", face_models, base)
    measured = found.measured
    assert -measured.seconds * FPS == pytest.approx(behind, abs=1.3)
    if behind == 0:
        assert not measured.excludes(1 / FPS)
    in_step = shifted(found, -behind)
    for frames in (-SHIFT, SHIFT):
        moved = shifted(found, frames - behind)
        assert moved.as_it_is < in_step.as_it_is - 0.1
        assert (moved.seconds - in_step.seconds) * FPS == pytest.approx(-frames, abs=0.6)


def test_the_command_writes_a_plot_and_json(clips, base, face_models, tmp_path):
    video = clips / "close_up_5s.mp4"
    options = ("--models", face_models, "--base", base.resolve())
    done = lipsync("sync", video, "--json", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert -170 < found["offset_ms"] < -40
    assert found["verdict"].startswith("out of step: the audio is")
    assert (tmp_path / "close_up_5s-sync.png").stat().st_size > 20_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "late"), [("outdoor_10s", 0), ("gestures_30fps_20s", 2), ("head_turns_20s", 0)]
)
def test_shifted_clips_are_told_to_one_frame(clips, base, face_models, name, late):
    """late: frames that the audio comes late, as two other measures found (docs/alignment.md)."""
    video = clips / f"{name}.mp4"
    found, audio = measure_video(video, face_models, base), read_audio(video)
    motion = load_base(base)
    right = []
    for frames in range(-8, 9):
        moved = delay(audio, frames / FPS, SAMPLE_RATE)
        predicted = predict_opening(motion, moved, len(found.filmed))
        measured = measure_offset(predicted, found.filmed, FPS, COLUMNS)
        right.append(abs(measured.seconds * FPS + late + frames) <= 1)
        if late == frames == 0:
            assert not measured.excludes(1 / FPS)  # no warning of what is in step
    assert np.mean(right) >= 0.9
