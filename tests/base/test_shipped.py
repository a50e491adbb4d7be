"""The base that ships: what is in it, and that other voices and levels move the lips as far."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from lipsync.base.inherited import BASE_INFO, GENERATOR, MOTION, SHIPPED, SYNCNET
from lipsync.base.share import share_base
from lipsync.errors import LipsyncError
from lipsync.generator.weights import load_generator, save_generator
from lipsync.media.audio import read_audio
from lipsync.media.clock import frame_count
from lipsync.motion.adaptation import MotionBase, load_motion_base, save_motion_base
from lipsync.motion.model import MotionNet
from lipsync.params import load_params
from lipsync.speech.mel import MelEncoder
from lipsync.speech.normalise import normalised, speaking
from lipsync.speech.windows import speech_windows
from lipsync.syncnet.model import SyncNet
from lipsync.syncnet.trust import Trust
from lipsync.syncnet.weights import load_syncnet, save_syncnet
from tests.project import change_params, must

FPS = 25
MEL = MelEncoder(FPS)


@pytest.fixture(scope="module")
def base(root: Path) -> MotionBase:
    return load_motion_base(root / SHIPPED / MOTION)


def predicted(base: MotionBase, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gap (N,) in the basis, in units of a person's amplitude, and whether somebody speaks (N,)."""
    count = frame_count(len(samples) / 16_000, FPS)
    rows = MEL.encode(samples.astype(np.float32), count)
    rows = normalised(rows, MEL.per_decibel, MEL.instants, FPS)
    model = base.model
    windows = speech_windows(
        rows, np.zeros_like(rows[0]), np.arange(count), model.past, model.future
    )
    with torch.no_grad():
        heard = model.networks(model.standardized(torch.from_numpy(windows)))
    return heard[:, :, 0].mean(1).numpy() @ base.basis.gap_weights, speaking(rows, MEL.per_decibel)


def voices(root: Path) -> list[Path]:
    return sorted((root / "data/voices").glob("*.wav"))


def test_it_is_small_and_fits_the_params(root: Path):
    folder = root / SHIPPED
    assert sum(path.stat().st_size for path in folder.iterdir()) < 8e6
    info = json.loads((folder / BASE_INFO).read_text())
    params = load_params(root / "params.yaml").shared()
    assert info["kind"]["crop.size"] == params.dump("crop")["size"]
    assert info["kind"]["frames.fps"] == params.dump("frames")["fps"]
    assert info["kind"]["the number of speech features"] == MEL.dimension
    card = (folder / "README.md").read_text()
    assert "CC BY 4.0" in card
    assert "3625687" in card
    load_syncnet(folder / SYNCNET)
    load_generator(folder / GENERATOR)


@pytest.mark.parametrize("gain", [0.03, 0.1, 4.0])
def test_the_level_moves_the_lips_as_far(base: MotionBase, root: Path, gain: float):
    ratios = []
    for path in voices(root):
        samples = read_audio(path)
        usual, _ = predicted(base, samples)
        other, _ = predicted(base, np.clip(gain * samples, -1, 1))
        ratios.append(other.std() / usual.std())
        assert np.corrcoef(other, usual)[0, 1] > 0.8
    assert np.mean(ratios) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("room", [0.0, 10 ** (-55 / 20)])
def test_a_pause_and_the_end_close_the_mouth_without_a_jump(base: MotionBase, root: Path, room):
    """5 s within speech, and 3 s after it: digital silence, or a room's noise at -55 dB."""
    rest = predicted(base, np.zeros(2 * 16_000))[0][25]
    for path in voices(root):
        samples = read_audio(path)
        pause, end = np.zeros(5 * 16_000), np.zeros(3 * 16_000)
        spoken = np.concatenate([samples, pause, samples, end])
        noise = np.random.default_rng(0).normal(0, room, len(spoken))
        gaps, voiced = predicted(base, spoken + noise)
        usual = gaps[voiced].std()
        first, second = len(samples) * FPS // 16_000, len(gaps) - 3 * FPS
        for begin, stop in ((first, first + 5 * FPS), (second, len(gaps))):
            still = gaps[begin + FPS // 2 : stop - FPS // 2]
            assert np.abs(still - rest).max() < 0.1 * usual, path.stem
            around = slice(begin - FPS // 2, min(stop + FPS // 2, len(gaps)))
            jumps = np.abs(np.diff(gaps[around]))
            assert jumps.max() <= 1.2 * np.abs(np.diff(gaps[voiced])).max(), path.stem


def test_women_and_men_move_the_lips_as_far(base: MotionBase, root: Path):
    spread = {}
    for path in voices(root):
        gaps, voiced = predicted(base, read_audio(path))
        spread[path.stem] = gaps[voiced].std()
    women = np.mean([value for name, value in spread.items() if "woman" in name])
    men = np.mean([value for name, value in spread.items() if "woman" not in name])
    assert len(spread) == 8
    assert women == pytest.approx(men, rel=0.25)


def test_it_is_the_default_of_a_new_person(project_copy):
    """Whose crops are of another size: the motion network fits, the others do not."""
    project = project_copy()
    change_params(project, lambda values: values["people"]["sample"].pop("base"))
    output = must(project, "dvc", "repro", "train_motion@sample", "train_syncnet@sample")
    assert "for the base that ships: syncnet is trained from nothing" in output
    assert "for the base that ships: motion" not in output
    metrics = json.loads((project / "metrics/sample/motion/metrics.json").read_text())
    assert 0 <= metrics["adaptation"] <= 1
    about = json.loads((project / "models/sample/inherited/about.json").read_text())
    assert about["source"] == SHIPPED.as_posix()


def test_a_base_is_shared_in_half_precision(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from lipsync.base.inherited import BASE
    from lipsync.generator.model import Refiner

    BASE.mkdir(parents=True)
    torch.manual_seed(0)
    motion = MotionNet(
        320, 4, 3, past=4, future=2, network_past=4, members=4, channels=8, dropout=0, components=8
    )
    from lipsync.motion.basis import Basis

    components = np.random.default_rng(0).normal(size=(3, 468, 3)).astype(np.float32)
    save_motion_base(BASE / MOTION, MotionBase(motion, Basis(components)))
    save_syncnet(BASE / SYNCNET, SyncNet(64, 320, channels=8), Trust(0.5, 0.4, 0.6))
    save_generator(BASE / GENERATOR, Refiner(64, channels=(16, 16)), 1.0)
    kind = {"frames.fps": 25.0, "the number of speech features": 320}
    for other in ({"frames.fps": 30.0}, {"the number of speech features": 1024}):
        (BASE / BASE_INFO).write_text(json.dumps({"people": ["a"], "kind": kind | other}))
        with pytest.raises(
            LipsyncError, match=r"also measures offsets, so it needs speech\.encoder"
        ):
            share_base()
    assert not SHIPPED.exists()
    (BASE / BASE_INFO).write_text(json.dumps({"people": ["a"], "kind": kind}))
    assert share_base() == SHIPPED
    for name in (MOTION, SYNCNET, GENERATOR):
        assert (SHIPPED / name).stat().st_size < 0.7 * (BASE / name).stat().st_size
    found = load_motion_base(SHIPPED / MOTION)
    for name, value in motion.state_dict().items():
        torch.testing.assert_close(found.model.state_dict()[name], value, atol=1e-3, rtol=1e-3)
    np.testing.assert_allclose(found.basis.components, components, atol=2e-3)
    (BASE / BASE_INFO).write_text(json.dumps({"people": []}))
    with pytest.raises(LipsyncError, match=r"a base of nobody; name people in base\.people"):
        share_base()
