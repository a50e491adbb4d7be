"""Face embeddings: alignment to the template, and a tiny network of the true shapes."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lipsync.errors import LipsyncError
from lipsync.faces.landmarks import LEFT_EYE, NOSE_TIP, RIGHT_EYE
from lipsync.faces.recognition import (
    MOUTH_CORNERS,
    SIDE,
    TEMPLATE,
    FaceRecognition,
    align,
    five_points,
)
from lipsync.profiling.identity import Identity, read_identity, similarity, write_identity


def network(path: Path, side: int = SIDE, seed: int = 0) -> Path:
    """(batch, 3, side, side) -> (batch, 512), random: pooled pixels times a matrix."""
    draw = np.random.default_rng(seed)
    weights = draw.normal(size=(3 * (side // 16) ** 2, 512)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("AveragePool", ["x"], ["p"], kernel_shape=[16, 16], strides=[16, 16]),
            helper.make_node("Flatten", ["p"], ["f"]),
            helper.make_node("MatMul", ["f", "w"], ["y"]),
        ],
        "embedding",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, side, side])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 512])],
        [numpy_helper.from_array(weights, "w")],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def mesh(five: np.ndarray) -> np.ndarray:
    """(468, 2) with these five points."""
    points = np.zeros((468, 2), np.float32)
    points[list(RIGHT_EYE)], points[list(LEFT_EYE)], points[NOSE_TIP] = five[:3]
    points[list(MOUTH_CORNERS)] = five[3:]
    return points


def test_five_points_come_to_lie_on_the_template():
    """A face three times as large, turned by 20 degrees, with a dot at each point."""
    turn = np.radians(20)
    matrix = 3 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    five = TEMPLATE @ matrix.T + (200, 60)
    np.testing.assert_allclose(five_points(mesh(five)), five, atol=1e-3)
    picture = np.zeros((560, 560, 3), np.uint8)
    for x, y in five:
        picture[round(y) - 5 : round(y) + 5, round(x) - 5 : round(x) + 5] = 255
    face = align(picture, mesh(five))
    assert face.shape == (SIDE, SIDE, 3)
    for x, y in TEMPLATE:
        around = face[round(y) - 5 : round(y) + 6, round(x) - 5 : round(x) + 6, 0].astype(float)
        rows, columns = np.mgrid[-5:6, -5:6]
        centre = np.array([(around * columns).sum(), (around * rows).sum()]) / around.sum()
        np.testing.assert_allclose(centre, (x - round(x), y - round(y)), atol=0.4)


def test_embeddings_are_unit_vectors_that_tell_faces_apart(tmp_path):
    recognise = FaceRecognition(network(tmp_path / "net.onnx"))
    one, other = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3)).astype(np.uint8)
    first, again, second = (recognise.embed(face) for face in (one, one, other))
    assert first.shape == (512,)
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(first, again)
    assert first @ second < 0.99


def test_red_is_the_first_channel_and_127_5_is_zero(tmp_path):
    recognise = FaceRecognition(network(tmp_path / "net.onnx"))
    weights = numpy_helper.to_array(onnx.load(tmp_path / "net.onnx").graph.initializer[0])
    face = np.zeros((SIDE, SIDE, 3), np.uint8)
    face[..., 0] = 255
    expected = weights[:49].sum(axis=0) - weights[49:].sum(axis=0)
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(recognise.embed(face), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "no such file; give an ONNX network, or null"),
        (lambda path: path.write_bytes(b"no network"), "not usable as ONNX"),
        (lambda path: network(path, side=96), "takes ['batch', 3, 96, 96]"),
    ],
)
def test_what_is_no_such_network_is_one_line(tmp_path, make, words):
    make(tmp_path / "net.onnx")
    with pytest.raises(LipsyncError) as error:
        FaceRecognition(tmp_path / "net.onnx")
    assert words in str(error.value)
    assert str(error.value).startswith("profile.face_recognition: ")
    assert "\n" not in str(error.value)


def test_similarity_is_the_cosine_of_the_same_network_only():
    one = Identity(np.array([1, 0], np.float32), "a", 3)
    other = Identity(np.array([0.6, 0.8], np.float32), "a", 3)
    assert similarity(one, one) == 1
    assert similarity(one, other) == pytest.approx(0.6)
    nobody = Identity(np.zeros(0, np.float32), "", 0)
    for stranger in (Identity(one.embedding, "b", 3), nobody):
        with pytest.raises(LipsyncError, match="not of the same network"):
            similarity(one, stranger)
    with pytest.raises(LipsyncError):
        similarity(nobody, nobody)


def test_the_file_exists_with_and_without_a_network(tmp_path):
    path = tmp_path / "identity.npz"
    write_identity(path, None)
    empty = read_identity(path)
    assert (len(empty.embedding), empty.model_sha256, empty.frames) == (0, "", 0)
    write_identity(path, Identity(np.array([0.6, 0.8], np.float32), "abc", 7))
    before = path.read_bytes()
    known = read_identity(path)
    np.testing.assert_array_equal(known.embedding, np.array([0.6, 0.8], np.float32))
    assert (known.model_sha256, known.frames) == ("abc", 7)
    write_identity(path, known)
    assert path.read_bytes() == before
    path.write_bytes(b"cut")
    with pytest.raises(LipsyncError, match="damaged"):
        read_identity(path)
