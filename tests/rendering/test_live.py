"""Chunks in, pictures out: the same as from a file, and soon."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.media.planes import rgb_of
from lipsync.rendering.articulation import Articulation
from lipsync.rendering.avatar import Avatar
from lipsync.rendering.live import LiveAvatar
from lipsync.rendering.options import RenderOptions
from lipsync.rendering.pictures import pictures
from lipsync.rendering.plan import Plan, Shot, once, ping_pong
from lipsync.speech.mel import MelEncoder
from lipsync.speech.windows import stream_windows
from tests.tiny_avatar import FACELESS, FPS, FRAMES, FUTURE, PAST, mouth_grey


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """3.3 s and a bit, swelling and fading noise, (n,) float32."""
    t = np.arange(53_123) / 16_000
    noise = np.random.default_rng(0).normal(0, 0.2, len(t))
    return (noise * np.abs(np.sin(2 * t))).astype(np.float32)


def offline(avatar: Avatar, sound: np.ndarray, frames: np.ndarray) -> list[np.ndarray]:
    """Pictures of the whole sound at once, as `render` makes them."""
    encoder = MelEncoder(FPS)
    articulation = Articulation(avatar, encoder)
    articulation.hear(encoder.encode(sound, len(frames)))
    rows = map(articulation.normalise, encoder.stream([sound], len(frames)))
    windows = stream_windows(rows, articulation.silence, PAST, FUTURE)
    plan = Plan([Shot(0, frames, len(frames), spoken=True)])
    made = pictures(avatar, [avatar.film], articulation, plan, windows)
    return [rgb_of(planes) for planes in made]


def mouth(avatar: Avatar, picture: np.ndarray, frame: int) -> float:
    return mouth_grey(picture, avatar.film, avatar.shape, frame) if frame != FACELESS else 0.0


@pytest.mark.parametrize("chunk", [100, 640, 1600, 20_000, 60_000])
def test_it_is_the_file_rendered_picture_for_picture(avatar, sound, chunk: int):
    wanted = offline(avatar, sound, ping_pong(FRAMES, 83))
    heard, given = 0, []
    with LiveAvatar(avatar, voice=sound) as live:
        for start in range(0, len(sound), chunk):
            piece = sound[start : start + chunk]
            heard += len(piece)
            for picture in live.feed(piece):
                # Not one comes before, and none after, what it hears is there.
                middle = (len(given) + 0.5) / FPS
                assert heard / 16_000 >= middle + live.latency - 1e-6
                given.append(picture)
            assert (len(given) + 0.5) / FPS + live.latency > heard / 16_000 - 1e-6
        given += live.finish()
    assert len(given) == len(wanted) == 83  # 53123 / 16000 s at 25 a second
    assert (
        len({mouth(avatar, *pair) for pair in zip(given, ping_pong(FRAMES, 83), strict=True)}) > 9
    )
    for mine, theirs in zip(given, wanted, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_pictures_that_are_left_out_change_none_of_the_others(avatar, sound):
    """Whoever cannot keep up makes the last of those that are due; the voice is learned of all."""
    with LiveAvatar(avatar) as live:
        # The avatar's exemplars are so far apart that a choice owes nothing to the one before.
        wanted = live.feed(sound)
        assert live.due == len(wanted)
    with LiveAvatar(avatar) as live:
        numbers = []
        for start in range(0, len(sound), 2000):  # 3 or 4 pictures each, of which 2 are made
            given = live.feed(sound[start : start + 2000], most=2)
            assert len(given) <= 2
            for number, picture in enumerate(given, live.due - len(given)):
                np.testing.assert_array_equal(picture, wanted[number])
                numbers.append(number)
        assert live.due == len(wanted)
        assert 40 < len(numbers) < 60
        assert live.feed(sound[:2000], most=0) == []


def test_latency_is_that_of_the_rows_it_looks_ahead_to(avatar: Avatar):
    with LiveAvatar(avatar) as live:
        # One row ahead, its end half a frame after its middle, and half a 25 ms window less half
        # of the 10 ms between columns.
        assert live.latency == pytest.approx((FUTURE + 0.5) / FPS + 0.0125 - 0.005, abs=1e-4)


def test_the_default_motion_looks_less_than_200_ms_ahead(avatar: Avatar, root: Path):
    from lipsync.motion.params import MotionParams
    from lipsync.params import load_params

    future = load_params(root / "params.yaml").for_person("speaker")[MotionParams].look_ahead
    assert (future + 0.5) / 25 + 0.0125 - 0.005 <= 0.2
    info = avatar.info.model_copy(update={"future": future})
    with LiveAvatar(replace(avatar, info=info)) as live:
        assert live.latency == pytest.approx(0.1875, abs=1e-4)


def test_start_and_no_way_back_are_kept_up_for_ever(avatar, sound):
    long = np.tile(sound, 2)
    for loop_back, order in ((True, ping_pong), (False, once)):
        frames = order(FRAMES, 166, 7)
        wanted = offline(avatar, long, frames)
        options = RenderOptions(start_frame=7, loop_back=loop_back)
        with LiveAvatar(avatar, options, voice=long) as live:
            given = [*live.feed(long), *live.finish()]
        assert len(given) == 166
        assert all(np.array_equal(*pair) for pair in zip(given, wanted, strict=True))


def test_a_mark_is_on_live_pictures_too(avatar, sound):
    with LiveAvatar(avatar, RenderOptions(mark="AI")) as live:
        marked = live.feed(sound)[0]
    with LiveAvatar(avatar) as live:
        plain = live.feed(sound)[0]
    assert (marked[-20:, :20] != plain[-20:, :20]).any()


def test_what_is_no_sound_and_what_comes_after_the_end_is_refused(avatar, sound):
    with LiveAvatar(avatar) as live:
        with pytest.raises(ValueError, match="not int16"):
            live.feed((sound * 32767).astype(np.int16))
        given = len(live.feed(sound)) + len(live.finish())
        assert given == 83
        assert live.finish() == []
        with pytest.raises(ValueError, match="finished"):
            live.feed(sound)


def test_clips_want_to_know_the_pauses_to_come(avatar: Avatar):
    with pytest.raises(LipsyncError, match="mode: core_clips"):
        LiveAvatar(avatar, RenderOptions(mode="core_clips"))
