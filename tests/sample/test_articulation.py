"""Lips reach their contacts, mirror the sound in time, and hang on nothing far away."""

import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.sample.articulation import REACH, articulate
from lipsync.sample.espeak import Phoneme

PAPA = [
    Phoneme("p", 0.10, 0.18, release=0.15),
    Phoneme("ɑː", 0.18, 0.33),
    Phoneme("p", 0.33, 0.42, release=0.39),
    Phoneme("ə", 0.42, 0.50),
]


def times(start: float, end: float) -> np.ndarray:
    return np.arange(start, end, 0.005)


def test_lips_shut_during_the_closure_and_open_for_the_vowel() -> None:
    closures = articulate(PAPA, np.array([PAPA[0].centre, PAPA[2].centre]))
    assert closures.gap == pytest.approx([0.0, 0.0])
    assert closures.shut == pytest.approx([1.0, 1.0])
    vowel = articulate(PAPA, times(0.18, 0.33)).gap
    assert vowel.max() > 0.8
    assert abs(times(0.18, 0.33)[vowel.argmax()] - PAPA[1].centre) < 0.04


def test_lip_on_teeth_is_a_narrow_gap_not_a_closure() -> None:
    fan = [Phoneme("f", 0.0, 0.08), Phoneme("æ", 0.08, 0.2), Phoneme("n", 0.2, 0.26)]
    lips = articulate(fan, np.array([fan[0].centre]))
    assert lips.bite == pytest.approx([1.0])
    assert lips.shut == pytest.approx([0.0])


def test_rounded_vowels_are_narrow_and_spread_ones_wide() -> None:
    rounded = articulate([Phoneme("uː", 0, 0.2)], np.array([0.1]))
    spread = articulate([Phoneme("iː", 0, 0.2)], np.array([0.1]))
    assert rounded.wide[0] < -0.5 < 0.5 < spread.wide[0]
    assert rounded.round[0] > 0.5 > spread.round[0]


def test_a_diphthong_goes_from_its_first_vowel_to_its_second() -> None:
    lips = articulate([Phoneme("aʊ", 0.0, 0.3)], np.array([0.075, 0.225]))
    assert lips.open[0] > 0.8 > 0.5 > lips.open[1]
    assert lips.round[0] < 0.2 < 0.5 < lips.round[1]


def test_speech_played_backwards_moves_the_lips_backwards() -> None:
    t = times(0.0, 0.6)
    words = [Phoneme("m", 0.1, 0.2), Phoneme("ɛ", 0.2, 0.32), Phoneme("n", 0.32, 0.4)]
    back = [Phoneme(p.symbol, 0.6 - p.end, 0.6 - p.start) for p in reversed(words)]
    forwards, backwards = articulate(words, t), articulate(back, 0.6 - t)
    assert forwards.gap == pytest.approx(backwards.gap)
    assert forwards.wide == pytest.approx(backwards.wide)


def test_only_what_sounds_nearby_counts() -> None:
    t = times(0.0, 0.3)
    near = [Phoneme("æ", 0.0, 0.3), Phoneme("s", 0.3, 0.3 + REACH)]
    end = near[-1].end
    one = articulate([*near, Phoneme("uː", end, end + 0.3)], t)
    other = articulate([*near, Phoneme("ɑː", end, end + 0.3)], t)
    np.testing.assert_array_equal(one.gap, other.gap)
    np.testing.assert_array_equal(one.wide, other.wide)


def test_the_mouth_rests_in_silence() -> None:
    speech = [Phoneme("ɑː", 0.0, 0.2), Phoneme("_", 0.2, 0.6), Phoneme("ɑː", 0.6, 0.8)]
    assert articulate(speech, np.array([-1.0, 0.4, 2.0])).gap == pytest.approx([0, 0, 0], abs=1e-3)
    assert articulate([], np.array([0.0, 1.0])).gap == pytest.approx([0, 0])


def test_phonemes_without_a_target_are_listed() -> None:
    with pytest.raises(LipsyncError, match=r"no lip targets for ʘ χ;"):
        articulate([Phoneme("χ", 0, 1), Phoneme("ʘ", 1, 2), Phoneme("s", 2, 3)], times(0, 1))
