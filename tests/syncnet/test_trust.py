"""Better than chance, or not: scans made by hand, and what becomes of a SyncNet that is not."""

import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.generator.params import GeneratorParams
from lipsync.syncnet.model import SyncNet
from lipsync.syncnet.report import write_offset_curve
from lipsync.syncnet.score import MAX_SHIFT, pool_windows, summarise
from lipsync.syncnet.trust import CHANCE, Trust, measure_trust
from lipsync.syncnet.weights import load_trust, save_syncnet

FPS, AVERAGE, WINDOWS = 25.0, 11, 150


def scan(seed: int, knows: float) -> np.ndarray:
    """Smooth noise, and a peak at shift 0 that is ``knows`` as high as the noise is wide."""
    draw = np.random.default_rng(seed)
    noise = draw.normal(size=(WINDOWS + 30, 2 * MAX_SHIFT + 1))
    kernel = np.hanning(17)
    for axis in (0, 1):
        noise = np.apply_along_axis(np.convolve, axis, noise, kernel, "same")
    noise = noise[15:-15] / noise.std()
    return noise + knows * np.exp(-(np.arange(-MAX_SHIFT, MAX_SHIFT + 1) ** 2) / 4)


def test_who_knows_is_trusted():
    trust = measure_trust(scan(0, 5.0), np.arange(WINDOWS), AVERAGE, FPS)
    assert trust.top1 > 0.9
    assert CHANCE < trust.low <= trust.top1 <= trust.high <= 1
    assert trust.better_than_chance


def test_noise_is_not():
    """Neighbouring answers are alike, so top-1 of noise is often far above chance."""
    trusts = [
        measure_trust(scan(seed, 0.0), np.arange(WINDOWS), AVERAGE, FPS) for seed in range(60)
    ]
    assert max(trust.top1 for trust in trusts) > 2 * CHANCE
    assert np.mean([trust.better_than_chance for trust in trusts]) < 0.1


def test_one_second_proves_nothing():
    right = np.tile(np.eye(2 * MAX_SHIFT + 1)[MAX_SHIFT], (20, 1))
    trust = measure_trust(right, np.arange(20), AVERAGE, FPS)
    assert (trust.top1, trust.low, trust.high) == (1, 0, 1)
    assert not trust.better_than_chance


def test_blocks_are_of_windows_near_each_other():
    cosines = np.tile(np.eye(2 * MAX_SHIFT + 1)[MAX_SHIFT], (24, 1))
    starts = np.concatenate([np.arange(12), 100 + np.arange(12)])
    pooled, first = pool_windows(cosines, starts, AVERAGE)
    assert first.tolist() == [0, 1, 100, 101]
    assert len(pooled) == 4
    assert measure_trust(cosines, starts, AVERAGE, FPS).low == 1


def test_the_same_scan_gives_the_same_interval():
    first, again = (measure_trust(scan(3, 1.0), np.arange(WINDOWS), AVERAGE, FPS) for _ in range(2))
    assert first == again


def test_the_verdict_travels_with_the_model(tmp_path):
    model, path = SyncNet(64, 8, channels=8, embedding=16), tmp_path / "syncnet.safetensors"
    trust = Trust(0.3, 0.05, 0.5)
    save_syncnet(path, model, trust)
    assert load_trust(path) == trust
    assert not load_trust(path).better_than_chance
    save_syncnet(path, model)
    with pytest.raises(LipsyncError, match="not judged on held-out video"):
        load_trust(path)


def test_without_sync_leaves_all_else():
    params = GeneratorParams(clip=7)
    without = params.without_sync()
    assert without.losses.sync == 0
    assert params.losses.sync > 0
    assert without.model_dump(exclude={"losses": {"sync"}}) == params.model_dump(
        exclude={"losses": {"sync"}}
    )


def test_the_plot_puts_late_lips_on_the_right(tmp_path):
    lag = np.arange(-MAX_SHIFT, MAX_SHIFT + 1)
    cosines = np.exp(-((lag + 4) ** 2) / 4)[None].repeat(40, 0)  # speech 4 frames earlier fits
    found = summarise(cosines, np.arange(40), AVERAGE)
    write_offset_curve(tmp_path, found, Trust(0.0, 0.0, 0.1))
    curve = np.genfromtxt(tmp_path / "sync_offsets.csv", delimiter=",", names=True)
    assert curve["offset_frames"][curve["cosine"].argmax()] == 4 == found.offset
    assert (tmp_path / "sync_offsets.png").stat().st_size > 1000
