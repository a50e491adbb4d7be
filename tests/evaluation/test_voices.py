"""Other voices: how widely the mouth opens, and whether it closes at p, b and m."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.evaluation import voices
from lipsync.evaluation.voices import Voice, figures, hear, read_voices
from lipsync.media.audio import SAMPLE_RATE, write_wav
from lipsync.motion.data import MotionData
from lipsync.motion.model import MotionNet
from lipsync.speech.mel import MelEncoder
from tests.motion.person import PARAMS, tiny_motion

FPS = 25
MEL = MelEncoder(FPS)
CLOSURES = np.array([[0.4, 0.48], [1.2, 1.3]])  # seconds


@pytest.fixture
def person() -> MotionData:
    return replace(tiny_motion(), instants=MEL.instants, per_decibel=MEL.per_decibel)


def voice() -> Voice:
    """2 s of syllables."""
    t = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    noise = np.random.default_rng(0).normal(size=len(t))
    return Voice("a", (0.1 * noise * np.sin(8 * t) ** 2).astype(np.float32), CLOSURES)


def told(person: MotionData, monkeypatch, opened: np.ndarray) -> voices.Spoken:
    """What is measured of a network whose first coefficient is ``opened`` (50,)."""
    expressions = np.zeros((50, person.shape.n_components), np.float32)
    expressions[:, 0] = opened
    monkeypatch.setattr(voices, "matched_prediction", lambda *_: lambda frames: expressions[frames])
    model = MotionNet(320, MEL.instants, person.shape.n_components, **PARAMS.architecture())
    below = float(person.shape.opening(np.eye(person.shape.n_components)[:1] * -1)[0])
    return hear(voice(), model, person, MEL, below, None)


def test_a_mouth_that_closes_and_one_that_never_does(person, monkeypatch):
    closing = np.ones(50)
    closing[[11, 31]] = -1.5  # frames in the middle of both closures
    assert told(person, monkeypatch, closing).closed.tolist() == [True, True]
    closing[31] = 1
    assert told(person, monkeypatch, closing).closed.tolist() == [True, False]
    assert told(person, monkeypatch, np.ones(50)).closed.tolist() == [False, False]


def test_spread_and_mean_are_those_of_the_filmed_openings(person, monkeypatch):
    filmed = person.expression[:, 0].numpy()
    draw = np.random.default_rng(0).choice(filmed, 50)
    usual = told(person, monkeypatch, draw)
    half = told(person, monkeypatch, draw.mean() + (draw - draw.mean()) / 2)
    assert half.spread == pytest.approx(usual.spread / 2, rel=0.01)
    assert half.mean == pytest.approx(usual.mean, rel=0.05)
    assert usual.agreement is None


def test_extremes_and_means_over_the_voices():
    one = voices.Spoken(0.8, 1.3, np.array([True, False]), 0.9)
    other = voices.Spoken(1.1, 0.9, np.array([], bool), None)
    found = figures({"one": one, "other": other})
    assert (found["least_spread"], found["most_spread"]) == (0.8, 1.1)
    assert (found["least_mean"], found["most_mean"]) == (0.9, 1.3)
    assert (found["closure"], found["agreement"]) == (0.5, 0.9)
    assert found["other_spread"] == 1.1


def test_phonemes_say_where_lips_meet_and_damage_is_one_line(tmp_path):
    write_wav(tmp_path / "a.wav", np.zeros(SAMPLE_RATE, np.float32))
    spans = [
        {"symbol": "p", "start": 0.1, "end": 0.3, "release": 0.2},
        {"symbol": "a", "start": 0.3, "end": 0.5},
        {"symbol": "m", "start": 0.5, "end": 0.6},
    ]
    phonemes = tmp_path / "a.phonemes.json"
    phonemes.write_text(json.dumps({"phonemes": spans}))
    (found,) = read_voices(tmp_path)
    assert found.closures.tolist() == [[0.1, 0.2], [0.5, 0.6]]
    phonemes.write_text('{"phonemes": [{"symbol": "p"}]}')
    with pytest.raises(LipsyncError, match=r"a\.phonemes\.json: damaged: .*; `git checkout"):
        read_voices(tmp_path)
    with pytest.raises(LipsyncError, match="no voices"):
        read_voices(tmp_path / "none")
