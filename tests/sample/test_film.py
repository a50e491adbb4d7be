"""A short film made twice is the same film; the puppet moves its mouth and nothing else."""

from pathlib import Path

import numpy as np
import pytest

from lipsync.faces.landmarks import eye_distance, mouth_opening
from lipsync.faces.params import LandmarksParams
from lipsync.faces.tracker import FaceTracker
from lipsync.media.audio import read_audio
from lipsync.sample.espeak import Phoneme, Speech
from lipsync.sample.film import (
    FPS,
    SILENCE,
    add_silence,
    read_phonemes,
    write_phonemes,
    write_video,
)
from lipsync.sample.life import BLINK_EVERY, Pose, poses
from lipsync.sample.lips import LipShape
from lipsync.sample.portrait import Portrait, load_portrait
from lipsync.sample.puppet import Puppet

pytest.importorskip("skimage", reason="the extra `sample` is not installed")

REST = LipShape()


@pytest.fixture(scope="module")
def portrait(face_models: Path) -> Portrait:
    return load_portrait(face_models)


@pytest.fixture(scope="module")
def puppet(portrait: Portrait) -> Puppet:
    return Puppet(portrait)


def points_of(picture: np.ndarray, face_models: Path) -> np.ndarray:
    """The mesh (1, 468, 2) of a picture."""
    tracked = FaceTracker(face_models, LandmarksParams()).process(picture)
    assert tracked is not None
    return tracked.points[None, :, :2]


def opening(picture: np.ndarray, face_models: Path) -> float:
    return float(mouth_opening(points_of(picture, face_models))[0])


def mouth_width(picture: np.ndarray, face_models: Path) -> float:
    points = points_of(picture, face_models)
    return float((np.linalg.norm(points[:, 78] - points[:, 308]) / eye_distance(points))[0])


def test_the_mesh_sees_the_lips_where_they_were_put(puppet: Puppet, face_models: Path) -> None:
    shut = opening(puppet.render(REST, Pose()), face_models)
    half = opening(puppet.render(LipShape(open=0.5), Pose()), face_models)
    wide = opening(puppet.render(LipShape(open=1.0), Pose()), face_models)
    pressed = opening(puppet.render(LipShape(open=0.5, shut=1.0), Pose()), face_models)
    assert shut < 0.03
    assert pressed < 0.03
    assert shut + 0.05 < half < wide - 0.05
    rounded = puppet.render(LipShape(open=0.2, wide=-1.0, round=1.0), Pose())
    spread = puppet.render(LipShape(open=0.2, wide=1.0), Pose())
    assert mouth_width(rounded, face_models) < 0.8 * mouth_width(spread, face_models)


def test_speaking_leaves_eyes_and_background_alone(puppet: Puppet) -> None:
    shut, wide = (puppet.render(LipShape(open=x), Pose()).astype(int) for x in (0.0, 1.0))
    changed = np.abs(wide - shut).max(axis=-1) > 8
    assert changed[300:440, 180:350].any()
    assert not changed[:270].any()
    assert not changed[:, :60].any()
    assert not changed[:, 470:].any()


def test_the_head_moves_before_a_still_border(puppet: Puppet) -> None:
    still = puppet.render(REST, Pose()).astype(int)
    moved = puppet.render(REST, Pose(turn=0.03, shift=(4.0, 2.0), scale=1.01)).astype(int)
    changed = np.abs(moved - still).max(axis=-1) > 8
    assert changed[200:420, 180:350].mean() > 0.2
    assert not changed[-6:].any()
    assert not changed[:, :6].any()
    assert not changed[:, -6:].any()


def test_a_blink_darkens_no_more_than_the_eyes(puppet: Puppet) -> None:
    still, blink = (puppet.render(REST, Pose(lids=x)).astype(int) for x in (0.0, 1.0))
    changed = np.abs(blink - still).max(axis=-1) > 8
    assert changed[225:260].any()
    assert not changed[:200].any()
    assert not changed[290:].any()


def test_blinks_come_every_few_seconds() -> None:
    lids = np.array([pose.lids for pose in poses(np.arange(0, 60, 1 / FPS))])
    assert lids.max() == 1.0
    starts = np.flatnonzero((lids[1:] > 0.5) & (lids[:-1] <= 0.5)) / FPS
    gaps = np.diff(starts)
    assert gaps.min() > BLINK_EVERY[0] - 2 / FPS
    assert gaps.max() < BLINK_EVERY[1] + 2 / FPS


def test_the_same_film_twice_with_its_sound_in_place(face_models: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    said = Speech(
        random.uniform(-0.5, 0.5, 8000).astype(np.float32),
        16000,
        [Phoneme("m", 0.0, 0.1), Phoneme("ɑː", 0.1, 0.3), Phoneme("p", 0.3, 0.5, release=0.4)],
    )
    speech = add_silence(said)
    assert len(speech.samples) == 63 * 640  # 2.5 s, half a frame rounded up
    assert speech.phonemes[0].start == SILENCE
    first, second = tmp_path / "first.mp4", tmp_path / "second.mp4"
    short = Speech(speech.samples[12800:25600], 16000, [p.shifted(-0.8) for p in speech.phonemes])
    write_video(first, short, face_models)
    write_video(second, short, face_models)
    assert first.read_bytes() == second.read_bytes()
    heard = read_audio(first)[: len(short.samples)]
    lags = range(-40, 41)  # 2.5 ms
    match = [float(np.dot(np.roll(heard, -lag), short.samples)) for lag in lags]
    assert lags[int(np.argmax(match))] == 0


def test_phonemes_come_back_from_their_file(tmp_path: Path) -> None:
    phonemes = [Phoneme("tʃ", 0.1, 0.25, release=0.2), Phoneme("iː", 0.25, 0.4)]
    write_phonemes(tmp_path / "x.json", phonemes, "chee", "en-us")
    assert read_phonemes(tmp_path / "x.json") == phonemes
