"""Modes and options of rendering, end to end with a tiny avatar and with a real face."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.faces.models import FACE_MODELS
from lipsync.media.audio import read_audio, write_wav
from lipsync.media.planes import from_rgb, rgb_of, to_planes
from lipsync.media.video import FrameReader, VideoWriter, probe, read_frames
from lipsync.rendering.avatar import Avatar, load_avatar
from lipsync.rendering.mark import Mark
from lipsync.rendering.options import RenderOptions, make_options
from lipsync.rendering.plan import once
from lipsync.rendering.render import Renderer, render
from tests.tiny_avatar import FPS, FRAMES, HEIGHT, WIDTH, write_tiny_avatar

RATE = 16_000
EXACT = {"preset": "ultrafast", "crf": 0}  # to the bit


def speech(*parts: tuple[float, float]) -> np.ndarray:
    """(seconds, loudness) of noise one after the other."""
    draw = np.random.default_rng(0)
    pieces = [draw.uniform(-level, level, round(t * RATE)) for t, level in parts]
    return np.concatenate(pieces).astype(np.float32)


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """2 s of speech, 2 s of silence, 1.5 s of speech, 1.2 s of silence."""
    write_wav(tmp_path / "talk.wav", speech((2, 0.3), (2, 0), (1.5, 0.3), (1.2, 0)), RATE)
    return tmp_path / "talk.wav"


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Avatar:
    """The tiny avatar with a film of 60 pictures: silent ones first, then talking ones."""
    folder = write_tiny_avatar(tmp_path_factory.mktemp("long") / "tiny")
    avatar = load_avatar(folder)
    path = folder.parent / "long.mp4"
    with VideoWriter(path, WIDTH, HEIGHT, FPS, crf=0, preset="ultrafast") as writer:
        for number in range(60):
            writer.write(np.full((HEIGHT, WIDTH, 3), 60 + 2 * number, np.uint8))
    film = replace(
        avatar.film,
        path=path,
        boxes=np.repeat(avatar.film.boxes[:1], 60, 0),
        valid=np.ones(60, bool),
    )
    return replace(avatar, film=film, voice=np.arange(60) >= 25)


def film_planes(avatar: Avatar) -> list[np.ndarray]:
    with FrameReader(avatar.film.path) as film:
        return [to_planes(film.frame(n)) for n in range(len(film))]


def test_silence_is_shown_as_it_was_filmed_and_speech_is_spoken(long_film, talk, tmp_path):
    options = RenderOptions(mode="core_clips", min_silence=0.5, crossfade=0, **EXACT)
    done = render(long_film, talk, tmp_path / "out.mp4", options)
    assert done.pictures == round(6.7 * FPS + 0.25)
    filmed = film_planes(long_film)
    with FrameReader(tmp_path / "out.mp4") as video:
        shown = [to_planes(video.frame(n)) for n in range(len(video))]
    assert len(shown) == done.pictures
    silent = [any(np.array_equal(planes, old) for old in filmed[:25]) for planes in shown]
    seconds = (np.arange(len(shown)) + 0.5) / FPS
    # Lips lead and trail the sound by 0.12 and 0.16 s; the rest of the pauses is as filmed.
    quiet = ((seconds > 2.2) & (seconds < 3.85)) | (seconds > 5.7)
    loud = (seconds < 2) | ((seconds > 4) & (seconds < 5.5))
    assert np.array(silent)[quiet].all()
    assert not np.array(silent)[loud].any()
    x0, y0, x1, y1 = long_film.film.boxes[0].astype(int)
    mouths = [rgb_of(p)[y0 + (y1 - y0) * 2 // 3, (x0 + x1) // 2].mean() for p in shown]
    assert np.array(mouths)[loud].min() > 150  # painted as bright as the noise is loud


def test_clips_fade_into_each_other(long_film, talk, tmp_path):
    options = RenderOptions(mode="core_clips", min_silence=0.5, crossfade=0.4, **EXACT)
    with Renderer(long_film, options) as renderer:
        from lipsync.rendering.sound import open_sound

        plan = list(renderer.plan(open_sound(talk), 168))
        assert len(plan) == 168
        fading = [number for number, shown in enumerate(plan) if shown.over is not None]
        assert len(fading) == 3 * 10  # three joints of 0.4 s
        weights = [plan[number].weight for number in fading[:10]]
        np.testing.assert_allclose(weights, np.arange(1, 11) / 11)
        assert renderer.render(talk, tmp_path / "out.mp4").pictures == 168
    corner = [picture[0, 0].mean() for picture in read_frames(tmp_path / "out.mp4")]
    assert np.abs(np.diff(corner)).max() < 15  # a cut would show as a jump of up to 118


def test_an_avatar_that_is_never_silent_or_never_speaks(long_film, talk, tmp_path, caplog):
    options = RenderOptions(mode="core_clips", min_silence=0.5, **EXACT)
    talker = replace(long_film, voice=np.ones(60, bool))
    assert render(talker, talk, tmp_path / "out.mp4", options).pictures == 168
    assert "no silence of 0.5 s" in caplog.text
    mute = replace(long_film, voice=np.zeros(60, bool))
    with pytest.raises(LipsyncError, match=r"nobody speaks for 0\.5 s"):
        render(mute, talk, tmp_path / "two.mp4", options)


def write_clip(path: Path, grey: int, seconds: float = 3, size=(WIDTH, HEIGHT)) -> None:
    """A video with a hum and no face."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hum = 0.1 * np.sin(np.arange(round(seconds * RATE)) / 10).astype(np.float32)
    with VideoWriter(path, *size, FPS, preset="ultrafast", crf=4, sound=(hum, RATE)) as writer:
        for _ in range(round(seconds * FPS)):
            writer.write(np.full((size[1], size[0], 3), grey, np.uint8))


def test_a_folder_of_clips_must_be_complete_and_fit(avatar: Avatar, talk, tmp_path):
    clips = tmp_path / "clips"
    options = RenderOptions(mode="core_clips", clips=clips, **EXACT)

    def refused() -> str:
        with pytest.raises(LipsyncError) as caught:
            render(avatar, talk, tmp_path / "out.mp4", options)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    (clips / "silence").mkdir(parents=True)
    assert "has no folder talk" in refused()
    (clips / "talk").mkdir()
    assert "talk: holds no video" in refused()
    (clips / "talk" / "a.mp4").write_text("no video")
    assert "silence: holds no video" in refused()
    (clips / "silence" / "b.mov").write_text("no video")
    assert "a.mp4: not readable" in refused()
    assert not (tmp_path / "out.mp4").exists()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, root: Path, face_models: Path) -> Path:
    """The tiny network with the sample's film (4 s of it) and the real face models."""
    folder = tmp_path_factory.mktemp("real")
    cut = folder / "cut.mp4"
    draw = np.random.default_rng(0)
    sound = (0.2 * draw.uniform(-1, 1, 5 * RATE)).astype(np.float32)
    with VideoWriter(cut, 256, 256, FPS, preset="ultrafast", crf=12, sound=(sound, RATE)) as writer:
        for number, picture in enumerate(read_frames(root / "data/videos/sample.mp4")):
            if number == 5 * FPS:
                break
            writer.write(cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA))
    avatar = write_tiny_avatar(folder / "avatar")
    import json

    for name in FACE_MODELS:
        (avatar / name).write_bytes((face_models / name).read_bytes())
    from lipsync.rendering.avatar import FILES, INFO, sha256

    info = json.loads((avatar / INFO).read_text())
    info["sha256"] = {name: sha256(avatar / name) for name in FILES}
    (avatar / INFO).write_text(json.dumps(info))
    return folder


def test_a_template_lies_under_the_face_in_its_own_size(real: Path, talk, tmp_path):
    avatar, template = load_avatar(real / "avatar"), real / "cut.mp4"
    options = RenderOptions(template=template, start_frame=10, loop_back=False, **EXACT)
    with Renderer(avatar, options) as renderer:
        film = renderer.films[0]
        assert film.sound is None  # nobody asked for it
        assert (len(film), film.width, film.height) == (125, 256, 256)
        assert film.valid.all()
        done = renderer.render(talk, tmp_path / "out.mp4")
        filmed = [to_planes(FrameReader(film.path).frame(n)) for n in range(len(film))]
        scratch = film.path.parent
    assert not scratch.exists()
    info = probe(tmp_path / "out.mp4")
    assert (info.width, info.height, info.frames) == (256, 256, done.pictures)
    painted = 0
    with FrameReader(tmp_path / "out.mp4") as video:
        for number, index in enumerate(once(125, done.pictures, 10)):
            now, before = rgb_of(to_planes(video.frame(number))), rgb_of(filmed[index])
            box = film.boxes[index].astype(int)
            np.testing.assert_array_equal(now[: box[1] - 1], before[: box[1] - 1])  # above the box
            x, y = (box[0] + box[2]) // 2, box[1] + (box[3] - box[1]) * 3 // 5
            painted += np.abs(now[y, x].astype(int) - before[y, x]).max() > 20
    assert painted > 0.9 * done.pictures  # the tiny network paints grey where the mouth is


def test_a_template_without_a_face_or_that_is_no_video(real: Path, talk, tmp_path):
    avatar = load_avatar(real / "avatar")
    write_clip(tmp_path / "grey.mp4", 90)
    (tmp_path / "text.mp4").write_text("no video")
    cases = {"grey.mp4": "shows no face", "text.mp4": "not readable", "gone.mp4": "no such file"}
    for name, problem in cases.items():
        options = RenderOptions(template=tmp_path / name)
        with pytest.raises(LipsyncError, match=f"{name}: {problem}"):
            render(avatar, talk, tmp_path / "out.mp4", options)
    assert not (tmp_path / "out.mp4").exists()


def test_clips_from_a_folder_are_played(real: Path, talk, tmp_path):
    avatar = load_avatar(real / "avatar")
    avatar = replace(avatar, info=avatar.info.model_copy(update={"width": 256, "height": 256}))
    clips = tmp_path / "clips"
    for name in ("talk", "silence"):
        (clips / name).mkdir(parents=True)
    (clips / "talk" / "a.mp4").write_bytes((real / "cut.mp4").read_bytes())
    shorter = clips / "talk" / "a.m4v"  # of the same name, mute, 2 s
    with VideoWriter(clips / "talk" / "x.mp4", 256, 256, FPS, preset="ultrafast") as writer:
        for _, picture in zip(range(50), read_frames(real / "cut.mp4"), strict=False):
            writer.write(picture)
    (clips / "talk" / "x.mp4").rename(shorter)
    hum = 0.1 * np.sin(np.arange(3 * RATE) / 10).astype(np.float32)
    with VideoWriter(
        clips / "silence" / "dark.mp4", 256, 256, FPS, preset="ultrafast", sound=(hum, RATE)
    ) as writer:
        for _, picture in zip(range(75), read_frames(real / "cut.mp4"), strict=False):
            writer.write(picture // 2)
    options = RenderOptions(mode="core_clips", clips=clips, min_silence=0.5, crossfade=0, **EXACT)
    done = render(avatar, talk, tmp_path / "out.mp4", options)
    assert done.pictures == 168
    dark = [picture.mean() < 90 for picture in read_frames(tmp_path / "out.mp4")]
    seconds = (np.arange(168) + 0.5) / FPS
    assert np.array(dark)[(seconds > 2.2) & (seconds < 3.85)].all()
    assert not np.array(dark)[(seconds < 2) | ((seconds > 4) & (seconds < 5.5))].any()
    avatar = replace(avatar, info=avatar.info.model_copy(update={"width": 512}))
    with pytest.raises(LipsyncError, match=r"256x256 pixels, but the avatar's film has 512x256"):
        render(avatar, talk, tmp_path / "out.mp4", options)


def test_the_mark_is_readable_on_dark_and_bright_and_leaves_the_rest():
    for grey in (10, 128, 250):
        before = from_rgb(np.full((360, 640, 3), grey, np.uint8))
        after = before.copy()
        Mark("AI generated", 640, 360).draw(after)
        shown, plain = rgb_of(after), rgb_of(before)
        changed = np.argwhere((shown != plain).any(-1))
        assert changed[:, 0].min() > 0.85 * 360
        assert changed[:, 1].max() < 0.6 * 640
        corner = shown[changed[:, 0].min() :, : changed[:, 1].max()].mean(-1)
        assert corner.max() > 225  # the letters
        assert np.percentile(corner, 30) < 130  # the ground behind them
    Mark("a text that is much too long for such a small picture" * 3, 64, 64).draw(
        from_rgb(np.zeros((64, 64, 3), np.uint8))
    )


def test_a_marked_video_differs_only_there(avatar: Avatar, talk, tmp_path):
    for name, mark in (("plain", ""), ("marked", "AI")):
        render(avatar, talk, tmp_path / f"{name}.mp4", RenderOptions(mark=mark, **EXACT))
    pairs = zip(*(read_frames(tmp_path / f"{n}.mp4") for n in ("plain", "marked")), strict=True)
    for plain, marked in pairs:
        changed = np.argwhere((plain != marked).any(-1))
        assert len(changed) > 20
        assert changed[:, 0].min() > 0.6 * HEIGHT


def test_nothing_that_is_read_is_written_over(avatar: Avatar, talk, tmp_path):
    before = talk.read_bytes()
    (tmp_path / "folder.mp4").mkdir()
    for output, problem in (
        (talk, "is read too"),
        (avatar.folder / "frames.mp4", "which is read"),
        (avatar.folder / "new.mp4", "which is read"),
        (tmp_path / "folder.mp4", "is a folder"),
    ):
        with pytest.raises(LipsyncError, match=problem):
            render(avatar, talk, output, RenderOptions(**EXACT))
    assert talk.read_bytes() == before
    load_avatar(avatar.folder)  # as whole as before


def test_many_clips_keep_few_films_open(avatar: Avatar):
    from lipsync.rendering.pictures import Readers

    with Readers([avatar.film] * 40) as readers:
        opened = [readers[number] for number in range(40)]
        assert readers[39] is opened[39]
        assert readers[0] is not opened[0]
        assert len(readers._open) == Readers.OPEN
        readers[0].frame(3)


def test_sound_that_changes_and_samples_that_are_no_numbers(avatar: Avatar, tmp_path, caplog):
    """Two mp3s of other rates glued together; a float WAV with holes."""
    import av

    for name, rate in (("a", 44_100), ("b", 22_050)):
        with av.open(str(tmp_path / f"{name}.mp3"), "w") as container:
            stream = container.add_stream("libmp3lame", rate=rate, layout="mono")
            tone = (0.3 * np.sin(np.arange(rate) / 9)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(tone[None], format="fltp", layout="mono")
            frame.sample_rate = rate
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    glued = tmp_path / "glued.mp3"
    glued.write_bytes((tmp_path / "a.mp3").read_bytes() + (tmp_path / "b.mp3").read_bytes())
    done = render(avatar, glued, tmp_path / "out.mp4", RenderOptions(**EXACT))
    assert 45 <= done.pictures <= 56
    samples = 0.1 * np.ones(RATE, np.float32)
    samples[100:300] = np.nan
    samples[500] = np.inf
    header = b"RIFF" + (36 + samples.nbytes).to_bytes(4, "little") + b"WAVEfmt "
    header += (16).to_bytes(4, "little") + (3).to_bytes(2, "little") + (1).to_bytes(2, "little")
    header += RATE.to_bytes(4, "little") + (4 * RATE).to_bytes(4, "little")
    header += (4).to_bytes(2, "little") + (32).to_bytes(2, "little") + b"data"
    holes = tmp_path / "holes.wav"
    holes.write_bytes(header + samples.nbytes.to_bytes(4, "little") + samples.tobytes())
    assert render(avatar, holes, tmp_path / "out.mp4", RenderOptions(**EXACT)).pictures == 25
    assert "no numbers" in caplog.text


def test_start_and_way_back(avatar: Avatar, talk, tmp_path):
    options = RenderOptions(start_frame=3, loop_back=False, **EXACT)
    render(avatar, talk, tmp_path / "out.mp4", options)
    corner = [picture[0, 0].mean() for picture in read_frames(tmp_path / "out.mp4")]
    film = [picture[0, 0].mean() for picture in read_frames(avatar.film.path)]
    np.testing.assert_allclose(corner, np.array(film)[once(FRAMES, 168, 3)], atol=1)
    with pytest.raises(LipsyncError, match="start_frame: 12 is not in the film; give 0 to 11"):
        render(avatar, talk, tmp_path / "two.mp4", RenderOptions(start_frame=12))


def test_preset_and_crf_reach_the_encoder(avatar: Avatar, talk, tmp_path):
    sizes = {}
    for preset, crf in (("ultrafast", 30), ("ultrafast", 5), ("slow", 5)):
        path = tmp_path / f"{preset}{crf}.mp4"
        render(avatar, talk, path, RenderOptions(preset=preset, crf=crf))
        sizes[preset, crf] = path.stat().st_size
        assert f"crf={crf}.0".encode() in path.read_bytes()  # x264 writes its settings down
    assert sizes["ultrafast", 30] < sizes["ultrafast", 5]


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"mode": "fancy"}, r"mode: 'fancy': .*'standard' or 'core_clips'"),
        ({"crf": 60}, r"crf: 60: .*less than or equal to 51"),
        ({"preset": "warp"}, r"preset: 'warp': .*'ultrafast'"),
        ({"start_frame": -1}, r"start_frame: -1: .*greater than or equal to 0"),
        ({"min_silence": 0.1}, r"min_silence: 0.1: .*0.2"),
        ({"voice": "magic"}, r"voice: 'magic': .*'energy' or 'silero'"),
        ({"seed": -1}, r"seed: -1: .*greater than or equal to 0"),
        ({"strat": 1}, r"strat: no such option; there are mode, start_frame"),
    ],
)
def test_a_wrong_option_names_the_legal_values(values: dict, line: str):
    with pytest.raises(LipsyncError, match=line):
        make_options(**values)


def test_what_watches_may_stop_it_and_nothing_is_left(avatar: Avatar, talk, tmp_path):
    class Enough(Exception):  # noqa: N818
        pass

    told = []

    def seen(done: int, of: int) -> None:
        told.append((done, of))
        if done == 30:
            raise Enough

    with pytest.raises(Enough):
        render(avatar, talk, tmp_path / "out.mp4", RenderOptions(**EXACT), seen)
    assert told == [(n, 168) for n in range(1, 31)]
    assert [path.name for path in tmp_path.iterdir()] == ["talk.wav"]


def test_odd_sounds_are_spoken_to_the_last_sample(avatar: Avatar, tmp_path):
    """8-bit, 96 kHz, stereo, a video's sound, 50 ms."""
    import wave

    import av

    with wave.open(str(tmp_path / "eight.wav"), "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(np.full(4001, 128, np.uint8).tobytes())
    write_wav(tmp_path / "ninety.wav", speech((1.01, 0.2))[:96_000], 96_000)
    write_wav(tmp_path / "short.wav", speech((0.05, 0.2)), RATE)
    write_clip(tmp_path / "video.mp4", 50, seconds=1)
    with av.open(str(tmp_path / "stereo.flac"), "w") as container:
        stream = container.add_stream("flac", rate=44_100, layout="stereo")
        both = np.zeros((2, 44_100), np.int16)
        both[0] = 8000
        frame = av.AudioFrame.from_ndarray(both.T.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate = 44_100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    wanted = {"eight.wav": 13, "ninety.wav": 4, "short.wav": 1, "video.mp4": 25, "stereo.flac": 25}
    for name, count in wanted.items():
        out = tmp_path / "out.mp4"
        assert render(avatar, tmp_path / name, out, RenderOptions(**EXACT)).pictures == count, name
        assert probe(out).frames == count
    assert np.abs(read_audio(out, 44_100)[2000:-2000]).mean() == pytest.approx(
        4000 / 32768, rel=0.2
    )  # the mean of both channels


def test_a_silent_sound_is_rendered_with_a_word(avatar: Avatar, tmp_path, caplog):
    write_wav(tmp_path / "still.wav", np.zeros(RATE, np.float32))
    render(avatar, tmp_path / "still.wav", tmp_path / "out.mp4", RenderOptions(**EXACT))
    assert "nothing is heard in it" in caplog.text
    assert "still.wav" in caplog.text
