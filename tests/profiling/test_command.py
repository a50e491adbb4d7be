"""`lipsync profile` on files: the sample's first seconds, and what nobody should train on."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lipsync.alignment.prediction import BASE
from lipsync.errors import LipsyncError
from lipsync.faces.params import CropParams, LandmarksParams
from lipsync.media.params import FramesParams
from lipsync.media.video import VideoWriter
from lipsync.profiling.identity import read_identity
from lipsync.profiling.measure import Profile, make_profile
from lipsync.profiling.page import write_page
from lipsync.profiling.params import ProfileParams
from lipsync.profiling.run import judge_video
from lipsync.profiling.video import read_video
from lipsync.training.params import SplitParams
from tests.alignment.recording import real_base
from tests.media.files import rms, voice, write_file
from tests.profiling.test_identity import network
from tests.project import shorten


@pytest.fixture(scope="module")
def video(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven seconds of the sample."""
    path = tmp_path_factory.mktemp("video") / "seven.mp4"
    shorten(root / "data/videos/sample.mp4", path)
    return path


def lipsync(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    code = f"from lipsync.cli import app; app({list(map(str, arguments))!r})"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd)


def judged(video: Path, models: Path, base: Path = BASE, **chosen) -> Profile:
    recording = read_video(video, models, FramesParams(), LandmarksParams(), CropParams(), base)
    return make_profile(recording, ProfileParams(**chosen), CropParams().size, SplitParams())


def test_a_video_gets_a_page_figures_and_an_embedding(video, face_models, tmp_path):
    net = network(tmp_path / "net.onnx")
    options = ("--models", face_models, "--face-recognition", net)
    done = lipsync("profile", video, "--out", "out", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out/profile.json").read_text())
    figures = {figure["name"]: figure for figure in found["figures"]}
    assert found["verdict"] == "red"
    assert figures["duration"]["verdict"] == "red"
    assert "record 2 to 4 minutes" in done.stdout
    values = found["values"]
    assert values["duration"] == 7
    assert values["source_fps"] == 25
    assert values["coverage"] == 1
    assert values["cuts"] == values["several_faces"] == values["cut_off"] == 0
    assert values["yaw"] < 10
    assert 0.5 < values["speech"] <= 1
    for key in ("sharpness", "brightness", "flicker"):
        assert figures[key]["verdict"] == "green", key
    assert all(figure["advice"] for figure in found["figures"])
    assert (tmp_path / "out/profile.png").stat().st_size > 50_000
    person = read_identity(tmp_path / "out/identity.npz")
    assert person.embedding.shape == (512,)
    assert np.linalg.norm(person.embedding) == pytest.approx(1, abs=1e-5)
    again = lipsync(
        "profile", video, "--strict", "--same-as", "out/identity.npz", *options, cwd=tmp_path
    )
    assert again.returncode == 1, "red, and strict"
    assert "the same person, as far as the network can tell (cosine 1.00)" in again.stdout
    said = [line for line in again.stderr.splitlines() if not line.startswith("profile: ")]
    assert not said, "but for the progress, which a slow machine shows"


def test_a_video_without_a_face_or_sound_is_red_and_still_has_a_page(face_models, tmp_path):
    path = tmp_path / "grey.mp4"
    with VideoWriter(path, 320, 240, 25) as writer:
        for level in range(50):
            writer.write(np.full((240, 320, 3), 90 + level % 2, np.uint8))
    profile = judged(path, face_models)
    verdicts = {figure.key: figure.verdict for figure in profile.figures}
    assert profile.verdict == "red"
    assert verdicts["coverage"] == verdicts["face_size"] == verdicts["speech"] == "red"
    assert "yaw" not in verdicts
    write_page(tmp_path / "page.png", profile)
    assert (tmp_path / "page.png").stat().st_size > 10_000
    net = network(tmp_path / "net.onnx")
    with pytest.raises(LipsyncError, match="no frame shows a face"):
        judged(path, face_models, face_recognition=net)


def test_audio_track_and_hole_are_those_of_the_params(face_models, tmp_path, monkeypatch):
    """A person's own, of a person's video; the option takes their place."""
    video = write_file(tmp_path / "two.mkv", count=50, sounds=[voice(2), voice(2) / 4])
    monkeypatch.chdir(tmp_path)
    params, people = Path("params.yaml"), "epochs: 1\nseed: 1\npeople: {eve: {video: two.mkv"
    params.write_text(f"{people}, frames: {{audio_track: 1}}}}}}\nframes: {{audio_track: 2}}\n")

    def loudness(**options) -> float:
        return rms(judge_video(video, face_models, params, **options).recording.sound)

    assert loudness() == pytest.approx(rms(voice(2)) / 4, rel=0.05)
    assert loudness(audio_track=0) == pytest.approx(rms(voice(2)), rel=0.05)
    other = tmp_path / "other.mkv"
    video.rename(other)
    with pytest.raises(LipsyncError, match=r"frames.audio_track: 2: legal values: auto, or 0 to 1"):
        judge_video(other, face_models, params)

    hole = write_file(
        tmp_path / "hole.mkv",
        count=50,
        sounds=[voice(1)],
        stamp=lambda i: i * 40 + 4000 * (i >= 25),
    )
    for most, seconds in ((10, 6), (2, 2)):
        params.write_text(f"{people}}}}}\nframes: {{max_hole: {most}}}\n")
        recording = judge_video(hole, face_models, params).recording
        assert recording.seconds == pytest.approx(seconds, abs=0.1)
        assert len(recording.sound) == pytest.approx(seconds * 16_000, abs=1600)


def test_audio_of_an_unknown_codec_is_not_told_as_silence(face_models, tmp_path):
    path = write_file(tmp_path / "eve.mov", audio="pcm_s16le")
    path.write_bytes(path.read_bytes().replace(b"sowt", b"apac", 1))
    (speech,) = (each for each in judged(path, face_models).figures if each.key == "speech")
    assert speech.verdict == "red"
    assert (
        speech.advice
        == "its audio is in a codec that is not known here; convert it to mp4 with AAC"
    )


def test_what_is_no_video_is_one_line(face_models, tmp_path):
    (tmp_path / "a.mp4").write_text("no video")
    for name, words in (("a.mp4", "not readable as video"), ("b.mp4", "no such file")):
        done = lipsync("profile", name, "--models", face_models, cwd=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert done.stderr.startswith(f"lipsync profile: {name}: {words}")
    done = lipsync("profile", "a.mp4", cwd=tmp_path)
    assert "run `dvc repro fetch_face_models`" in done.stderr


def test_pairs_the_wrong_way_round_are_refused():
    for pair in ({"yaw": (40, 25)}, {"seconds": (15, 120)}, {"snr": (12, 12)}):
        with pytest.raises(ValueError, match="the first number should be"):
            ProfileParams(**pair)


def test_without_a_base_the_offset_of_the_audio_is_unknown(video, face_models, tmp_path):
    profile = judged(video, face_models, base=tmp_path / "motion.safetensors")
    (figure,) = (each for each in profile.figures if each.key == "audio_offset")
    assert (figure.value, figure.verdict) == (None, "amber")
    assert "motion.safetensors is missing" in figure.advice


@pytest.mark.parametrize(
    ("name", "seconds", "red"),
    [("outdoor_10s", 10, ["duration"]), ("close_up_5s", 5, ["duration", "audio_offset"])],
)
def test_real_clips_are_judged_by_their_length_and_offset(
    clips, root, face_models, name, seconds, red
):
    profile = judged(clips / f"{name}.mp4", face_models, real_base(root))
    figures = {figure.key: figure for figure in profile.figures}
    assert figures["duration"].value == pytest.approx(seconds, abs=0.1)
    assert profile.verdict == "red"
    assert [key for key, figure in figures.items() if figure.verdict == "red"] == red
    for key in ("face_size", "coverage", "yaw", "sharpness", "brightness", "mouth_range"):
        assert figures[key].verdict == "green", key
