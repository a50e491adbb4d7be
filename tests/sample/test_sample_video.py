"""data/videos/sample.mp4 as it is in the repository: the phonemes prove that lips follow sound."""

import wave
from pathlib import Path

import av
import numpy as np
import pytest

from lipsync.faces.landmarks import mouth_opening
from lipsync.faces.params import LandmarksParams
from lipsync.faces.tracker import FaceTracker
from lipsync.media.audio import SAMPLE_RATE, read_audio
from lipsync.media.video import probe, read_frames
from lipsync.sample.articulation import articulate
from lipsync.sample.espeak import PAUSE, Phoneme
from lipsync.sample.film import FPS, SILENCE, read_phonemes
from lipsync.sample.script import SPEECH_TEXT, VIDEO_TEXT

SHUT = 0.035  # mouth opening below which lips count as closed
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def video(root: Path) -> Path:
    return root / "data" / "videos" / "sample.mp4"


@pytest.fixture(scope="module")
def phonemes(video: Path) -> list[Phoneme]:
    return read_phonemes(video.with_name("sample.phonemes.json"))


@pytest.fixture(scope="module")
def sound(video: Path) -> np.ndarray:
    return read_audio(video)


@pytest.fixture(scope="module")
def opening(video: Path, face_models: Path) -> np.ndarray:
    """(N,) mouth opening of every picture, measured by the face mesh."""
    landmarks = FaceTracker(face_models, LandmarksParams()).track(read_frames(video))
    assert landmarks.valid.all()
    return mouth_opening(landmarks.points)


def at(opening: np.ndarray, phonemes: list[Phoneme], symbols: set[str]) -> np.ndarray:
    """The opening in the picture that shows the centre of each such phoneme."""
    return opening[[int(p.centre * FPS) for p in phonemes if p.symbol in symbols]]


def test_size_length_and_rate(video: Path) -> None:
    info = probe(video)
    assert min(info.width, info.height) >= 512
    assert info.fps == FPS
    assert 24 <= info.seconds <= 31
    assert info.has_sound
    assert video.stat().st_size <= 3 * MEGABYTE


def test_lips_are_closed_on_p_b_m_and_open_on_open_vowels(
    opening: np.ndarray, phonemes: list[Phoneme]
) -> None:
    closed = at(opening, phonemes, {"p", "b", "m"})
    vowels = at(opening, phonemes, {"ɑː", "æ"})
    assert len(closed) >= 20
    assert len(vowels) >= 10
    assert closed.max() < SHUT
    assert vowels.min() > 3 * closed.max()


def test_lip_and_teeth_vowels_and_hisses_differ(
    opening: np.ndarray, phonemes: list[Phoneme]
) -> None:
    open_vowels = at(opening, phonemes, {"ɑː", "æ"}).mean()
    for symbols in ({"f", "v"}, {"s", "z"}, {"uː"}, {"iː"}):
        assert SHUT < at(opening, phonemes, symbols).mean() < 0.6 * open_vowels


def test_lips_follow_the_articulation_without_lag(
    opening: np.ndarray, phonemes: list[Phoneme]
) -> None:
    times = (np.arange(len(opening)) + 0.5) / FPS
    wanted = articulate(phonemes, times).gap
    lags = np.arange(-10, 11)
    inner = slice(10, -10)
    r = [np.corrcoef(np.roll(opening, -lag)[inner], wanted[inner])[0, 1] for lag in lags]
    assert lags[int(np.argmax(r))] == 0
    assert max(r) > 0.9
    early, late = r[9], r[11]
    assert abs(early - late) < 0.1  # the peak is not between two frames


def test_sound_is_where_the_phonemes_say(sound: np.ndarray, phonemes: list[Phoneme]) -> None:
    block = SAMPLE_RATE // 200  # 5 ms
    count = len(sound) // block
    loud = np.sqrt(np.mean(sound[: count * block].reshape(count, block) ** 2, axis=1)) > 0.01
    times = (np.arange(count) + 0.5) * 0.005
    sounding = np.zeros(count, bool)
    for p in phonemes:
        if p.symbol != PAUSE:
            start = p.release if p.symbol in {"p", "t", "k"} else p.start
            sounding |= (times >= start) & (times < p.end)
    lags = range(-20, 21)
    agree = [float(np.mean(np.roll(loud, -lag) == sounding)) for lag in lags]
    assert abs(lags[int(np.argmax(agree))]) <= 1  # 5 ms
    assert max(agree) > 0.9


def test_the_mouth_is_closed_in_the_silence_at_both_ends(
    opening: np.ndarray, sound: np.ndarray
) -> None:
    quiet = round(SILENCE * FPS) - 4  # frames; lips begin to move just before the sound
    assert opening[:quiet].max() < SHUT
    assert opening[-quiet:].max() < SHUT
    samples = round((SILENCE - 0.1) * SAMPLE_RATE)
    assert np.abs(sound[:samples]).max() < 0.01
    assert np.abs(sound[-samples:]).max() < 0.01


def test_the_held_out_fifth_is_speech_like_the_rest(opening: np.ndarray) -> None:
    held_out = opening[int(0.8 * len(opening)) : -round(SILENCE * FPS)]
    assert 0.7 < held_out.std() / opening[25:-25].std() < 1.4
    assert held_out.max() > 0.75 * opening.max()


def test_the_speech_to_drive_it_is_other_words(root: Path) -> None:
    with wave.open(str(root / "data" / "speech" / "sample.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        assert 8 <= file.getnframes() / file.getframerate() <= 10
    sentences = {text.strip().lower() for text in VIDEO_TEXT.replace("?", ".").split(".")}
    other = {text.strip().lower() for text in SPEECH_TEXT.replace("?", ".").split(".")}
    assert sentences & other == {""}


def test_it_says_what_it_is_and_whose(video: Path) -> None:
    with av.open(str(video)) as container:
        assert "Synthetic" in container.metadata["comment"]
        assert "public domain" in container.metadata["copyright"]
    note = (video.parent / "README.md").read_text(encoding="utf-8")
    for word in ("sample.mp4", "NASA", "public domain", "espeak-ng"):
        assert word in note
