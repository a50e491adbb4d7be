"""Warping and pasting: a frame on its own mesh is itself, outside of the mask nothing changes."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from lipsync.faces.landmarks import LIPS, LIPS_INNER
from lipsync.geometry.raster import Raster
from lipsync.media.planes import from_rgb, rgb_of, views
from lipsync.retrieval.layers import FAR, LayerMaker
from lipsync.retrieval.material import study_faces
from lipsync.retrieval.pasting import Decisions, Window, low_pass, make_face, paste, undecided
from lipsync.retrieval.target import Target, scaled
from tests.retrieval.person import (
    FPS,
    LEFT,
    SIDE,
    SIZE,
    TOP,
    exemplars,
    maker,
    material,
    model,
    pattern,
    spoken,
)

CLOSED, OPEN = np.zeros((1, 2)), np.array([2.0, 0], np.float32)


def moved(target: Target, x: float) -> Target:
    """The wanted face, ``x`` shares of the crop's side further to the right."""
    return replace(target, vertices=target.vertices + np.array([x, 0, 0], np.float32))


def test_a_raster_interpolates_between_vertices_and_shows_what_is_near():
    square = np.array([[2, 2, 1], [30, 2, 1], [30, 30, 1], [2, 30, 1]], float)
    front = np.array([[10, 10, 0], [20, 10, 0], [10, 20, 0]], float)
    vertices = np.concatenate([square, front]).astype(np.float32)
    triangles = np.array([[4, 5, 6], [0, 1, 2], [0, 2, 3]], np.int32)
    raster = Raster(vertices, triangles, 32)
    values = np.concatenate([vertices[:, :2], vertices[:, 2:]], axis=1)
    drawn = raster.interpolate(values)
    y, x = np.mgrid[4:28, 4:28] + 0.5
    np.testing.assert_allclose(drawn[4:28, 4:28, 0], x, atol=1e-3)
    np.testing.assert_allclose(drawn[4:28, 4:28, 1], y, atol=1e-3)
    assert drawn[12, 12, 2] == pytest.approx(0)  # the triangle in front
    assert drawn[24, 24, 2] == pytest.approx(1)
    assert not drawn[0].any()  # where there is none


def test_a_triangle_seen_from_the_side_is_the_mean_of_its_corners():
    vertices = np.array([[4, 4, 0], [8, 4, 0], [12, 4, 0]], np.float32)
    raster = Raster(vertices, np.array([[0, 1, 2]], np.int32), 16)
    drawn = raster.interpolate(np.array([[1.0], [2], [6]]))[..., 0]
    assert np.isfinite(drawn).all()
    assert set(np.unique(drawn).round(3)) <= {0.0, 3.0}


def test_a_frame_warped_onto_its_own_mesh_is_the_frame():
    filmed = material(CLOSED)
    known = exemplars(filmed)
    target = filmed.target(0)
    layers = LayerMaker(known, model(), SIZE).make(target, maker(known).selector().choose(target))
    inside = layers.mask > 0
    assert inside.mean() > 0.2
    for layer in (layers.face, layers.mouth, layers.blend):
        assert np.abs(layer.astype(int) - filmed.crops[0])[inside].max() <= 3
    planes, weight = spoken(maker(known), filmed, target)
    assert np.abs(rgb_of(planes).astype(int) - pattern())[weight > 0.9].mean() < 2


def test_corners_of_the_jaw_are_covered_only_where_the_face_has_moved():
    filmed = material(CLOSED)
    layers = LayerMaker(exemplars(filmed), model(), SIZE)
    unmoved = filmed.target(0)
    choice = maker(exemplars(filmed)).selector().choose(unmoved)
    lower = replace(unmoved, own_vertices=unmoved.vertices - np.float32([0, 2 * FAR, 0]))
    masks = [layers.make(target, choice).mask for target in (unmoved, lower)]
    corners = (unmoved.vertices[[150, 379], :2] * SIZE).astype(int)
    lips = (unmoved.vertices[list(LIPS), :2] * SIZE).astype(int)
    at_jaw, at_lips = ([mask[y, x] for mask in masks] for x, y in (corners.T, lips.T))
    assert (at_jaw[1] > at_jaw[0] + 0.2).all()
    assert min(mask.min() for mask in at_lips) > 0.9


@pytest.mark.parametrize("pixels", [-3, 3])  # of the picture
def test_the_texture_follows_the_mesh(pixels: int):
    filmed = material(CLOSED)
    faces = maker(exemplars(filmed))
    target = moved(filmed.target(0), pixels / SIDE)
    planes, weight = spoken(faces, filmed, target)
    wanted = np.roll(pattern(), pixels, axis=1).astype(int)
    sure = weight > 0.99
    assert np.abs(rgb_of(planes) - wanted)[sure].mean() < 3
    assert np.abs(pattern() - wanted)[sure].mean() > 6


@pytest.mark.parametrize("expression", [None, OPEN])
def test_outside_of_the_mask_the_picture_stays_to_the_bit(expression: np.ndarray | None):
    filmed = material(CLOSED)
    known = exemplars(filmed, 255 - pattern())
    target = filmed.target(0, expression)
    planes, weight = spoken(maker(known, detail=1.3), filmed, target)
    luma, *chroma = views(planes != from_rgb(pattern()))
    near = cv2.dilate((weight > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert luma[weight > 0.5].mean() > 0.9
    assert not luma[~near].any()
    for plane in chroma:
        assert not plane[~(near[::2, ::2] | near[1::2, 1::2])].any()
    eyes = TOP + SIDE * filmed.vertices(0)[[33, 263], 1].max()
    assert not luma[: int(eyes)].any()


def test_a_pasted_face_shows_no_border():
    """A face 40 levels too bright: no step between neighbours, nor at the edge of the mask."""
    filmed = material(CLOSED)
    faces, target = maker(exemplars(filmed)), filmed.target(0)
    layers, _ = faces.decide(filmed.crops[0], target, faces.selector().choose(target))
    planes = from_rgb(np.full((160, 192, 3), 100, np.uint8))
    window = Window.of(filmed.boxes[0], layers.mask, (160, 192))
    paste(planes, np.full((window.height, window.width, 3), 140, np.uint8), window, layers.mask)
    result = rgb_of(planes).astype(int)
    assert result.max() == pytest.approx(140, abs=1)
    assert np.abs(np.diff(result, axis=0)).max() <= 8
    assert np.abs(np.diff(result, axis=1)).max() <= 8


def test_the_mask_covers_the_wanted_face_and_the_filmed_one():
    filmed = material(np.array([[2.0, 0]]))
    layers = LayerMaker(exemplars(filmed), model(), SIZE)
    shut, wide = filmed.target(0, np.zeros(2, np.float32)), filmed.target(0)
    choice = maker(exemplars(filmed)).selector().choose(wide)
    of_shut, of_wide = layers.make(shut, choice), layers.make(wide, choice)
    only_shut = layers.make(replace(shut, own_vertices=shut.vertices), choice)
    assert of_shut.mask.sum() > only_shut.mask.sum() + 1
    assert (of_shut.mask >= of_wide.mask - 1e-3).all()
    for mask in (of_shut.mask, of_wide.mask):
        assert not mask[[0, -1]].any()
        assert not mask[:, [0, -1]].any()
        assert mask.max() <= 1 + 1e-6


def test_what_lies_between_the_wanted_lips():
    filmed = material(CLOSED)
    layers = LayerMaker(exemplars(filmed), model(), SIZE)
    inner = {}
    for opening in (0.0, 2.0):
        target = filmed.target(0, np.array([opening, 0], np.float32))
        choice = maker(exemplars(filmed)).selector().choose(target)
        inner[opening] = layers.make(target, choice).inner
        edge = scaled(target.vertices, SIZE)[list(LIPS_INNER), :2]
        x, y = edge.mean(0).astype(int)
        assert inner[opening][y, x] > 0.5
        assert not inner[opening][: int(edge[:, 1].min()) - 1].any()
    assert inner[2.0].sum() > 2 * inner[0.0].sum()


def test_exemplars_are_brought_to_the_light_of_the_frame():
    dim = (pattern() * 0.85).astype(np.uint8)
    dark, bright = material(CLOSED, dim), material(CLOSED)
    known = exemplars(dark, dim)
    assert known.light.mean() < bright.light.mean() - 10
    planes, weight = spoken(maker(known), bright, bright.target(0))
    sure = weight > 0.99
    assert np.abs(rgb_of(planes).astype(int) - pattern())[sure].mean() < 5
    assert np.abs(dim.astype(int) - pattern())[sure].mean() > 12


def test_what_is_decided_is_carried_over_at_full_size():
    filmed = material(np.concatenate([CLOSED, [OPEN]]))
    known = exemplars(filmed)
    target = filmed.target(0)
    choice = maker(known).selector().choose(target)
    layers = LayerMaker(known, model(), SIZE).make(target, choice)
    window = Window.of(filmed.boxes[0], layers.mask, (160, 192))
    assert (window.left % 2, window.top % 2, window.width % 2, window.height % 2) == (0, 0, 0, 0)
    nothing = undecided(layers)
    plain = make_face(known, choice, layers, nothing, window, 1.0).astype(int)
    flow = np.zeros((SIZE, SIZE, 2), np.float32)
    flow[..., 0] = 4 / SIDE  # the texture is fetched 4 pixels further to the right
    shifted = make_face(known, choice, layers, replace(nothing, flow=flow), window, 1.0)
    middle = np.s_[20:-20, 20:-20]
    assert np.abs(shifted[:, :-4].astype(int) - plain[:, 4:])[middle].mean() < 2
    correction = nothing.correction + np.array([20, 0, -20], np.float32)
    tinted = make_face(known, choice, layers, replace(nothing, correction=correction), window, 1.0)
    change = (tinted.astype(int) - plain)[middle].mean((0, 1))
    np.testing.assert_allclose(change, [20, 0, -20], atol=1.5)
    crisp = make_face(known, choice, layers, nothing, window, 1.5)
    spread = [
        cv2.Laplacian(each.astype(np.float32), cv2.CV_32F)[middle].std() for each in (plain, crisp)
    ]
    assert spread[1] > 1.1 * spread[0]


def test_a_face_at_the_rim_of_the_picture_is_pasted_as_far_as_it_is_seen():
    filmed = material(CLOSED)
    known = exemplars(filmed, 255 - pattern())
    faces, target = maker(known), filmed.target(0)
    choice = faces.selector().choose(target)
    planes = from_rgb(np.ascontiguousarray(pattern()[:100, : LEFT + SIDE // 2]))
    before = planes.copy()
    faces.speak(planes, filmed.boxes[0], filmed.crops[0], target, choice)
    luma = views(planes != before)[0]
    assert luma[-10:, -20:].any()
    assert not luma[: TOP + 20].any()


def test_light_is_the_still_skins_and_smooth_in_time():
    filmed = material(np.zeros((30, 2)))
    shades = 100 + 20 * (np.arange(30) % 2)
    crops = [np.full((SIZE, SIZE, 3), shade, np.uint8) for shade in shades]
    for crop in crops:
        crop[SIZE // 2 :] = 0  # what speaks does not count
    valid = np.arange(30) != 7
    track = replace(filmed.track, valid=valid)
    light, covered = study_faces(iter(crops), filmed.boxes, model(), track, FPS)
    assert light.dtype == np.float32
    assert not covered.any()
    assert np.isnan(light[7]).all()
    assert np.isfinite(light[valid]).all()
    np.testing.assert_allclose(light[valid], 110, atol=4)


def test_no_decision_moves_nothing_and_keeps_the_mouth_as_it_is():
    filmed = material(CLOSED)
    target = filmed.target(0)
    known = exemplars(filmed)
    layers = LayerMaker(known, model(), SIZE).make(target, maker(known).selector().choose(target))
    drawn = np.random.default_rng(1).integers(0, 256, layers.blend.shape, np.uint8)
    layers = replace(layers, blend=drawn)
    found = undecided(layers)
    assert isinstance(found, Decisions)
    assert not found.flow.any()
    # All of the lips are the mouth exemplar's.
    share, lips = found.mouth_share, target.vertices[list(LIPS), :2]
    x, y = (lips * SIZE).astype(int).T
    assert (share[y, x] > 0.8).mean() > 0.9  # corners are narrower than a pixel
    assert share[layers.mouth_mask == 0].max() == 0
    # The blend's shading, less and less of it as the mouth's weight rises.
    mouth = layers.mouth_mask[..., None]
    texture = layers.face + share[..., None] * (layers.mouth.astype(float) - layers.face)
    wanted = (1 - mouth) * low_pass(layers.blend - texture, len(drawn))
    assert np.abs(wanted).max() > 10
    np.testing.assert_allclose(found.correction, wanted, atol=1e-2)
