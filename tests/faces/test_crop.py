"""Boxes follow the head and not the mouth; crops go out and come back without a trace."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data

from lipsync.errors import LipsyncError
from lipsync.faces.crop import EYE_LINE, SIDE, crop_boxes, extract, points_in_crop, resample
from lipsync.faces.landmarks import (
    CHIN,
    JAW,
    LEFT_EYE_OUTER,
    LEFT_TEMPLE,
    LIPS,
    RIGHT_EYE_OUTER,
    RIGHT_TEMPLE,
)
from lipsync.faces.masks import paste_mask, visible_mask, visible_rows
from lipsync.faces.params import LandmarksParams
from lipsync.faces.storage import (
    read_boxes,
    read_crops,
    read_landmarks,
    write_faces,
    write_landmarks,
)
from lipsync.faces.tracker import FaceTracker, Landmarks
from lipsync.media.planes import from_rgb, rgb_of

WIDTH, HEIGHT, FPS = 512, 512, 25.0
BOX = np.array([160.3, 60.7, 160.3 + 120.9, 60.7 + 120.9], np.float32)


@pytest.fixture(scope="module")
def face(face_models: Path) -> np.ndarray:
    """The astronaut's points (468, 2)."""
    tracked = FaceTracker(face_models, LandmarksParams()).process(skimage.data.astronaut())
    assert tracked is not None
    return tracked.points[:, :2]


def boxes_of(points: np.ndarray, smoothing: float = 0.5, **size: int) -> np.ndarray:
    valid = np.isfinite(points).all(axis=(1, 2))
    width, height = size.get("width", WIDTH), size.get("height", HEIGHT)
    return crop_boxes(points, valid, width, height, FPS, smoothing)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


def test_box_holds_the_face_with_room_for_an_open_chin(face: np.ndarray) -> None:
    (box,) = boxes_of(face[None])
    assert box.dtype == np.float32
    assert box[2] - box[0] == pytest.approx(box[3] - box[1], abs=1e-3)
    temples = np.linalg.norm(face[RIGHT_TEMPLE] - face[LEFT_TEMPLE])
    assert box[2] - box[0] == pytest.approx(SIDE * temples, rel=1e-4)
    (inside,) = points_in_crop(face[None], box[None], 1)
    assert inside[[RIGHT_EYE_OUTER, LEFT_EYE_OUTER], 1].mean() == pytest.approx(EYE_LINE, abs=0.02)
    assert inside[CHIN, 1] < 0.85
    assert 0.05 < inside[list(JAW), 0].min() < inside[list(JAW), 0].max() < 0.95


def test_box_does_not_move_with_the_mouth(face: np.ndarray) -> None:
    still = np.repeat(face[None], 50, axis=0)
    talking = still.copy()
    below_nose = face[:, 1] > face[2, 1]
    wave = 15 * np.sin(np.arange(50))
    talking[:, below_nose, 1] += wave[:, None]
    lower_jaw = [i for i in JAW if below_nose[i]]
    assert np.ptp(talking[:, lower_jaw, 1], axis=0).min() > 20
    np.testing.assert_array_equal(boxes_of(talking), boxes_of(still))


def test_depth_moves_neither_box_nor_points(face: np.ndarray) -> None:
    deep = np.column_stack([face, np.linspace(-300, 300, len(face))])[None]
    boxes = boxes_of(face[None])
    np.testing.assert_allclose(boxes_of(deep), boxes, rtol=1e-5)
    flat, inside = (points_in_crop(points, boxes, 96) for points in (face[None], deep))
    np.testing.assert_allclose(inside, flat, rtol=1e-5)


def test_smoothing_takes_jitter_and_does_not_lag(face: np.ndarray) -> None:
    step = np.zeros((101, 1, 2))
    step[50:] = 30  # pixels, down and right
    step[50] = 15
    jitter = np.random.default_rng(1).normal(0, 2, (101, 1, 2))
    left = boxes_of(face + step)[:, 0]
    middle = left[50]
    np.testing.assert_allclose(middle - left[:50][::-1], left[51:] - middle, atol=1e-3)  # symmetric
    raw = boxes_of(face + jitter, smoothing=0)[:, 0]
    assert np.std(raw) > 1.5
    assert np.std(boxes_of(face + jitter)[:, 0]) < 0.5 * np.std(raw)


def test_steady_motion_is_followed_up_to_both_ends(face: np.ndarray) -> None:
    drift = np.stack([np.arange(60.0), 0.5 * np.arange(60.0)], axis=-1)[:, None]
    boxes = boxes_of(face + drift)
    np.testing.assert_allclose(boxes, boxes_of(face + drift, smoothing=0), atol=1e-2)


def test_side_is_steadier_than_the_place(face: np.ndarray) -> None:
    breath = 1 + 0.05 * np.sin(2 * np.pi * np.arange(100) / 25)[:, None, None]  # 1 Hz
    growing = (face - face.mean(axis=0)) * breath + face.mean(axis=0)
    swaying = face + 100 * (breath - 1)
    raw = boxes_of(growing, smoothing=0)
    side, place = boxes_of(growing), boxes_of(swaying)
    kept = np.ptp((side[:, 2] - side[:, 0])[25:75]) / np.ptp(raw[:, 2] - raw[:, 0])
    assert kept < 0.05
    assert np.ptp(place[25:75, 0]) > 0.6 * 10


def test_frames_without_a_face_get_the_nearest_box(face: np.ndarray) -> None:
    points = face + np.arange(10.0)[:, None, None]
    points[[0, 1, 5, 6, 9]] = np.nan
    boxes = boxes_of(points)
    np.testing.assert_array_equal(boxes[[0, 1, 5, 6, 9]], boxes[[2, 2, 4, 7, 8]])
    valid = np.isfinite(points).all(axis=(1, 2))
    alone = crop_boxes(points[valid][:1], np.array([True]), WIDTH, HEIGHT, FPS, 0.5)
    assert alone.shape == (1, 4)


def test_box_is_moved_into_the_picture_and_shrunk_only_if_it_must(face: np.ndarray) -> None:
    (free,) = boxes_of(face[None])
    side = free[2] - free[0]
    for move in ([-200, 0], [300, 0], [0, -100], [0, 400], [-300, 500]):
        (box,) = boxes_of(face[None] + np.float32(move))
        assert box[2] - box[0] == pytest.approx(side, abs=1e-3)
        assert box.min() >= 0
        assert box.max() <= 512
    (small,) = boxes_of(face[None], width=512, height=100)
    assert small[3] - small[1] == 100
    assert small[2] - small[0] == pytest.approx(100, abs=1e-3)


@pytest.mark.parametrize(("size", "least"), [(64, 31), (96, 35), (160, 41), (320, 41)])
def test_an_extracted_crop_can_be_put_back(size: int, least: float) -> None:
    """Box of 120.9 pixels: shrunk to 64, enlarged to 320."""
    picture = rgb_of(from_rgb(skimage.data.astronaut()))  # with the colours that video can hold
    crop = extract(from_rgb(picture), BOX, size)
    assert crop.shape == (size, size, 3)
    assert crop.dtype == np.uint8
    x0, y0, x1, _ = BOX.tolist()
    step = size / (x1 - x0)
    back = resample(crop, (161 - x0) * step, (61 - y0) * step, step, (120, 120))
    assert psnr(back, picture[61:181, 161:281]) > least


def test_extract_is_exact_to_a_fraction_of_a_pixel() -> None:
    """A ramp stays a ramp, at the right place, whether shrunk or enlarged."""
    ramp = np.repeat(np.arange(0, 200, dtype=np.uint8)[None, :, None], 200, axis=0)
    ramp = np.ascontiguousarray(np.repeat(ramp, 3, axis=2))  # value of column i is i
    for size, side in ((64, 150.0), (64, 64.0), (64, 20.5)):
        box = np.array([20.25, 30.5, 20.25 + side, 30.5 + side])
        expected = 20.25 + (np.arange(size) + 0.5) * side / size - 0.5
        np.testing.assert_allclose(
            extract(from_rgb(ramp), box, size)[size // 2, :, 0], expected, atol=1.5
        )


def test_only_the_rows_that_are_seen_can_be_asked_for() -> None:
    """What is left out is nothing that the generator would look at."""
    planes = from_rgb(skimage.data.astronaut())
    for size in (64, 160, 320):
        whole, rows = extract(planes, BOX, size), visible_rows(size)
        assert (visible_mask(size)[rows:] == 0).all()
        assert visible_mask(size)[rows - 1].max() > 0
        band = extract(planes, BOX, size, rows)
        np.testing.assert_array_equal(band[:rows], whole[:rows])
        assert not band[rows:].any()


def test_shrinking_averages_all_pixels() -> None:
    """Stripes one pixel wide become grey, not stripes again."""
    stripes = np.zeros((200, 200, 3), np.uint8)
    stripes[:, ::2] = 255
    crop = extract(from_rgb(stripes), np.array([10.0, 10.0, 170.0, 170.0]), 64)
    assert np.abs(crop.astype(float) - 127.5).max() < 40


@pytest.mark.parametrize("size", [64, 160, 512])
def test_masks_are_exact_where_it_counts(size: int, face: np.ndarray) -> None:
    seen, pasted = visible_mask(size), paste_mask(size)
    for mask in (seen, pasted):
        assert mask.shape == (size, size)
        assert mask.dtype == np.float32
        assert mask.min() == 0
        assert mask.max() == 1
    assert (seen[: int(0.2 * size)] == 1).all()
    assert (seen[int(0.25 * size) :] == 0).all()
    assert (pasted[seen > 0] == 0).all()
    for border in (pasted[0], pasted[-1], pasted[:, 0], pasted[:, -1]):
        assert (border == 0).all()

    boxes = boxes_of(face[None])
    (inside,) = points_in_crop(face[None], boxes, size)
    for i in (*LIPS, CHIN):
        x, y = inside[i].astype(int)
        assert seen[y, x] == 0
        assert pasted[y, x] > 0.98
    jaw = inside[[i for i in JAW if face[i, 1] > face[13, 1]]].astype(int)  # below the mouth
    assert pasted[jaw[:, 1], jaw[:, 0]].min() > 0.9


def test_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 255, (3, 64, 64, 3), dtype=np.uint8)
    boxes = rng.random((3, 4), dtype=np.float32)
    valid = np.array([True, False, True])
    lips = rng.random((3, 40, 2), dtype=np.float32)
    for name in ("a.npz", "b.npz"):
        write_faces(tmp_path / name, iter(crops), 64, boxes, valid, valid, lips)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz") as archive:
        np.testing.assert_array_equal(archive["crops"], crops)
        np.testing.assert_array_equal(archive["valid"], valid)
    with pytest.raises(ValueError, match="2 crops for 3 boxes"):
        write_faces(tmp_path / "c.npz", iter(crops[:2]), 64, boxes, valid, valid, lips)
    assert not (tmp_path / "c.npz").exists()


def test_landmarks_come_back(tmp_path: Path) -> None:
    points = np.full((2, 468, 3), np.nan, np.float32)
    points[0] = 3
    score = np.array([1, 0], np.float32)
    written = Landmarks(points, np.array([True, False]), score, np.ones(2, np.int32))
    write_landmarks(tmp_path / "landmarks.npz", written)
    read, valid, seen = read_landmarks(tmp_path / "landmarks.npz")
    np.testing.assert_array_equal(read, points)
    assert valid.tolist() == seen.tolist() == [True, False]


def test_landmarks_without_depth_are_of_an_older_run(tmp_path: Path) -> None:
    flat = Landmarks(np.zeros((2, 468, 2)), np.ones(2, bool), np.ones(2), np.ones(2))
    write_landmarks(tmp_path / "landmarks.npz", flat)
    with pytest.raises(LipsyncError) as error:
        read_landmarks(tmp_path / "landmarks.npz")
    line = str(error.value)
    assert "(468, 2), not (468, 3) with the depth; run `dvc repro`" in line
    assert "\n" not in line


def test_boxes_and_crops_are_read_apart(tmp_path: Path) -> None:
    """Crops one by one: those of a long video need not fit into memory."""
    crops = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    boxes, valid = np.arange(20, dtype=np.float32).reshape(5, 4), np.arange(5) != 2
    lips = np.zeros((5, 40, 2), np.float32)
    path = tmp_path / "faces.npz"
    for read in (read_boxes, lambda path: list(read_crops(path))):
        with pytest.raises(LipsyncError, match=r"faces\.npz: no such file"):
            read(path)
    write_faces(path, crops, 32, boxes, valid, valid, lips)
    for found, wanted in zip(read_boxes(path), (boxes, valid), strict=True):
        np.testing.assert_array_equal(found, wanted)
    one_by_one = read_crops(path)
    np.testing.assert_array_equal(next(one_by_one), crops[0])
    np.testing.assert_array_equal(np.stack(list(one_by_one)), crops[1:])
    path.write_bytes(path.read_bytes()[:3000])
    for read in (read_boxes, lambda path: list(read_crops(path))):
        with pytest.raises(LipsyncError, match=r"faces\.npz: damaged"):
            read(path)
