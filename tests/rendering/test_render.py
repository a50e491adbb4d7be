"""Sound and avatar in, video out."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import av
import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.export.avatar import Parts, write_avatar
from lipsync.media.audio import read_audio, write_wav
from lipsync.media.clock import frame_count
from lipsync.media.video import VideoWriter, read_frames
from lipsync.rendering.avatar import Avatar, load_avatar
from lipsync.rendering.options import RenderOptions
from lipsync.rendering.plan import ping_pong
from lipsync.rendering.render import render
from lipsync.speech.params import SpeechParams
from tests.rendering_material import in_a_room
from tests.speech.checkpoints import write_wenet
from tests.tiny_avatar import FPS, FRAMES, HEIGHT, WIDTH, mouth_grey

QUICK = RenderOptions(preset="ultrafast", crf=12)


def speech(samples: int, rate: int) -> np.ndarray:
    """A sweep from 200 Hz to 2 kHz, loud to the last sample: what is cut or moved shows."""
    t = np.arange(samples) / rate
    return (0.4 * np.sin(2 * np.pi * (200 * t + 300 * t**2))).astype(np.float32)


def sound_length(path: Path) -> Fraction:
    """Samples that the file says to play; a decoder gives whole AAC frames, padded at the end."""
    with av.open(path) as container:
        stream = container.streams.audio[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        end = max(packet.pts + packet.duration for packet in packets)
        return end * stream.time_base * stream.rate


@pytest.mark.parametrize(
    ("rate", "samples"),
    [(16000, 19681), (16000, 320), (44100, 61111), (48000, 47999), (22050, 10000), (8000, 12345)],
)
def test_as_many_pictures_and_samples_as_the_sound_has(
    avatar: Avatar, tmp_path: Path, rate: int, samples: int
):
    sound = speech(samples, rate)
    write_wav(tmp_path / "speech.wav", sound, rate)
    count = render(avatar, tmp_path / "speech.wav", tmp_path / "out.mp4", QUICK).pictures

    assert count == frame_count(samples / rate, FPS)
    assert abs(count / FPS - samples / rate) <= 0.5 / FPS + 1e-9
    assert len(list(read_frames(tmp_path / "out.mp4"))) == count
    assert sound_length(tmp_path / "out.mp4") == samples
    heard = read_audio(tmp_path / "out.mp4", rate)[:samples]
    if samples > 10000:  # AAC needs some blocks to settle
        assert np.corrcoef(sound, heard)[0, 1] > 0.99
        assert np.corrcoef(sound[-500:], heard[-500:])[0, 1] > 0.9


def test_an_avatar_speaks_through_its_own_weights_alone(
    folder: Path, avatar: Avatar, tmp_path: Path
):
    """They are no part of the avatar; it knows which they were."""
    weights = write_wenet(tmp_path / "w.onnx")
    write_wav(tmp_path / "speech.wav", speech(16000, 16000))
    params = SpeechParams(encoder="wenet", weights=str(weights))
    info = avatar.info.model_copy(update={"speech": params, "speech_weights_sha256": "ab" * 32})
    parts = Parts(
        motion=(folder / "motion.onnx").read_bytes(),
        refiner=(folder / "refiner.onnx").read_bytes(),
        exemplars=folder / "exemplars.npz",
        face_models=folder,
    )
    write_avatar(tmp_path / "avatar", info, parts, avatar.shape, avatar.film, avatar.voice)
    other = load_avatar(tmp_path / "avatar")
    with pytest.raises(LipsyncError, match=r"w\.onnx with SHA-256 .* trained with abababababab\."):
        render(other, tmp_path / "speech.wav", tmp_path / "out.mp4", QUICK)
    weights.unlink()
    with pytest.raises(LipsyncError, match=r"w\.onnx: missing; .* download encoder\.onnx"):
        render(other, tmp_path / "speech.wav", tmp_path / "out.mp4", QUICK)
    assert not (tmp_path / "out.mp4").exists()


def test_sound_that_aac_cannot_hold_keeps_its_length(avatar: Avatar, tmp_path: Path):
    rate, samples = 18_000, 18_000
    write_wav(tmp_path / "speech.wav", speech(samples, rate), rate)
    assert render(avatar, tmp_path / "speech.wav", tmp_path / "out.mp4", QUICK).pictures == FPS
    with av.open(tmp_path / "out.mp4") as container:
        assert container.streams.audio[0].rate == 48_000
    assert abs(sound_length(tmp_path / "out.mp4") - 48_000) <= 1


def test_face_and_sound_are_in_step(avatar: Avatar, tmp_path: Path):
    rate, loud = 16000, (14, 23)  # frames that are spoken, first and one past the last
    sound = np.zeros(rate * 40 // FPS, np.float32)
    noise = np.random.default_rng(0).uniform(-1, 1, len(sound))
    inside = slice(loud[0] * rate // FPS, loud[1] * rate // FPS)
    sound[inside] = noise[inside]
    write_wav(tmp_path / "speech.wav", in_a_room(sound), rate)
    count = render(avatar, tmp_path / "speech.wav", tmp_path / "out.mp4", QUICK).pictures
    assert count == 40
    shown = ping_pong(FRAMES, 40)
    mouth = []
    for picture, index in zip(read_frames(tmp_path / "out.mp4"), shown, strict=True):
        seen = avatar.film.valid[index]
        mouth.append(mouth_grey(picture, avatar.film, avatar.shape, index) if seen else np.nan)
    # Whatever has a face is dark where nothing is said, bright where something is.
    with_face = avatar.film.valid[shown]
    spoken = np.zeros(40, bool)
    spoken[loud[0] : loud[1]] = True
    # A 25 ms window at the rim of a frame reaches over it, and exemplars fade over some frames.
    edge = np.zeros(40, bool)
    edge[[loud[0] - 1, loud[0], *range(loud[1], loud[1] + 3)]] = True
    assert (np.array(mouth)[with_face & spoken & ~edge] > 120).all()
    assert (np.array(mouth)[with_face & ~spoken & ~edge] < 30).all()


def test_it_says_that_it_is_synthetic_and_how_it_is_coded(avatar: Avatar, tmp_path: Path):
    write_wav(tmp_path / "speech.wav", speech(16000, 16000))
    render(avatar, tmp_path / "speech.wav", tmp_path / "out.mp4", QUICK)
    with av.open(tmp_path / "out.mp4") as container:
        tags, video = container.metadata, container.streams.video[0].codec_context
        assert "cv.iptc.org/newscodes/digitalsourcetype/compositeWith" in tags["comment"]
        assert tags["description"].startswith("Synthetic")
        assert (video.width, video.height, video.pix_fmt) == (WIDTH, HEIGHT, "yuv420p")
        assert (video.colorspace, video.color_range) == (1, 1)  # bt709, limited
        assert container.streams.audio[0].codec_context.name.startswith("aac")
    content = (tmp_path / "out.mp4").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")  # faststart


def test_programs_find_the_digital_source_type(avatar: Avatar, tmp_path: Path):
    """In an XMP packet, in the box that ISO 16684-3 names, as IPTC's property."""
    write_wav(tmp_path / "speech.wav", speech(16000, 16000))
    render(avatar, tmp_path / "speech.wav", tmp_path / "out.mp4", QUICK)
    content, boxes, place = (tmp_path / "out.mp4").read_bytes(), {}, 0
    while place < len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        boxes[content[place + 4 : place + 8]] = content[place + 8 : place + size]
        place += size
    assert place == len(content)
    packet = boxes[b"uuid"].removeprefix(bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC"))
    tree = ElementTree.fromstring(packet.decode().split("?>", 1)[1].split("<?xpacket end")[0])
    name = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
    (found,) = tree.iter(name)
    assert found.text.endswith("/digitalsourcetype/compositeWithTrainedAlgorithmicMedia")


def test_the_same_bytes_again(avatar: Avatar, tmp_path: Path):
    write_wav(tmp_path / "speech.wav", speech(16000, 16000))
    for name in ("one.mp4", "two.mp4"):
        render(avatar, tmp_path / "speech.wav", tmp_path / name, RenderOptions(preset="fast"))
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


def test_sound_that_cannot_be_spoken(avatar: Avatar, tmp_path: Path):
    output = tmp_path / "out.mp4"
    output.write_bytes(b"an earlier video")
    (tmp_path / "text.wav").write_text("no sound at all")
    write_wav(tmp_path / "empty.wav", np.zeros(0, np.float32))
    write_wav(tmp_path / "short.wav", np.zeros(300, np.float32))
    with VideoWriter(tmp_path / "silent.mp4", 64, 64, FPS) as writer:
        writer.write(np.zeros((64, 64, 3), np.uint8))
    cases = {
        "nowhere.wav": "no such file",
        "text.wav": "not readable",
        "empty.wav": "its audio is empty",
        "short.wav": "less than one picture",
        "silent.mp4": "no audio track",
    }
    for name, problem in cases.items():
        with pytest.raises(LipsyncError, match=problem) as caught:
            render(avatar, tmp_path / name, output)
        assert str(tmp_path / name) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert output.read_bytes() == b"an earlier video"
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


def test_a_failure_midway_leaves_nothing(avatar: Avatar, tmp_path: Path):
    write_wav(tmp_path / "speech.wav", speech(32000, 16000))
    lost = replace(avatar, film=replace(avatar.film, path=tmp_path / "gone.mp4"))
    with pytest.raises(LipsyncError, match=r"gone\.mp4"):
        render(lost, tmp_path / "speech.wav", tmp_path / "out.mp4", QUICK)
    assert [path.name for path in tmp_path.iterdir()] == ["speech.wav"]
