"""Predicted openings are brought to what the mouth does."""

import numpy as np
import pytest

from lipsync.motion.opening import (
    PRIOR,
    QUANTILES,
    OpeningFunction,
    OpeningMatcher,
    OpeningRange,
    gap_of,
)
from tests.motion.person import tiny_shape

REST = 0.02


def mouth(predicted: np.ndarray, filmed: np.ndarray) -> OpeningRange:
    """Of gaps (n,); an expression (2,) is the gap, and something else."""
    return OpeningRange(
        gap_weights=np.array([1.0, 0.0]),
        gap_offset=0.0,
        direction=np.array([1.0, 0.0]),
        rest=REST,
        predicted=np.quantile(predicted, QUANTILES),
        filmed=np.quantile(filmed, QUANTILES),
    )


def speech(spread: float, middle: float, seed: int) -> np.ndarray:
    """2000 gaps of a skewed distribution, most of them small."""
    draw = np.random.default_rng(seed).gamma(2, 1, 2000)
    return np.maximum(middle + spread * (draw - 2) / np.sqrt(2), REST)


def matched(matcher: OpeningMatcher, gaps: np.ndarray, speaking: bool) -> np.ndarray:
    return np.array([matcher.match(np.array([gap, 7.0]), speaking)[0] for gap in gaps])


def test_the_person_s_own_predictions_open_the_mouth_as_it_was_filmed():
    predicted, filmed = speech(0.01, 0.08, 0), speech(0.03, 0.1, 1)
    found = matched(OpeningMatcher(mouth(predicted, filmed)), predicted, speaking=False)
    assert found.std() == pytest.approx(filmed.std(), rel=0.1)
    assert found.mean() == pytest.approx(filmed.mean(), rel=0.05)
    assert (np.diff(found[predicted.argsort()]) >= -1e-9).all()


def test_another_voice_opens_it_as_far():
    """Its predictions move half as far, around another mean."""
    predicted, filmed = speech(0.01, 0.08, 0), speech(0.02, 0.1, 1)
    other = speech(0.006, 0.1, 2)
    matcher = OpeningMatcher(mouth(predicted, filmed))
    before = matched(matcher, other, speaking=False)
    matcher.hear(np.stack([other, 0 * other], 1), np.ones(2000, bool))
    after = matched(matcher, other, speaking=False)
    assert before.mean() > 1.2 * filmed.mean()
    assert after.mean() == pytest.approx(filmed.mean(), rel=0.05)
    assert after.std() == pytest.approx(filmed.std(), rel=0.15)


def test_it_is_learned_while_it_is_heard_and_not_in_pauses():
    own = speech(0.02, 0.1, 0)
    opening = mouth(own, own)
    other = speech(0.02, 0.14, 1)
    matcher = OpeningMatcher(opening)
    early, late = np.split(matched(matcher, other, speaking=True), [100])
    assert late[-500:].mean() == pytest.approx(own.mean(), rel=0.1)
    assert early[: int(PRIOR / 2)].mean() > late[-500:].mean()
    quiet = OpeningMatcher(opening)
    matched(quiet, np.full(1000, REST), speaking=False)
    np.testing.assert_allclose(matched(quiet, own[:50], False), own[:50], atol=1e-6)


def test_the_mouth_of_silence_stays_shut():
    predicted, filmed = speech(0.01, 0.08, 0), speech(0.03, 0.1, 1)
    matcher = OpeningMatcher(mouth(predicted, filmed))
    matcher.hear(np.stack([predicted, 0 * predicted], 1), np.ones(2000, bool))
    assert matched(matcher, np.array([REST, REST / 2]), False) == pytest.approx([REST, REST / 2])


def test_only_the_opening_is_changed():
    own = speech(0.02, 0.1, 0)
    found = OpeningMatcher(mouth(own / 2, own)).match(np.array([0.05, 7.0]), False)
    assert found[1] == 7
    assert found.dtype == np.float32


def test_predictions_that_never_move_are_not_blown_up():
    still, filmed = np.full(100, 0.08), speech(0.03, 0.1, 1)
    function = OpeningFunction(mouth(still, filmed), np.quantile(still, QUANTILES))
    assert abs(function(0.081) - function(0.079)) < 0.02


def test_the_gap_is_signed():
    weights, offset = gap_of(tiny_shape())
    assert offset == pytest.approx(0.1)
    assert weights[0] == pytest.approx(0.05)
    assert weights[1:] == pytest.approx(0)
