"""The ridge baseline finds what is linear, and looks at nothing that is held out."""

import numpy as np
import pytest

from lipsync.evaluation.mouths import correlation
from lipsync.evaluation.ridge import fitted_frames, predict_opening
from lipsync.training.params import SplitParams
from lipsync.training.ridge import PENALTIES, fit_line
from lipsync.training.split import limit_training, split_frames

FRAMES, TRAINED, START = 500, 350, 375
FITTED, ASKED = np.arange(TRAINED), np.arange(START, FRAMES - 5)


@pytest.fixture(scope="module")
def mel() -> np.ndarray:
    """(500, 320) float32 of about 0..1: a handful of sounds that come and go, and noise."""
    draw = np.random.default_rng(0)
    sounds = np.stack([np.convolve(draw.normal(0, 1, FRAMES), np.ones(4) / 2, "same") for _ in
                       range(5)], axis=1)  # fmt: skip
    spectra = sounds @ draw.uniform(0, 0.1, (5, 320)) + 0.4
    return (spectra + draw.normal(0, 0.02, spectra.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def opening(mel: np.ndarray) -> np.ndarray:
    """Lips that go with the sound of two frames later, as real lips do."""
    loud = mel.mean(axis=1) - mel.mean()
    noise = np.random.default_rng(1).normal(0, 0.2, FRAMES)
    return np.roll(0.15 + loud * (1 + noise), -2)


def test_it_hears_the_frames_that_it_is_given(mel, opening) -> None:
    near = predict_opening(mel, opening, FITTED, ASKED, past=6, future=4)
    assert near.shape == (len(ASKED),)
    assert correlation(near, opening[ASKED]) > 0.9
    deaf = predict_opening(mel, opening, FITTED, ASKED, past=6, future=0)
    assert correlation(deaf, opening[ASKED]) < 0.75  # what tells comes two frames later


def test_lips_that_know_nothing_of_the_sound_are_not_predicted(mel) -> None:
    """And so that it says little rather than something wild: the penalty is found to be large."""
    other = np.convolve(np.random.default_rng(7).normal(0, 1, FRAMES + 8), np.ones(9) / 9, "valid")
    found = predict_opening(mel, other, FITTED, ASKED, 6, 4)
    assert abs(correlation(found, other[ASKED])) < 0.35
    assert np.abs(found - other[:TRAINED].mean()).max() < other.std()


def test_nothing_held_out_is_looked_at(mel, opening) -> None:
    changed = opening.copy()
    changed[TRAINED:] = np.random.default_rng(2).uniform(0, 1, FRAMES - TRAINED)
    for values in (changed, np.where(np.arange(FRAMES) < TRAINED, opening, np.nan)):
        np.testing.assert_array_equal(
            predict_opening(mel, values, FITTED, ASKED, 6, 4),
            predict_opening(mel, opening, FITTED, ASKED, 6, 4),
        )


def test_it_is_fitted_on_the_frames_that_the_trainings_use() -> None:
    split = split_frames(np.ones(FRAMES, bool), 25.0, SplitParams())
    valid, seen = np.ones(FRAMES, bool), np.ones(FRAMES, bool)
    valid[100:110] = False
    seen[95:115] = False
    every = fitted_frames(valid, seen, split, None)
    np.testing.assert_array_equal(every, np.flatnonzero(seen[: split.training_end]))
    few = fitted_frames(valid, seen, split, 150)
    used = np.flatnonzero((valid & limit_training(valid, split, 150))[: split.training_end])
    assert len(used) == 150
    np.testing.assert_array_equal(few, used[seen[used]])


def test_frames_without_lips_are_left_out_and_too_few_are_no_baseline(mel, opening) -> None:
    gaps = opening.copy()
    gaps[40:60] = np.nan
    assert correlation(predict_opening(mel, gaps, FITTED, ASKED, 6, 4), opening[ASKED]) > 0.9
    assert np.isnan(predict_opening(mel, opening, FITTED[:59], ASKED, 6, 4)).all()
    assert np.isfinite(predict_opening(mel, opening, FITTED[:60], ASKED, 6, 4)).all()


def test_the_line_is_the_textbooks_with_more_frames_than_features_and_with_fewer(mel, opening):
    x, y, new = mel[:350].astype(float), opening[:350], mel[400:].astype(float)
    for columns in (slice(0, 320), slice(0, 400, 2), slice(0, 80)):
        for rows in (300, 50):
            a, b = x[:rows, columns], y[:rows]
            line = fit_line(a, b[:, None], np.arange(rows), reach=10)
            found = line(new[:, columns])[:, 0]
            centred, level = a - a.mean(0), b.mean()
            nearest = np.inf
            for penalty in PENALTIES * np.square(centred).sum() / a.shape[1]:
                gram = centred.T @ centred + penalty * np.eye(a.shape[1])
                weights = np.linalg.solve(gram, centred.T @ (b - level))
                wanted = level + (new[:, columns] - a.mean(0)) @ weights
                nearest = min(nearest, np.abs(found - wanted).max())
            assert nearest < 1e-8


def test_each_column_of_a_line_has_a_penalty_of_its_own(mel, opening) -> None:
    noise = np.random.default_rng(3).normal(0, opening.std(), FRAMES)
    both = np.stack([opening, noise], axis=1)[:TRAINED]
    line = fit_line(mel[:TRAINED].astype(float), both, np.arange(TRAINED), reach=4)
    for column in range(2):
        alone = fit_line(mel[:TRAINED].astype(float), both[:, [column]], np.arange(TRAINED), 4)
        np.testing.assert_allclose(line.weights[:, column], alone.weights[:, 0], atol=1e-12)
    loud, quiet = line(mel[TRAINED:].astype(float)).std(axis=0) / both.std(axis=0)
    assert loud > 0.3 > quiet


def test_frames_too_few_to_choose_by_say_as_little_as_possible(mel, opening) -> None:
    line = fit_line(mel[:12].astype(float), opening[:12, None], np.arange(12), reach=20)
    assert np.ptp(line(mel[TRAINED:].astype(float))) < 0.01 * np.ptp(opening)
