"""The phonemes are where they sound, and the same words give the same samples."""

import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.sample.espeak import PAUSE, Speech, speak
from lipsync.sample.script import VOICE

pytest.importorskip("espeakng_loader", reason="the extra `sample` is not installed")

TEXT = "Pat a copper pot. Sue sees a zebra, papa."


@pytest.fixture(scope="module")
def speech() -> Speech:
    return speak(TEXT, VOICE)


def level(speech: Speech, start: float, end: float) -> float:
    """RMS between two times in seconds."""
    part = speech.samples[round(start * speech.rate) : round(end * speech.rate)]
    return float(np.sqrt(np.mean(part.astype(np.float64) ** 2)))


def test_phonemes_fill_the_speech_in_order(speech: Speech) -> None:
    phonemes = speech.phonemes
    assert [p.start for p in phonemes[1:]] == [p.end for p in phonemes[:-1]]
    assert all(p.start < p.end for p in phonemes)
    assert phonemes[-1].end == pytest.approx(len(speech.samples) / speech.rate, abs=0.01)
    symbols = "".join(p.symbol for p in phonemes)
    assert "zi" in symbols
    assert not set(symbols) & set("ˈˌ ")


def test_plosives_are_silent_until_their_release(speech: Speech) -> None:
    plosives = [p for p in speech.phonemes if p.symbol in {"p", "t", "k"}]
    assert len(plosives) >= 6
    for plosive in plosives:
        assert plosive.release is not None
        assert plosive.start < plosive.release < plosive.end
        before = level(speech, plosive.release - 0.012, plosive.release - 0.002)
        after = level(speech, plosive.release, plosive.release + 0.015)
        assert before < 0.1 * after


def test_hissing_begins_and_ends_with_its_phoneme(speech: Speech) -> None:
    hiss = np.abs(np.diff(speech.samples, n=2, prepend=[0, 0]))  # loud above some 4 kHz
    blocks = len(hiss) // 80  # of 5 ms
    loud = hiss[: blocks * 80].reshape(blocks, 80).mean(axis=1) > 0.04
    times = (np.arange(blocks) + 0.5) * 0.005
    sibilant = np.zeros(blocks, bool)
    for p in speech.phonemes:
        if p.symbol == "s":
            sibilant |= (times > p.start) & (times < p.end)
    assert sibilant.any()
    overlap = [np.mean(loud & np.roll(sibilant, lag)) for lag in range(-8, 9)]
    assert abs(int(np.argmax(overlap)) - 8) <= 2  # 10 ms


def test_pauses_are_silent_and_vowels_loud(speech: Speech) -> None:
    pauses = [p for p in speech.phonemes if p.symbol == PAUSE and p.end - p.start > 0.05]
    assert pauses
    assert max(level(speech, p.start + 0.02, p.end) for p in pauses) < 0.005
    vowels = [p for p in speech.phonemes if p.symbol in {"æ", "ɑː", "iː"}]
    assert min(level(speech, p.start, p.end) for p in vowels) > 0.03


def test_the_same_words_give_the_same_samples(speech: Speech) -> None:
    again = speak(TEXT, VOICE)
    np.testing.assert_array_equal(again.samples, speech.samples)
    assert again.phonemes == speech.phonemes


def test_rate_speed_and_pitch_are_the_callers(speech: Speech) -> None:
    quick = speak(TEXT, VOICE, words_per_minute=250, pitch=70, rate=8000)
    assert quick.rate == 8000
    assert len(quick.samples) / 8000 < 0.8 * len(speech.samples) / 16000
    assert [p.symbol for p in quick.phonemes if p.symbol != PAUSE][:5] == [
        p.symbol for p in speech.phonemes if p.symbol != PAUSE
    ][:5]


def test_an_unknown_voice_is_one_line() -> None:
    with pytest.raises(LipsyncError, match="no voice 'klingon-xx'"):
        speak(TEXT, "klingon-xx")
