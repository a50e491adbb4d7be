"""What options do to the video, and what is refused."""

import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.media.planes import from_rgb, rgb_of
from lipsync.media.video import read_frames
from lipsync.rendering.avatar import Avatar, load_avatar
from lipsync.rendering.mark import Mark
from lipsync.rendering.options import RenderOptions, make_options
from lipsync.rendering.plan import once
from lipsync.rendering.render import render
from tests.rendering_material import EXACT
from tests.tiny_avatar import FRAMES, HEIGHT


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
