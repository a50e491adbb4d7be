"""Which track is read, and what is said of those that cannot be."""

import av
import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.media.audio import read_audio
from lipsync.media.resample import check_source, extract
from lipsync.media.video import probe
from tests.media.files import RATE, rms, voice, write_file


def music(seconds: float) -> np.ndarray:
    """A chord that sounds on, louder than the voice."""
    at = np.arange(round(seconds * RATE)) / RATE
    return (0.25 * sum(np.sin(2 * np.pi * f * at) for f in (220, 277, 330))).astype(np.float32)


@pytest.mark.parametrize("others", ["silent", "music"])
def test_the_track_with_the_voice_is_read(tmp_path, caplog, others):
    first = 0 * voice(2) if others == "silent" else music(2)
    path = write_file(tmp_path / "a.mkv", count=50, sounds=[first, voice(2)])
    assert rms(read_audio(path, RATE)) == pytest.approx(rms(voice(2)), rel=0.05)
    assert "2 audio tracks; number 1 is used, it has the voice" in caplog.text


def test_the_files_own_choice_stays_where_both_have_a_voice(tmp_path):
    path = write_file(tmp_path / "a.mkv", count=50, sounds=[0.5 * voice(2), voice(2)])
    assert rms(read_audio(path, RATE)) == pytest.approx(0.5 * rms(voice(2)), rel=0.05)


def test_a_track_may_be_chosen(tmp_path):
    path = write_file(tmp_path / "a.mkv", count=50, sounds=[voice(2), music(2)])
    wav = tmp_path / "audio.wav"
    extract(path, tmp_path / "f.mp4", wav, fps=25, crf=8, least=0, track=1)
    assert rms(read_audio(wav)) == pytest.approx(rms(music(2)), rel=0.05)
    with pytest.raises(LipsyncError, match="audio_track: 2: legal values: auto, or 0 to 1"):
        check_source(path, 2)


def test_channels_that_change_on_the_way_stay_as_loud(tmp_path):
    """A broadcast: mono, then the same voice in all of 5.1."""
    one = write_file(tmp_path / "a.ts", sounds=[voice(1)])
    six = write_file(tmp_path / "b.ts", sounds=[np.tile(voice(1), (6, 1))], layout="5.1")
    path = tmp_path / "joined.ts"
    path.write_bytes(one.read_bytes() + six.read_bytes())
    got = read_audio(path, RATE)
    assert rms(got[RATE:]) == pytest.approx(rms(got[:RATE]), rel=0.1)


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_an_encrypted_track_is_refused_before_the_work(tmp_path, kind):
    """An mp4 whose tracks are encrypted; of the audio's test the picture is one that is not."""
    key = {
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": "1" * 32,
        "encryption_kid": "2" * 32,
    }
    plain, path = write_file(tmp_path / "a.mp4"), tmp_path / "b.mp4"
    secret = path if kind == "video" else tmp_path / "secret.mp4"
    with av.open(plain) as source, av.open(secret, "w", options=key) as out:
        tracks = [out.add_stream_from_template(stream) for stream in source.streams]
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = tracks[packet.stream.index]
                out.mux(packet)
    if kind == "audio":
        content = bytearray(plain.read_bytes())
        with av.open(plain) as whole, av.open(secret) as hidden:
            pairs = zip(whole.demux(audio=0), hidden.demux(audio=0), strict=True)
            for packet, encrypted in pairs:
                if packet.dts is not None:
                    content[packet.pos : packet.pos + packet.size] = bytes(encrypted)
        path.write_bytes(content)
    words = {
        "video": "no picture can be decoded",
        "audio": "nothing of its audio can be decoded",
    }
    with pytest.raises(LipsyncError, match=words[kind]):
        probe(path) if kind == "video" else check_source(path)
    with pytest.raises(LipsyncError, match="can be decoded"):
        check_source(path)


def undecodable(path):
    """The codec's name becomes one that libav has no decoder for."""
    path.write_bytes(path.read_bytes().replace(b"sowt", b"apac", 1))
    return path


def test_an_unknown_codec_is_refused_before_the_work(tmp_path):
    path = undecodable(write_file(tmp_path / "a.mov", audio="pcm_s16le"))
    assert not probe(path).has_sound
    for refused in (check_source, read_audio):
        with pytest.raises(LipsyncError, match="its audio is in a codec that is not known here"):
            refused(path)


def test_beside_an_unknown_codec_the_other_track_is_read(tmp_path):
    sounds = [voice(1), 0.5 * voice(1)]
    path = undecodable(write_file(tmp_path / "a.mov", audio="pcm_s16le", sounds=sounds))
    check_source(path)
    assert rms(read_audio(path, RATE)) == pytest.approx(0.5 * rms(voice(1)), rel=0.05)


def test_pictures_of_an_unknown_codec(tmp_path):
    path = write_file(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes().replace(b"avc1", b"xxx1").replace(b"avcC", b"xxxC"))
    with pytest.raises(LipsyncError, match=r"its video is in a codec|no picture can be decoded"):
        check_source(path)


def test_tags_of_any_encoding_are_none_of_our_business(tmp_path):
    for name in ("a.mp4", "a.mkv", "a.avi", "a.flv"):
        video = "mpeg4" if name == "a.avi" else "libx264"
        path = write_file(tmp_path / name, video=video)
        path.write_bytes(path.read_bytes().replace(b"Lavf", b"L\xfcvf"))
        check_source(path)


@pytest.mark.parametrize("broken", [0, 1])
def test_a_video_track_of_which_nothing_decodes_is_replaced(tmp_path, caplog, broken):
    plain, path = write_file(tmp_path / "a.mp4", count=50), tmp_path / "b.mkv"
    with av.open(plain) as source, av.open(path, "w") as out:
        films = [out.add_stream_from_template(source.streams.video[0]) for _ in range(2)]
        sound = out.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "audio":
                packet.stream = sound
                out.mux(packet)
                continue
            bad = av.Packet(b"\x55" * packet.size)
            bad.pts, bad.dts, bad.time_base = packet.pts, packet.dts, packet.time_base
            bad.is_keyframe = packet.is_keyframe
            bad.stream, packet.stream = films[broken], films[1 - broken]
            out.mux(bad)
            out.mux(packet)
    check_source(path)
    assert probe(path).width == 96
    wav = tmp_path / "audio.wav"
    assert extract(path, tmp_path / "f.mp4", wav, fps=25, crf=8, least=0) == 50
    said = "nothing of its video track 0 can be decoded; track 1 is used"
    assert (said in caplog.text) == (broken == 0)


def test_damaged_packets_are_said_with_their_time(tmp_path, caplog):
    """AAC gives PermissionError (-1) of them, which is no full disk."""
    path = write_file(tmp_path / "a.mp4", count=75)
    content = bytearray(path.read_bytes())
    with av.open(path) as container:
        for packet in container.demux(audio=0):
            if packet.dts is not None and 60 <= packet.dts // 1024 < 70:
                content[packet.pos : packet.pos + packet.size] = b"\x55" * packet.size
    path.write_bytes(content)
    count = extract(path, tmp_path / "f.mp4", tmp_path / "a.wav", fps=25, crf=8, least=0)
    assert count == 75
    assert "its audio is damaged at 1.3 s; the rest is used" in caplog.text
    got, whole = read_audio(tmp_path / "a.wav"), voice(3, 16_000)
    assert len(got) == 48_000
    assert rms(got[32_000:]) == pytest.approx(rms(whole[32_000:]), rel=0.05)
