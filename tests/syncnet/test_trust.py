"""Better than chance, or not: scans made by hand, and what becomes of a SyncNet that is not."""

import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.generator.params import GeneratorParams, LossWeights
from lipsync.syncnet.model import SyncNet
from lipsync.syncnet.report import write_offset_curve
from lipsync.syncnet.score import MAX_SHIFT, pool_windows, summarise
from lipsync.syncnet.trust import CHANCE, Trust, measure_trust
from lipsync.syncnet.weights import load_trust, save_syncnet

FPS, AVERAGE, WINDOWS = 25.0, 11, 150


def scan(seed: int, knows: float, windows: int = WINDOWS) -> np.ndarray:
    """Smooth noise, and a peak at shift 0 that is ``knows`` as high as the noise is wide."""
    draw = np.random.default_rng(seed)
    noise = draw.normal(size=(windows + 30, 2 * MAX_SHIFT + 1))
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


@pytest.mark.parametrize("seconds", [1.6, 2.0, 4.4, 6.0, 12.0])
def test_noise_is_not(seconds):
    """Neighbouring answers are alike, so top-1 of noise is often far above chance.

    A 95 % interval may miss chance on its low side in 2.5 % of all seeds; more than 12 of 200 would
    happen to such an interval twice in a thousand times.
    """
    windows = round(seconds * FPS)
    trusts = [
        measure_trust(scan(seed, 0.0, windows), np.arange(windows), AVERAGE, FPS)
        for seed in range(200)
    ]
    assert max(trust.top1 for trust in trusts) > 2 * CHANCE
    assert sum(trust.better_than_chance for trust in trusts) <= 12


def always_right(windows: int) -> np.ndarray:
    return np.tile(np.eye(2 * MAX_SHIFT + 1)[MAX_SHIFT], (windows, 1))


def test_less_than_four_seconds_of_answers_prove_nothing():
    """Each answer takes AVERAGE windows, so 109 of them are 99 answers: one less than 4 s."""
    trust = measure_trust(always_right(109), np.arange(109), AVERAGE, FPS)
    assert (trust.top1, trust.low, trust.high) == (1, 0, 1)
    assert not trust.better_than_chance
    assert measure_trust(always_right(110), np.arange(110), AVERAGE, FPS).better_than_chance


def test_blocks_are_of_windows_near_each_other():
    starts = np.concatenate([np.arange(12), 100 + np.arange(12)])
    pooled, first = pool_windows(always_right(24), starts, AVERAGE)
    assert first.tolist() == [0, 1, 100, 101]
    assert len(pooled) == 4
    starts = np.concatenate([np.arange(60), 1000 + np.arange(60)])  # 2 x 50 answers
    assert measure_trust(always_right(120), starts, AVERAGE, FPS).low == 1


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
    params = GeneratorParams(clip=7, losses=LossWeights(sync=0.1))
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
