"""Intervals on series whose uncertainty is known."""

import numpy as np
import pytest

from lipsync.evaluation import bootstrap as B
from lipsync.evaluation.mouths import correlation, spread

ROWS, BLOCK = 137, 12


@pytest.fixture(scope="module")
def blocks() -> B.Blocks:
    return B.Blocks(ROWS, BLOCK)


@pytest.fixture(scope="module")
def drawn(blocks: B.Blocks) -> np.ndarray:
    """(1000, 137) row numbers of each resample, told by its sums of unit vectors; unordered."""
    counts = blocks.sums(np.eye(ROWS)).round().astype(int)  # (R, L)
    return np.stack([np.repeat(np.arange(ROWS), count) for count in counts])


def slow(rows: int, seed: int, coupling: float = 0.9) -> np.ndarray:
    """A first-order autoregression: what neighbouring frames are like."""
    noise = np.random.default_rng(seed).normal(0, 1, rows + 200)
    values = np.zeros(rows + 200)
    for i in range(1, len(values)):
        values[i] = coupling * values[i - 1] + noise[i]
    return values[200:]


def test_a_resample_is_blocks_of_neighbours_and_as_long_as_the_original(blocks) -> None:
    counts = blocks.sums(np.eye(ROWS)).round().astype(int)
    assert (counts.sum(axis=1) == ROWS).all()
    changes = np.abs(np.diff(counts, axis=1, prepend=0, append=0)).sum(axis=1)
    assert changes.max() <= 2 * np.ceil(ROWS / BLOCK)  # each block begins once and ends once
    inner = counts[:, BLOCK:-BLOCK].mean()
    assert inner == pytest.approx(1, abs=0.12)  # rows near the ends lie in fewer blocks


def test_figures_of_a_resample_are_those_of_its_rows(blocks, drawn) -> None:
    a, b = slow(ROWS, 0), slow(ROWS, 1)
    a[20:25] = np.nan
    b[60] = np.nan
    b += 100  # far from 0, where sums of squares lose digits
    several = np.stack([a, b[::-1], np.full(ROWS, 3.0)], axis=1)
    found = B.correlations(blocks, several, b)
    assert found.shape == (B.RESAMPLES, 3)
    for r in (0, 1, 500, 999):
        rows = drawn[r]
        for k in range(3):
            wanted = correlation(several[rows, k], b[rows])
            assert found[r, k] == pytest.approx(wanted, abs=1e-6)
        known = np.isfinite(a[rows]) & np.isfinite(b[rows])
        wanted = a[rows][known].sum() / b[rows][known].sum()
        assert B.ratios(blocks, a, b)[r] == pytest.approx(wanted)
        assert B.means(blocks, a)[r] == pytest.approx(np.nanmean(a[rows]))
        assert B.spreads(blocks, a, b)[r] == pytest.approx(spread(a[rows], b[rows]))


def test_intervals_of_slow_series_cover_the_truth_and_single_rows_would_not() -> None:
    covered = {12: 0, 1: 0}
    for seed in range(60):
        values = slow(400, seed, coupling=0.8)
        for block in covered:
            edges = B.interval(B.means(B.Blocks(400, block), values))
            assert edges is not None
            covered[block] += edges[0] <= 0 <= edges[1]
    assert covered[12] >= 50  # of 60; blocks are known to be a little narrow
    assert covered[1] < 40


def test_a_paired_difference_is_surer_than_its_parts(blocks) -> None:
    hard = slow(ROWS, 3)  # frames differ far more than the two that are compared
    better, worse = B.means(blocks, hard + 0.1), B.means(blocks, hard)
    one, difference = B.interval(better), B.interval(better - worse)
    assert one is not None
    assert difference is not None
    assert one[1] - one[0] > 0.5
    assert difference == pytest.approx([0.1, 0.1])


def test_what_cannot_be_told_is_none(blocks) -> None:
    assert B.interval(B.means(B.Blocks(4 * BLOCK - 1, BLOCK), np.ones(4 * BLOCK - 1))) is None
    assert B.interval(B.means(blocks, np.full(ROWS, np.nan))) is None
    assert B.interval(B.spreads(blocks, slow(ROWS, 2), np.ones(ROWS))) is None
    rare = np.full(ROWS, np.nan)
    rare[50:53] = 1  # most resamples have none of these rows
    assert B.interval(B.means(blocks, rare)) is None
    assert B.interval(B.means(blocks, np.ones(ROWS))) == [1, 1]


def test_the_same_rows_are_drawn_alike_other_seeds_differently() -> None:
    values = slow(ROWS, 5)
    first = B.means(B.Blocks(ROWS, BLOCK), values)
    np.testing.assert_array_equal(first, B.means(B.Blocks(ROWS, BLOCK), values))
    assert (first != B.means(B.Blocks(ROWS, BLOCK, seed=1), values)).any()
