"""Containers x codecs x sample formats: nothing is lost without a word, and nothing is raised."""

import random

import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.media.audio import read_audio
from lipsync.media.resample import check_source, extract
from lipsync.media.video import read_frames
from tests.media.files import pictures, rms, voice, write_file

COUNT = 25
SECONDS = COUNT / 25
# file, video codec, pixel format, audio codec, layout
FILES = [
    ("h264.mp4", "libx264", "yuv420p", "aac", "mono"),
    ("h264_444.mp4", "libx264", "yuv444p", "aac", "stereo"),
    ("h264_10.mp4", "libx264", "yuv420p10le", "alac", "stereo"),
    ("hevc.mp4", "libx265", "yuv420p", "ac3", "5.1"),
    ("mpeg4.mp4", "mpeg4", "yuv420p", "libmp3lame", "stereo"),
    ("av1.mp4", "libsvtav1", "yuv420p10le", "libopus", "mono"),
    ("prores.mov", "prores_ks", "yuv422p10le", "pcm_s16le", "stereo"),
    ("rle.mov", "qtrle", "rgb24", "pcm_s24be", "mono"),
    ("png.mov", "png", "rgb24", "pcm_f32le", "stereo"),
    ("mjpeg.mov", "mjpeg", "yuvj422p", "adpcm_ima_qt", "stereo"),
    ("ffv1.mkv", "ffv1", "yuv444p16le", "flac", "7.1"),
    ("ffv1_grey.mkv", "ffv1", "gray", "pcm_u8", "mono"),
    ("h264.mkv", "libx264", "yuv422p", "eac3", "stereo"),
    ("rgb.mkv", "libx264rgb", "rgb24", "pcm_s32le", "quad"),
    ("mpeg2.mkv", "mpeg2video", "yuv420p", "pcm_f64le", "mono"),
    ("huff.avi", "huffyuv", "yuv422p", "pcm_s24le", "mono"),
    ("vp8.webm", "libvpx", "yuv420p", "libopus", "mono"),
    ("vp9.webm", "libvpx-vp9", "yuv420p", "libopus", "stereo"),
    ("mpeg4.avi", "mpeg4", "yuv420p", "libmp3lame", "mono"),
    ("mjpeg.avi", "mjpeg", "yuvj420p", "pcm_s16le", "stereo"),
    ("raw.avi", "rawvideo", "bgr24", "pcm_u8", "mono"),
    ("h264.avi", "libx264", "yuv420p", "pcm_alaw", "mono"),
    ("h264.ts", "libx264", "yuv420p", "aac", "mono"),
    ("mpeg2.ts", "mpeg2video", "yuv420p", "mp2", "stereo"),
    ("mpeg1.mpg", "mpeg1video", "yuv420p", "mp2", "mono"),
    ("h264.flv", "libx264", "yuv420p", "aac", "mono"),
    ("wmv.wmv", "wmv2", "yuv420p", "libmp3lame", "mono"),
    ("nut.nut", "libx264", "yuv420p", "pcm_s16be", "quad"),
    ("h263.3gp", "mpeg4", "yuv420p", "aac", "mono"),
]
# Containers whose header says no length. A transport stream that is cut off within a packet is
# told, one that is cut behind a packet is whole by all that it says.
MAY_END_ANYWHERE = {".mpg", ".nut"}
LOSSY_ENDS = 0.07  # s by which codecs' frames and padding may lengthen or shorten the audio


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Write one of FILES, once."""
    folder = tmp_path_factory.mktemp("matrix")

    def make(name, video, pixels, audio, layout):
        path = folder / name
        if not path.exists():
            channels = {"mono": 1, "stereo": 2, "quad": 4, "5.1": 6, "7.1": 8}[layout]
            sound = np.zeros((channels, round(SECONDS * 48_000)), np.float32)
            sound[2 if channels > 4 else slice(None)] = voice(SECONDS)
            options = {"x265-params": "log-level=none"} if video == "libx265" else {}
            if video == "libsvtav1":
                options = {"preset": "12", "svtav1-params": "lp=1"}
            if video.startswith("libvpx"):
                options = {"deadline": "realtime", "cpu-used": "8"}
            write_file(
                path, count=COUNT, video=video, pixels=pixels, audio=audio, layout=layout,
                sounds=[sound], options=options,
            )  # fmt: skip
        return path

    return make


def run(path, tmp_path):
    check_source(path)
    frames, audio = tmp_path / "frames.mp4", tmp_path / "audio.wav"
    count = extract(path, frames, audio, fps=25, crf=8, least=0)
    return count, frames, read_audio(audio)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file[0])
def test_every_kind_of_file_is_whole(made, tmp_path, caplog, file):
    path = made(*file)
    count, frames, sound = run(path, tmp_path)
    assert abs(count - COUNT) <= 1
    assert len(read_audio(path, 48_000)) / 48_000 == pytest.approx(SECONDS, abs=LOSSY_ENDS)
    assert rms(sound[:12_000]) == pytest.approx(rms(voice(SECONDS)[:36_000]), rel=0.15)
    middle = list(read_frames(frames))[10].mean(axis=2)
    assert np.abs(middle - pictures(11)[10].mean(axis=2)).mean() < 9
    assert not caplog.records


@pytest.mark.parametrize("harm", ["cut off", "damaged"])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file[0])
def test_what_is_broken_is_used_as_far_as_it_goes_or_refused_in_a_line(
    made, tmp_path, caplog, file, harm
):
    whole = made(*file).read_bytes()
    path = tmp_path / file[0]
    if harm == "cut off":
        path.write_bytes(whole[: len(whole) * 6 // 10])
    else:
        damaged, rng = bytearray(whole), random.Random(file[0])
        for _ in range(40):
            damaged[rng.randrange(len(damaged) // 8, len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
    refused = ""
    try:
        count = run(path, tmp_path)[0]
    except LipsyncError as error:
        refused, count = str(error), 0
    said = [refused] * bool(refused) + [record.getMessage() for record in caplog.records]
    assert all(str(path) in line and len(line.splitlines()) == 1 for line in said)
    assert not any("free some space" in line for line in said)
    assert (tmp_path / "frames.mp4").exists() == (not refused)
    whole_sound = len(read_audio(path)) / 16_000 >= SECONDS - 2 * LOSSY_ENDS if count else False
    silent = path.suffix in MAY_END_ANYWHERE and harm == "cut off"
    assert said or (count >= COUNT - 1 and whole_sound) or silent, "lost without a word"
    if harm == "cut off" and not silent:
        assert refused or any("cut off" in line for line in said)


SOUNDS = [
    ("a.mp3", "libmp3lame"), ("a.ogg", "libopus"), ("a.oga", "flac"), ("a.flac", "flac"),
    ("a.aiff", "pcm_s16be"), ("a.au", "pcm_s16be"), ("a.caf", "pcm_s16le"), ("a.w64", "pcm_s16le"),
    ("a.wav", "pcm_s16le"), ("a.mka", "libopus"), ("a.wma", "libmp3lame"), ("a.tta", "tta"),
    ("a.wv", "wavpack"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "codec"), SOUNDS)
def test_audio_that_is_cut_off_is_said(tmp_path, caplog, name, codec):
    container = {"a.wma": "asf", "a.oga": "ogg"}.get(name)
    path = write_file(
        tmp_path / name, video="", audio=codec, sounds=[voice(4)], container=container
    )
    assert len(read_audio(path)) / 16_000 == pytest.approx(4, abs=0.1)
    assert not caplog.records
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    assert len(read_audio(path)) / 16_000 == pytest.approx(2.4, abs=0.45)
    assert f"{path}: cut off" in caplog.text
