"""Modes of rendering, end to end with a tiny avatar and with a real face."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.faces.params import LandmarksParams
from lipsync.faces.tracker import FaceTracker
from lipsync.geometry.fit import fit_shape_model
from lipsync.media.planes import rgb_of, to_planes
from lipsync.media.video import FrameReader, VideoWriter, probe, read_frames
from lipsync.rendering.avatar import Avatar, load_avatar
from lipsync.rendering.options import RenderOptions
from lipsync.rendering.plan import once
from lipsync.rendering.render import Renderer, render
from tests.rendering_material import EXACT, RATE, write_clip
from tests.tiny_avatar import FPS, HEIGHT, WIDTH, mouth_grey, tiny_film, write_tiny_avatar


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Avatar:
    """The tiny avatar with a film of 60 pictures: silent ones first, then talking ones."""
    folder = write_tiny_avatar(tmp_path_factory.mktemp("long") / "tiny")
    avatar = load_avatar(folder)
    path = folder.parent / "long.mp4"
    with VideoWriter(path, WIDTH, HEIGHT, FPS, crf=0, preset="ultrafast") as writer:
        for number in range(60):
            writer.write(np.full((HEIGHT, WIDTH, 3), 60 + 2 * number, np.uint8))
    film = tiny_film(path, avatar.shape, 60, drift=0)
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
    mouths = [mouth_grey(rgb_of(p), long_film.film, long_film.shape, 0) for p in shown]
    assert np.median(np.array(mouths)[loud]) > 140  # as bright as the noise is loud


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
    """An avatar with the sample's shape model and the real face models, and 5 s of its film."""
    folder = tmp_path_factory.mktemp("real")
    cut = folder / "cut.mp4"
    draw = np.random.default_rng(0)
    sound = (0.2 * draw.uniform(-1, 1, 5 * RATE)).astype(np.float32)
    with VideoWriter(cut, 256, 256, FPS, preset="ultrafast", crf=12, sound=(sound, RATE)) as writer:
        for number, picture in enumerate(read_frames(root / "data/videos/sample.mp4")):
            if number == 5 * FPS:
                break
            writer.write(cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA))
    found = FaceTracker(face_models, LandmarksParams()).track(read_frames(cut))
    model = fit_shape_model(found.points, np.flatnonzero(found.valid), 2)
    write_tiny_avatar(folder / "avatar", model, face_models)
    return folder


def test_a_template_lies_under_the_face_in_its_own_size(real: Path, talk, tmp_path):
    avatar, template = load_avatar(real / "avatar"), real / "cut.mp4"
    options = RenderOptions(template=template, start_frame=10, loop_back=False, **EXACT)
    with Renderer(avatar, options) as renderer:
        film = renderer.films[0]
        assert film.sound is None  # nobody asked for it
        assert (len(film), film.width, film.height) == (125, 256, 256)
        assert film.valid.all()
        assert np.isfinite(film.light).all()
        assert len(film.track) == 125
        done = renderer.render(talk, tmp_path / "out.mp4")
        filmed = [to_planes(FrameReader(film.path).frame(n)) for n in range(len(film))]
        scratch = film.path.parent
    assert not scratch.exists()
    info = probe(tmp_path / "out.mp4")
    assert (info.width, info.height, info.frames) == (256, 256, done.pictures)
    painted = smooth = 0
    with FrameReader(tmp_path / "out.mp4") as video:
        for number, index in enumerate(once(125, done.pictures, 10)):
            now, before = rgb_of(to_planes(video.frame(number))), rgb_of(filmed[index])
            box = film.boxes[index].astype(int)
            np.testing.assert_array_equal(now[: box[1] - 1], before[: box[1] - 1])  # above the box
            x, y = film.track.mesh(avatar.shape, index)[[13, 14], :2].mean(0).astype(int)
            around = np.s_[y - 12 : y + 12, x - 12 : x + 12]
            there = now[around].astype(int)
            painted += (now[around] != before[around]).mean() > 0.5
            smooth += there.std((0, 1)).max() < before[around].std((0, 1)).max()
    assert painted == done.pictures
    assert smooth > 0.8 * done.pictures  # exemplars are of one grey, and the lips are not


def test_a_mouth_that_is_covered_in_a_template_is_shown_as_it_was_filmed(
    real: Path, talk, tmp_path, caplog
):
    avatar, cut = load_avatar(real / "avatar"), real / "cut.mp4"
    covered = range(60, 72)
    with VideoWriter(tmp_path / "bar.mp4", 256, 256, FPS, preset="ultrafast", crf=8) as writer:
        for number, picture in enumerate(read_frames(cut)):
            if number in covered:
                picture = picture.copy()
                picture[150:200, 100:160] = (20, 60, 40)
            writer.write(picture)
    with Renderer(avatar, RenderOptions(template=tmp_path / "bar.mp4", **EXACT)) as renderer:
        film = renderer.films[0]
        there = np.flatnonzero(~film.valid)
        filmed = [to_planes(FrameReader(film.path).frame(n)) for n in there.tolist()]
        renderer.render(talk, tmp_path / "out.mp4")
    assert set(there) == set(range(58, 74))  # two frames more at either end
    assert "something covers the mouth in 16 pictures" in caplog.text
    with FrameReader(tmp_path / "out.mp4") as video:
        for number, planes in zip(there.tolist(), filmed, strict=True):
            np.testing.assert_array_equal(to_planes(video.frame(number)), planes)


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


def test_many_clips_keep_few_films_open(avatar: Avatar):
    from lipsync.rendering.pictures import Readers

    with Readers([avatar.film] * 40) as readers:
        opened = [readers[number] for number in range(40)]
        assert readers[39] is opened[39]
        assert readers[0] is not opened[0]
        assert len(readers._open) == Readers.OPEN
        readers[0].frame(3)
