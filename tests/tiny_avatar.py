"""A tiny avatar whose face shows what it hears.

Its motion network turns the loudness of a frame's own speech row into the opening of the mouth. Its
exemplars are of one grey each, the brighter the wider the mouth is open: the grey around the lips
tells which exemplar a frame was made of.
"""

from functools import cache
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

from lipsync.export.avatar import Parts, write_avatar
from lipsync.faces.crop import crop_boxes
from lipsync.faces.landmarks import POINTS
from lipsync.faces.models import FACE_MODELS
from lipsync.geometry.model import POSE_FEATURES, ShapeModel, Track
from lipsync.geometry.topology import triangulate, with_ring
from lipsync.media.video import VideoWriter
from lipsync.motion.opening import QUANTILES, gap_of
from lipsync.rendering.avatar import AvatarInfo, Opening
from lipsync.rendering.film import Film
from lipsync.rendering.refiner import MASKS, PICTURES
from lipsync.retrieval.exemplars import Exemplars, write_exemplars
from lipsync.retrieval.material import Material
from lipsync.speech.params import SpeechParams
from tests.geometry.head import shape, speak

SIZE, DIMENSION, PAST, FUTURE = 64, 320, 2, 1
FRAMES, WIDTH, HEIGHT, FPS = 12, 128, 96, 25
FACELESS = 5  # the film's frame without a face
QUIET = 4  # frames at the start in which nobody speaks
GREYS = (10, 90, 170, 250)  # of the exemplars, from a closed mouth to the widest
WIDEST = len(GREYS) - 1  # expression of the loudest speech; its exemplar has the same
LOUD = 0.5  # mean of a normalised row of the loudest speech
OPENED = 0.1  # eye distances that the mouth is open at an expression of 1
DRIFT = 6.0  # pixels that the face moves in the film
LIGHT = 100.0  # of film and exemplars


def write_tiny_avatar(
    folder: Path,
    model: ShapeModel | None = None,
    face_models: Path | None = None,
    drift: float = DRIFT,
) -> Path:
    """An avatar with a film of 12 pictures, 128 x 96, whose grey tells the frame number.

    model: a face in place of the drawn one, of two components. drift: pixels that it moves by.
    """
    path = folder.parent / f"{folder.name}.mp4"
    with VideoWriter(path, WIDTH, HEIGHT, FPS, crf=8, preset="ultrafast") as writer:
        for picture in film_pictures():
            writer.write(picture)
    model = model or tiny_shape()
    exemplars = folder.parent / f"{folder.name}.npz"
    write_exemplars(exemplars, tiny_exemplars(model))
    parts = Parts(
        motion=tiny_motion(),
        refiner=tiny_refiner(),
        exemplars=exemplars,
        face_models=face_models or fake_face_models(folder.parent),
    )
    film = tiny_film(path, model, FRAMES, (FACELESS,), drift)
    voice = np.arange(FRAMES) >= QUIET
    write_avatar(folder, tiny_info(), parts, model, film, voice)
    return folder


def tiny_info() -> AvatarInfo:
    return AvatarInfo(
        person="tiny",
        notice="",
        fps=FPS,
        width=WIDTH,
        height=HEIGHT,
        frames=FRAMES,
        crop_size=SIZE,
        detail=1.0,
        n_components=2,
        opening=tiny_opening(),
        exemplars=len(GREYS),
        speech=SpeechParams(),
        speech_dimension=DIMENSION,
        past=PAST,
        future=FUTURE,
        opset=20,
        sha256={},
    )


@cache
def tiny_opening() -> Opening:
    """Of a voice whose predictions are as they should be, spread evenly over the exemplars."""
    _, closed = gap_of(tiny_shape())
    gaps = [closed + OPENED * WIDEST * share for share in QUANTILES]
    return Opening(direction=(1 / OPENED, 0.0), rest=closed, predicted=gaps, filmed=gaps)


@cache
def tiny_shape() -> ShapeModel:
    """The head of the geometry's tests; its two coefficients open and widen the mouth."""
    still = with_ring(shape())
    moved = speak(np.diag([OPENED, OPENED])) - shape()  # (2, 468, 3)
    return ShapeModel(
        mean=still.astype(np.float32),
        components=np.pad(moved, ((0, 0), (0, len(still) - POINTS), (0, 0))).astype(np.float32),
        pose_components=np.zeros((POSE_FEATURES, len(still), 3), np.float32),
        pose_centre=np.zeros(3, np.float32),
        triangles=triangulate(still),
    )


def tiny_film(
    path: Path, model: ShapeModel, frames: int, faceless: tuple[int, ...] = (), drift: float = DRIFT
) -> Film:
    """What is known of a film in which a closed mouth drifts by so many pixels."""
    valid = ~np.isin(np.arange(frames), faceless)
    way = np.linspace(0, drift, frames)
    middle = np.stack([58 + way, 30 + way, 0 * way], axis=1)
    track = Track(
        scale=np.where(valid, 30, np.nan).astype(np.float32),
        rotation=np.where(valid[:, None, None], np.eye(3), np.nan).astype(np.float32),
        translation=np.where(valid[:, None], middle, np.nan).astype(np.float32),
        expression=np.where(valid[:, None], [0.0, 0.0], np.nan).astype(np.float32),
        valid=valid,
    )
    meshes = [track.mesh(model, frame) for frame in range(frames)]
    points = np.stack(meshes)[:, :POINTS]
    boxes = crop_boxes(points, valid, WIDTH, HEIGHT, FPS, 0)
    light = np.where(valid[:, None], LIGHT, np.nan).repeat(3, 1).astype(np.float32)
    return Film(path, boxes, valid, track, light, WIDTH, HEIGHT)


def tiny_exemplars(model: ShapeModel) -> Exemplars:
    """One of each grey; the n-th has the expression (n, 0)."""
    count = len(GREYS)
    film = tiny_film(Path("none"), model, count, drift=0)
    film.track.expression[:, 0] = np.arange(count)
    pictures = [np.full((80, 80, 3), grey, np.uint8) for grey in GREYS]
    material = Material(pictures, film.boxes, model, film.track, FPS, film.light)
    return material.exemplars(np.arange(count))


def mouth_grey(picture: np.ndarray, film: Film, model: ShapeModel, frame: int) -> float:
    """Mean of the pixels around the middle of the filmed lips in a picture (H, W, 3)."""
    x, y = film.track.mesh(model, frame)[[13, 14], :2].mean(0).round().astype(int)
    return float(picture[y - 1 : y + 2, x - 1 : x + 2].mean())


def fake_face_models(folder: Path) -> Path:
    """Files of the models' names; enough for whoever follows no face."""
    models = folder / "models"
    models.mkdir(parents=True, exist_ok=True)
    for name in FACE_MODELS:
        (models / name).write_bytes(b"a model")
    return models


def film_pictures() -> list[np.ndarray]:
    return [np.full((HEIGHT, WIDTH, 3), 60 + 12 * number, np.uint8) for number in range(FRAMES)]


@cache
def tiny_motion() -> bytes:
    """expression = (WIDEST times the mean of the window's own row over LOUD, at most WIDEST; 0)"""
    constants = {
        "first": np.array([PAST]),
        "last": np.array([PAST + 1]),
        "axis": np.array([1]),
        "end": np.array([2]),
        "zero": np.array(0, np.float32),
        "one": np.array(1, np.float32),
        "loud": np.array(LOUD, np.float32),
        "opening": np.array([[WIDEST, 0]], np.float32),
    }
    nodes = [
        helper.make_node("Slice", ["speech", "first", "last", "axis"], ["row"]),
        helper.make_node("ReduceMean", ["row", "end"], ["mean"], keepdims=0),  # (B, 1)
        helper.make_node("Div", ["mean", "loud"], ["share"]),
        helper.make_node("Clip", ["share", "zero", "one"], ["level"]),
        helper.make_node("MatMul", ["level", "opening"], ["expression"]),
    ]
    inputs = {"speech": (TensorProto.FLOAT, [PAST + 1 + FUTURE, DIMENSION])}
    return _network(nodes, inputs, {"expression": (TensorProto.FLOAT, [2])}, constants)


@cache
def tiny_refiner() -> bytes:
    """Takes the mouth exemplar as far as its mask says; moves and corrects nothing."""
    constants = {
        "levels": np.array(255, np.float32),
        "nothing": np.array(0, np.float32),
        "end": np.array([3]),
        "two": np.array([0, 0, 0, 0, 0, 0, 0, 1]),
    }
    nodes = [
        helper.make_node("Cast", ["mouth_mask"], ["weight"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["weight", "levels"], ["share"]),
        helper.make_node("Mul", ["weight", "nothing"], ["still"]),  # (B, S, S)
        helper.make_node("Unsqueeze", ["still", "end"], ["flat"]),  # (B, S, S, 1)
        helper.make_node("Pad", ["flat", "two"], ["flow"]),  # (B, S, S, 2)
        helper.make_node("Pad", ["flow", "two"], ["correction"]),  # (B, S, S, 3)
    ]
    inputs = {name: (TensorProto.UINT8, [SIZE, SIZE, 3]) for name in PICTURES}
    inputs |= {name: (TensorProto.UINT8, [SIZE, SIZE]) for name in MASKS}
    outputs = {
        "share": (TensorProto.FLOAT, [SIZE, SIZE]),
        "flow": (TensorProto.FLOAT, [SIZE, SIZE, 2]),
        "correction": (TensorProto.FLOAT, [SIZE, SIZE, 3]),
    }
    return _network(nodes, inputs, outputs, constants)


def _network(nodes: list, inputs: dict, outputs: dict, constants: dict[str, np.ndarray]) -> bytes:
    """ONNX of values by name, each (type, shape of one frame)."""

    def values(named: dict) -> list:
        return [
            helper.make_tensor_value_info(name, kind, ["batch", *sides])
            for name, (kind, sides) in named.items()
        ]

    graph = helper.make_graph(
        nodes,
        "tiny",
        values(inputs),
        values(outputs),
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = helper.make_opsetid("", 20)
    model: ModelProto = helper.make_model(graph, opset_imports=[opset], ir_version=10)
    checker.check_model(model, full_check=True)
    return model.SerializeToString()
