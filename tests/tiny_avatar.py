"""A tiny avatar whose face shows what it hears: grey in step with its own frame's speech row."""

from functools import cache
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

from lipsync.export.avatar import write_avatar
from lipsync.faces.models import FACE_MODELS
from lipsync.media.video import VideoWriter
from lipsync.rendering.avatar import AvatarInfo
from lipsync.rendering.film import Film
from lipsync.speech.params import SpeechParams

SIZE, DIMENSION, PAST, FUTURE = 64, 320, 2, 1
FRAMES, WIDTH, HEIGHT, FPS = 12, 128, 96, 25
FACELESS = 5  # the film's frame without a face
QUIET = 4  # frames at the start in which nobody speaks


def write_tiny_avatar(folder: Path) -> Path:
    """An avatar with a film of 12 pictures, 128 x 96, whose grey tells the frame number."""
    path = folder.parent / f"{folder.name}.mp4"
    with VideoWriter(path, WIDTH, HEIGHT, FPS, crf=8, preset="ultrafast") as writer:
        for picture in film_pictures():
            writer.write(picture)
    boxes = np.array([[20.5, 10.25, 90.5, 80.25]] * FRAMES, np.float32)
    boxes += np.linspace(0, 6, FRAMES, dtype=np.float32)[:, None]
    info = AvatarInfo(
        person="tiny",
        notice="",
        fps=FPS,
        width=WIDTH,
        height=HEIGHT,
        frames=FRAMES,
        crop_size=SIZE,
        speech=SpeechParams(),
        speech_dimension=DIMENSION,
        past=PAST,
        future=FUTURE,
        opset=20,
        sha256={},
    )
    valid = np.arange(FRAMES) != FACELESS
    voice = np.arange(FRAMES) >= QUIET
    models = fake_face_models(folder.parent)
    film = Film(path, boxes, valid, WIDTH, HEIGHT)
    write_avatar(folder, info, tiny_network(), film, voice, models)
    return folder


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
def tiny_network() -> bytes:
    """face = the mean of the window's own row, for every pixel."""
    constants = {
        "first": np.array([PAST]),
        "last": np.array([PAST + 1]),
        "axis": np.array([1]),
        "both": np.array([1, 2]),
        "end": np.array([3]),
        "zero": np.array(0, np.float32),
        "one": np.array(1, np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["crop"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["pixels", "zero"], ["black"]),  # (B, S, S, 3)
        helper.make_node("Slice", ["speech", "first", "last", "axis"], ["row"]),
        helper.make_node("ReduceMean", ["row", "both"], ["level"], keepdims=1),  # (B, 1, 1)
        helper.make_node("Unsqueeze", ["level", "end"], ["grey"]),  # (B, 1, 1, 1)
        helper.make_node("Add", ["black", "grey"], ["painted"]),
        helper.make_node("Clip", ["painted", "zero", "one"], ["face"]),
    ]
    picture, window = ["batch", SIZE, SIZE, 3], ["batch", PAST + 1 + FUTURE, DIMENSION]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info("crop", TensorProto.UINT8, picture),
            helper.make_tensor_value_info("speech", TensorProto.FLOAT, window),
        ],
        [helper.make_tensor_value_info("face", TensorProto.FLOAT, picture)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    checker.check_model(model, full_check=True)
    return model.SerializeToString()
