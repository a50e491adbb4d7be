"""The same words at another level, through another microphone, in a noisy room."""

import numpy as np
import pytest

from lipsync.speech.mel import MelEncoder
from lipsync.speech.normalise import RECENT, WARM_UP, Normaliser, normalised, speaking

RATE, FPS = 16_000, 25
MEL = MelEncoder(FPS)
SETTINGS = (MEL.per_decibel, MEL.instants, FPS)


def babble(seconds: float = 8, seed: int = 0) -> np.ndarray:
    """Four syllables a second of coloured noise, pauses of a second, and a room at -70 dB."""
    draw = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    noise = np.convolve(draw.normal(size=len(t)), 0.8 ** np.arange(30), "same")
    syllables = np.clip(np.sin(2 * np.pi * 4 * t), 0, None) * (t % 4 > 1)
    room = draw.normal(size=len(t)) * 10 ** (-70 / 20)
    return (0.2 * noise / noise.std() * syllables + room).astype(np.float32)


def features(sound: np.ndarray) -> np.ndarray:
    return MEL.encode(sound.astype(np.float32), round(len(sound) / RATE * FPS))


def heard(sound: np.ndarray) -> np.ndarray:
    return normalised(features(sound), *SETTINGS)


@pytest.mark.parametrize("gain", [0.03, 0.1, 4.0])
def test_the_level_does_not_matter(gain: float):
    words = babble()
    usual, other = heard(words), heard(np.clip(gain * words, -1, 1))
    assert np.abs(other - usual).mean() < 0.1 * usual.mean()
    assert other.std() == pytest.approx(usual.std(), rel=0.1)
    assert speaking(other, MEL.per_decibel).mean() == pytest.approx(
        speaking(usual, MEL.per_decibel).mean(), abs=0.05
    )


def test_the_colour_of_a_microphone_does_not_matter():
    words = babble()
    dull = np.convolve(words, 0.6 ** np.arange(20), "same")  # some 12 dB fewer high than low tones
    plain = np.abs(features(dull) - features(words)).mean()
    assert plain > 0.05
    assert np.abs(heard(dull) - heard(words)).mean() < 0.2 * plain


@pytest.mark.parametrize("decibels", [-80, -55, -30, -10])
def test_a_steady_noise_is_silence(decibels: float):
    noise = np.random.default_rng(0).normal(size=5 * RATE) * 10 ** (decibels / 20)
    assert heard(noise).max() == 0
    assert not speaking(heard(noise), MEL.per_decibel).any()


def test_digital_silence_is_zero_and_pauses_are():
    assert heard(np.zeros(RATE)).max() == 0
    rows, t = heard(babble()), (np.arange(200) + 0.5) / FPS
    pause = (t % 4 > 0.2) & (t % 4 < 0.8)
    assert rows[pause].mean() < 0.05 * rows[~pause].mean()
    assert not speaking(rows, MEL.per_decibel)[pause].any()
    assert speaking(rows, MEL.per_decibel)[t % 4 > 1].mean() > 0.4


def test_it_looks_back_only_and_forgets_slowly():
    rows = features(babble(20))
    whole, parts = Normaliser(*SETTINGS), Normaliser(*SETTINGS)
    wanted = whole.push(rows)
    given = [parts.push(rows[start : start + 7]) for start in range(0, len(rows), 7)]
    np.testing.assert_array_equal(np.concatenate(given), wanted)
    settled = normalised(rows, *SETTINGS)
    late = np.arange(len(rows)) > 10 * FPS
    assert np.abs(wanted - settled)[late].mean() < 0.05 * settled[late].mean()


def test_a_live_stream_soon_knows_a_quiet_voice():
    rows = features(0.1 * babble(20))
    wanted, given = normalised(rows, *SETTINGS), Normaliser(*SETTINGS).push(rows)
    after = np.arange(len(rows)) > 4 * FPS
    assert np.abs(given - wanted)[after].mean() < 0.15 * wanted[after].mean()


def test_only_a_minute_is_heard_beforehand():
    most = round(WARM_UP * FPS)
    rows = np.random.default_rng(0).uniform(0.2, 0.6, (most + 50, 320)).astype(np.float32)
    other = rows.copy()
    other[most:] = 0
    np.testing.assert_array_equal(
        normalised(rows, *SETTINGS)[:most], normalised(other, *SETTINGS)[:most]
    )


def test_features_without_a_level_stay_as_they_are():
    rows = np.random.default_rng(0).normal(size=(10, 32)).astype(np.float32)
    np.testing.assert_array_equal(normalised(rows, 0.0, 2, FPS), rows)
    assert speaking(rows, 0.0).all()


def test_live_speech_that_begins_at_once_is_heard():
    words = babble()[RATE:]  # from the first syllable on
    rows = features(words)
    live, file = Normaliser(*SETTINGS).push(rows)[:FPS], normalised(rows, *SETTINGS)[:FPS]
    assert speaking(live, MEL.per_decibel).sum() >= 0.8 * speaking(file, MEL.per_decibel).sum() > 0


def test_a_noise_that_begins_later_is_silence_after_some_seconds():
    words = babble(20)
    begins, known = 10 * RATE, round((10 + RECENT) * FPS)
    words[begins:] = np.random.default_rng(1).normal(size=len(words) - begins) * 10 ** (-40 / 20)
    rows = Normaliser(*SETTINGS).push(features(words))
    assert rows[10 * FPS + 2 : 10 * FPS + 12].max() > 0
    assert not speaking(rows, MEL.per_decibel)[known:].any()
    assert rows[known:].mean() < 0.02 * rows[: 10 * FPS].mean()
