"""Cuts are found, one person stays one over all shots, and nothing is smoothed across a cut."""

from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from lipsync.faces.crop import crop_boxes, smooth
from lipsync.faces.landmarks import NOSE_TIP, eye_distance
from lipsync.faces.params import LandmarksParams
from lipsync.faces.shots import mark_shots, shot_ranges, shots_with_face
from lipsync.faces.storage import read_landmarks, read_shots, write_landmarks
from lipsync.faces.tracker import FaceTracker, Landmarks, fill_gaps
from lipsync.geometry.fit import fit_shape_model, fit_track
from tests.faces.cuts import HEIGHT, WIDTH, astronaut, card, put, room, somebody_else, walk

FPS = 25


def track(face_models: Path, pictures: Sequence[np.ndarray]) -> Landmarks:
    return FaceTracker(face_models, LandmarksParams()).track(pictures)


def marks(pictures: Sequence[np.ndarray]) -> dict[int, str]:
    found = [mark for _, mark in mark_shots(pictures)]
    assert len(found) == len(pictures)
    return {frame: mark for frame, mark in enumerate(found) if mark != "same"}


def test_a_take_has_no_cuts_however_it_moves_and_whatever_its_frame_rate() -> None:
    take = walk(40, 20)
    assert marks(take) == {}
    assert marks(np.repeat(take[::4], 4, axis=0)) == {}  # 6 pictures a second
    pan = [np.roll(room(), 9 * i, axis=1) for i in range(30)]
    assert marks(pan) == {}
    fade = [(p * min(1, i / 15)).astype(np.uint8) for i, p in enumerate(take)]
    assert marks(fade) == {}
    assert marks(take[:1]) == {}
    assert marks([]) == {}


def test_a_cut_is_found_at_its_frame() -> None:
    assert marks([*walk(20, 20), *walk(20, 20, background=1)]) == {20: "new"}
    assert marks([*walk(20, 20), *walk(20, 60)]) == {20: "new"}  # a jump in the same room
    assert marks([*walk(20, 20), *card(20)]) == {20: "new"}
    assert marks([*walk(3, 20), *walk(20, 60, background=1)]) == {3: "new"}


@pytest.mark.parametrize("length", [1, 2, 8])
@pytest.mark.parametrize("level", [0, 255])
def test_flashes_and_black_pictures_interrupt_a_shot(length: int, level: int) -> None:
    take = walk(50, 20)
    take[20 : 20 + length] = [np.full_like(take[0], level)] * length
    assert marks(take) == {20: "new", 20 + length: "back"}
    take[20:40] = [np.full_like(take[0], level)] * 20  # too long for that
    assert marks(take) == {20: "new", 40: "new"}


def test_real_takes_have_no_cuts_and_real_joints_are_cuts(clips: Path) -> None:
    """79 joints of a speaker who sits still, and takes of people who do not."""

    def pictures(name: str, count: int) -> list[np.ndarray]:
        with av.open(str(clips / name)) as container:
            frames = (f.reformat(320, 320, "rgb24") for f in container.decode(video=0))
            return [frame.to_ndarray() for _, frame in zip(range(count), frames, strict=False)]

    for name in ("close_up_5s.mp4", "outdoor_10s.mp4", "head_turns_20s.mp4"):
        assert marks(pictures(name, 250)) == {}, name
    assert list(marks(pictures("grid_s1_4min.mp4", 900))) == list(range(75, 900, 75))


def test_an_uncut_take_is_what_it_was_without_shots(face_models: Path, tmp_path: Path) -> None:
    """Points, file and boxes are those of a tracker that knows no cuts, to the bit."""
    take = walk(40, 20)
    found = track(face_models, take)
    assert not len(found.cuts)
    one_by_one = FaceTracker(face_models, LandmarksParams())
    for frame, picture in enumerate(take):
        seen = one_by_one.process(picture)
        assert seen is not None
        np.testing.assert_array_equal(found.points[frame], seen.points)
    write_landmarks(tmp_path / "landmarks.npz", found)
    np.savez(tmp_path / "before.npz", points=found.points, valid=found.valid, score=found.score)
    assert (tmp_path / "landmarks.npz").read_bytes() == (tmp_path / "before.npz").read_bytes()
    cuts, others = read_shots(tmp_path / "landmarks.npz")
    assert (len(cuts), others.sum()) == (0, 0)


def test_a_zoom_a_jump_and_a_mirror_are_one_person(face_models: Path, tmp_path: Path) -> None:
    zoom = [cv2.resize(p[40:240, 0:300], (WIDTH, HEIGHT)) for p in walk(20, 20)]
    mirrored = [np.ascontiguousarray(p[:, ::-1]) for p in walk(20, 40, background=2)]
    pictures = [*walk(20, 20), *zoom, *walk(20, 230), *mirrored]
    found = track(face_models, pictures)
    assert found.cuts.tolist() == [20, 40, 60]
    assert found.valid.all()
    assert not found.others.any()
    sizes = eye_distance(found.points)
    assert 1.4 < sizes[20:40].mean() / sizes[:20].mean() < 1.7
    boxes = crop_boxes(found.points, found.valid, WIDTH, HEIGHT, FPS, 0.5, found.cuts)
    for start, end in shot_ranges(found.cuts, len(pictures)):
        alone = found.points[start:end], found.valid[start:end]
        np.testing.assert_array_equal(boxes[start:end], crop_boxes(*alone, WIDTH, HEIGHT, FPS, 0.5))
    glided = crop_boxes(found.points, found.valid, WIDTH, HEIGHT, FPS, 0.5)
    assert np.abs(glided - boxes)[17:23].max() > 20  # pixels; what cuts are for
    write_landmarks(tmp_path / "landmarks.npz", found)
    assert read_shots(tmp_path / "landmarks.npz")[0].tolist() == [20, 40, 60]
    np.testing.assert_array_equal(read_landmarks(tmp_path / "landmarks.npz")[0], found.points)


def test_poses_are_those_of_each_shot_alone(face_models: Path) -> None:
    pictures = [*walk(24, 20), *walk(24, 230)]
    found = track(face_models, pictures)
    model = fit_shape_model(found.points, np.arange(48), 4)
    whole = fit_track(found.points, found.valid, model, FPS, 0.5, found.cuts)
    for part in (slice(0, 24), slice(24, 48)):
        alone = fit_track(found.points[part], found.valid[part], model, FPS, 0.5)
        np.testing.assert_array_equal(whole.translation[part], alone.translation)
        np.testing.assert_array_equal(whole.scale[part], alone.scale)
        np.testing.assert_allclose(whole.rotation[part], alone.rotation, atol=1e-6)


def test_who_leaves_and_returns_elsewhere_is_the_same(face_models: Path) -> None:
    pictures = [*walk(20, 20), *[put(None, 0)] * 20, *walk(20, 230)]
    found = track(face_models, pictures)
    assert np.flatnonzero(found.valid).tolist() == [*range(20), *range(40, 60)]
    assert found.points[40, NOSE_TIP, 0] - found.points[19, NOSE_TIP, 0] > 150
    assert 40 in found.cuts
    assert not found.others.any()


def test_a_card_at_either_end_or_between_is_no_face(face_models: Path) -> None:
    pictures = [*card(15), *walk(25, 20), *card(15, 200), *walk(20, 40), *card(15)]
    found = track(face_models, pictures)
    assert found.cuts.tolist() == [15, 40, 55, 75]
    wanted = np.zeros(90, bool)
    wanted[15:40] = wanted[55:75] = True
    np.testing.assert_array_equal(found.valid, wanted)
    np.testing.assert_array_equal(shots_with_face(found.valid, found.cuts), wanted)
    assert not found.others.any()


def test_somebody_else_stays_somebody_else(face_models: Path) -> None:
    """Beside the person, and alone in a shot of their own between the person's."""
    other = somebody_else()
    beside = [cv2.addWeighted(p, 1, p, 0, 0) for p in walk(20, 10)]
    for picture in beside:
        picture[60:280, 250:470] = other
    pictures = [*beside, *walk(20, 230, other, background=1), *walk(30, 20)]
    found = track(face_models, pictures)
    assert found.cuts.tolist() == [20, 40]
    assert (found.faces[:20] == 2).all()
    np.testing.assert_array_equal(found.valid, [*[True] * 20, *[False] * 20, *[True] * 30])
    np.testing.assert_array_equal(found.others, ~found.valid)


def test_two_real_people_who_take_turns_are_two(clips: Path, face_models: Path) -> None:
    def pictures(name: str, start: int, end: int) -> list[np.ndarray]:
        with av.open(str(clips / name)) as container:
            frames = [f.reformat(320, 256, "rgb24") for f in container.decode(video=0)]
            return [frame.to_ndarray() for frame in frames[start:end]]

    host = pictures("base/speaker_04.mp4", 0, 90)
    guest = pictures("base/speaker_02.mp4", 0, 60)
    found = track(face_models, [*host[:40], *guest[:30], *host[40:], *guest[30:]])
    assert found.cuts.tolist() == [40, 70, 120]
    np.testing.assert_array_equal(
        found.valid, np.r_[[True] * 40, [False] * 30, [True] * 50, [False] * 30]
    )
    np.testing.assert_array_equal(found.others, ~found.valid)


def test_gaps_across_a_cut_stay() -> None:
    points = np.zeros((6, 468, 3), np.float32)
    points[[1, 4]] = np.nan
    filled = fill_gaps(points, 3, np.array([4]))
    assert np.isfinite(filled[1]).all()
    assert np.isnan(filled[4]).all()
    assert np.isfinite(fill_gaps(points, 3, np.array([2])))[4].all()


def test_smoothing_knows_nothing_of_other_shots() -> None:
    frames = np.array([0, 1, 2, 3, 5, 6, 7])
    values = np.array([0.0, 1, 0, 1, 50, 51, 50])[:, None]
    found = smooth(frames, values, 2.0, np.array([4]))
    np.testing.assert_array_equal(found[:4], smooth(frames[:4], values[:4], 2.0))
    np.testing.assert_array_equal(found[4:], smooth(frames[4:], values[4:], 2.0))
    assert smooth(frames, values, 2.0)[3, 0] > 5


def test_a_frame_without_a_face_has_the_box_of_its_own_shot(face_models: Path) -> None:
    found = track(face_models, [*walk(12, 20), *walk(12, 230)])
    valid = found.valid.copy()
    valid[10:12] = valid[12:18] = False
    boxes = crop_boxes(found.points, valid, WIDTH, HEIGHT, FPS, 0, found.cuts)
    np.testing.assert_array_equal(boxes[11], boxes[9])
    np.testing.assert_array_equal(boxes[12], boxes[18])
    valid[12:] = False
    boxes = crop_boxes(found.points, valid, WIDTH, HEIGHT, FPS, 0, found.cuts)
    np.testing.assert_array_equal(boxes[20], boxes[9])


class ByRedness:
    """In place of a face-recognition network: a person is who is as red."""

    def embed(self, face: np.ndarray) -> np.ndarray:
        red = face[..., 0].mean() > face[..., 2].mean()
        return np.array([red, not red], np.float32)


def test_a_face_recognition_network_has_the_last_word(face_models: Path) -> None:
    """One face in two colours is two people to it, and two sizes of one colour are one."""
    blue = np.ascontiguousarray(astronaut()[:, :, ::-1])
    near = cv2.resize(astronaut(), (300, 300))[:HEIGHT]
    pictures = [*walk(20, 20), *walk(15, 100, blue, background=1), *walk(15, 90, near, y=10)]
    found = FaceTracker(face_models, LandmarksParams(), ByRedness()).track(pictures)
    assert found.cuts.tolist() == [20, 35]
    np.testing.assert_array_equal(found.others, np.repeat([False, True, False], [20, 15, 15]))
    np.testing.assert_array_equal(found.valid, ~found.others)
