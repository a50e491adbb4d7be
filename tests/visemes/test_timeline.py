"""Frames to shapes, and the files that `lipsync visemes` writes."""

import csv
import io
import itertools
import json

import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.media.audio import SAMPLE_RATE, write_wav
from lipsync.speech.viseme import VisemeNetwork
from lipsync.visemes.command import run
from lipsync.visemes.export import to_onnx
from lipsync.visemes.labels import VISEMES
from lipsync.visemes.timeline import RHUBARB, Shape, as_text, best_path, listen, rhubarb, shapes


def sure(path: list[int], confidence: float = 0.9) -> np.ndarray:
    """Posteriors that tell a path."""
    told = np.full((len(path), len(VISEMES)), (1 - confidence) / (len(VISEMES) - 1), np.float32)
    told[np.arange(len(path)), path] = confidence
    return told


def cost(posteriors: np.ndarray, path: tuple[int, ...], change: float) -> float:
    kept = sum(np.log(row[k]) for row, k in zip(posteriors, path, strict=True))
    return kept - change * sum(a != b for a, b in itertools.pairwise(path))


@pytest.mark.parametrize("seed", range(5))
def test_the_path_is_the_best_of_all(seed):
    posteriors = np.random.default_rng(seed).dirichlet(np.ones(3), 6)
    every = itertools.product(range(3), repeat=6)
    best = max(every, key=lambda path: cost(posteriors, path, 0.7))
    assert tuple(best_path(posteriors, 0.7)) == best


def test_a_flicker_is_smoothed_and_a_shape_that_lasts_is_not():
    path = [0] * 10 + [3] * 8 + [5] + [3] * 8
    assert best_path(sure(path, 0.6), 3.0).tolist() == [0] * 10 + [3] * 17
    assert best_path(sure(path, 0.6), 0.0).tolist() == path


def test_shapes_follow_each_other_without_a_gap():
    found = shapes(sure([0] * 30 + [1] * 20 + [10] * 50), VISEMES)
    assert [(s.start, s.end, s.viseme) for s in found] == [
        (0.0, 0.3, "sil"),
        (0.3, 0.5, "PP"),
        (0.5, 1.0, "aa"),
    ]
    assert all(s.probability == pytest.approx(0.9) for s in found)
    assert shapes(np.zeros((0, 15), np.float32), VISEMES) == []


FOUND = [Shape(0, 0.3, "sil", 0.99), Shape(0.3, 0.5, "PP", 0.8), Shape(0.5, 0.7, "SS", 0.7),
         Shape(0.7, 0.8, "DD", 0.6), Shape(0.8, 1.25, "aa", 0.5)]  # fmt: skip


def test_json_and_csv_hold_every_shape():
    told = json.loads(as_text(FOUND, "json"))
    assert told["seconds"] == 1.25
    assert [row["viseme"] for row in told["visemes"]] == ["sil", "PP", "SS", "DD", "aa"]
    assert told["visemes"][1] == {"start": 0.3, "end": 0.5, "viseme": "PP", "probability": 0.8}
    rows = [*csv.DictReader(io.StringIO(as_text(FOUND, "csv")))]
    assert rows[4] == {"start": "0.80", "end": "1.25", "viseme": "aa", "probability": "0.500"}
    assert json.loads(as_text([], "json")) == {"seconds": 0.0, "visemes": []}


def test_rhubarbs_mouths_change_where_they_differ_and_rest_at_the_end():
    lines = ["0.00\tX", "0.30\tA", "0.50\tB", "0.80\tD", "1.25\tX"]
    assert as_text(FOUND, "tsv").splitlines() == lines
    assert [*rhubarb(FOUND[:1])] == [(0, "X"), (0.3, "X")]  # the end is told even after silence
    assert [*rhubarb([])] == []
    assert RHUBARB.keys() == set(VISEMES)
    assert set(RHUBARB.values()) == set("ABCDEFGX")  # docs/visemes.md: never H


@pytest.fixture
def speech(tmp_path):
    draw = np.random.default_rng(0)
    path = tmp_path / "speech.wav"
    write_wav(path, draw.normal(0, 0.1, round(6.3 * SAMPLE_RATE)).astype(np.float32))
    return path


@pytest.fixture
def onnx(model, tmp_path):
    path = tmp_path / "v.onnx"
    path.write_bytes(to_onnx(model, 20))
    return path


def test_a_file_is_heard_in_blocks_and_says_the_same(speech, onnx):
    from lipsync.media.audio import read_audio

    network = VisemeNetwork(onnx)
    whole = network.listen(read_audio(speech)).posteriors
    told = listen(speech, network)
    assert told.shape == whole.shape == (630, 15)
    assert np.abs(told - whole).max() < 1e-5


def test_the_command_writes_what_is_asked_for(speech, onnx, tmp_path):
    outs = [tmp_path / f"out.{form}" for form in ("json", "csv", "tsv")]
    picture = tmp_path / "out.png"
    said = run(speech, onnx, outs, picture, "json", 3.0)
    assert said.splitlines() == [str(path) for path in (*outs, picture)]
    told = json.loads(outs[0].read_text())
    assert told["seconds"] == 6.3
    assert len(outs[1].read_text().splitlines()) == len(told["visemes"]) + 1
    assert picture.stat().st_size > 20_000
    assert run(speech, onnx, [], None, "csv", 3.0) == outs[1].read_text()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"out": "a.txt"}, "its ending says no format; legal: .json, .csv, .tsv"),
        ({"picture": "a.jpg"}, "should end in .png"),
        ({"form": "xml"}, "--format xml: no such format; legal: json, csv, tsv"),
        ({"change": -1.0}, "--change -1.0: should be 0 or more"),
        ({"model": "none.onnx"}, "make the network with `dvc repro visemes/dvc.yaml`"),
        ({"file": "none.wav"}, "none.wav"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(speech, onnx, tmp_path, change, words):
    def path(key):
        return tmp_path / change[key] if key in change else None

    with pytest.raises(LipsyncError) as error:
        run(
            path("file") or speech,
            path("model") or onnx,
            [path("out")] if "out" in change else [],
            path("picture"),
            change.get("form", "json"),
            change.get("change", 3.0),
        )
    assert words in str(error.value)
    assert "\n" not in str(error.value)
