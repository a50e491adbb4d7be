"""The published SyncNet: its architecture, what it is fed, and the figures made of it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from lipsync.errors import LipsyncError
from lipsync.evaluation.heldout import Instant
from lipsync.evaluation.official import (
    MAX_SHIFT,
    OfficialFaces,
    WindowDistances,
    distances,
    embed_sound,
)
from lipsync.evaluation.official_input import GREY, cut_face, face_squares, mfcc
from lipsync.evaluation.official_model import OfficialSyncNet, load_official_syncnet
from tests.evaluation.published import published_state

RATE = 16_000


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("published") / "syncnet_v2.model"
    torch.save(published_state(), path)
    return path


@pytest.fixture(scope="module")
def model(weights: Path) -> OfficialSyncNet:
    return load_official_syncnet(weights)


def test_the_published_state_dict_fits_and_is_used(weights: Path, model, tmp_path: Path) -> None:
    state = torch.load(weights, weights_only=True)
    names = {n for n in model.state_dict() if not n.endswith("num_batches_tracked")}
    assert names == set(state)
    for name, value in state.items():
        assert torch.equal(model.state_dict()[name], value)
    assert not any(p.requires_grad for p in model.parameters())
    assert not model.training
    save_file(state, tmp_path / "same.safetensors")
    other = load_official_syncnet(tmp_path / "same.safetensors")
    columns = torch.randn(2, 1, 13, 20)
    assert torch.equal(other.embed_sound(columns), model.embed_sound(columns))


def test_shapes_and_that_a_run_of_pictures_is_its_windows(model) -> None:
    pictures = torch.rand(1, 3, 7, 224, 224) * 255
    found = model.embed_lips(pictures)
    assert found.shape == (1, 3, 1024)
    alone = model.embed_lips(pictures[:, :, 2:7])
    torch.testing.assert_close(found[:, 2:], alone, rtol=1e-3, atol=1e-3)
    assert model.embed_sound(torch.randn(4, 1, 13, 20)).shape == (4, 1024)


def test_missing_and_wrong_weights_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(LipsyncError) as error:
        load_official_syncnet(tmp_path / "syncnet_v2.model")
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith("evaluate.official_syncnet: ")
    for word in ("no such file", "syncnet_v2.model", "55 MB", "http://www.robots.ox.ac.uk/",
                 "models/pretrained/syncnet/", "null"):  # fmt: skip
        assert word in message
    damaged = tmp_path / "damaged.model"
    damaged.write_bytes(b"<html>not found</html>")
    other = tmp_path / "other.model"
    torch.save({"netcnnaud.0.weight": torch.zeros(1)}, other)
    unsafe = tmp_path / "unsafe.model"
    torch.save({"path": tmp_path}, unsafe)  # a class: unpickling it could run code
    for path in (damaged, other, unsafe):
        with pytest.raises(LipsyncError, match="not the weights of syncnet_v2") as error:
            load_official_syncnet(path)
        assert "\n" not in str(error.value)
        assert "weights_only" not in str(error.value)


@pytest.mark.parametrize("late", [-4, 0, 3])
def test_lips_that_come_late_show_in_offset_and_confidence(late: int) -> None:
    draw = torch.Generator().manual_seed(1)
    heard = torch.randn(120, 64, generator=draw)
    lips = heard.roll(late, 0) + 0.1 * torch.randn(120, 64, generator=draw)
    found = WindowDistances(distances(lips, heard)[20:100]).figures()
    assert found["offset"] == late
    assert found["lse_d"] == pytest.approx(0.1 * 64**0.5, rel=0.1)
    assert found["lse_c"] == pytest.approx(128**0.5 - 0.1 * 64**0.5, rel=0.05)


def test_distances_are_of_shifted_sound_and_of_nothing_beyond_the_ends() -> None:
    lips, heard = torch.zeros(40, 2), torch.arange(40.0)[:, None].expand(40, 2)
    found = distances(lips, heard)
    assert found.shape == (40, 31)
    assert found[20, MAX_SHIFT + 5] == pytest.approx(25 * 2**0.5)
    assert found[20, MAX_SHIFT - 5] == pytest.approx(15 * 2**0.5)
    assert found[35, MAX_SHIFT + 10] == 0


def test_mfcc_of_a_tone_and_of_silence() -> None:
    """One column each 10 ms, its first the log energy of 16-bit steps; loudness is nowhere else."""
    time = np.arange(RATE) / RATE
    tone = (0.25 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)
    found = mfcc(tone)
    assert found.shape == (99, 13)  # 1 + ceil((16000 - 400) / 160)
    # Pre-emphasis weighs 1 kHz by abs(1 - 0.97 e^(-j w)); a bin of the 512 holds both signs.
    gain = abs(1 - 0.97 * np.exp(-2j * np.pi * 1000 / RATE))
    amplitude = 0.25 * 32768 * gain
    energy = np.log(400 * amplitude**2 / 2 / 2)  # Parseval, one of the two sides of the spectrum
    np.testing.assert_allclose(found[5:-5, 0], energy, atol=0.02)
    louder = mfcc(2 * tone)
    np.testing.assert_allclose(louder[5:-5, 0] - found[5:-5, 0], 2 * np.log(2), atol=1e-3)
    np.testing.assert_allclose(louder[5:-5, 1:], found[5:-5, 1:], atol=0.05)
    assert np.abs(found[5:-5] - found[50]).max() < 0.5  # a steady tone is steady
    assert np.isfinite(mfcc(np.zeros(RATE, np.float32))).all()


def test_a_window_of_sound_is_the_fifth_of_a_second_beside_its_pictures(model) -> None:
    """A click changes the windows that hear it, and no other."""
    sound = np.random.default_rng(0).normal(0, 0.01, 2 * RATE).astype(np.float32)
    clicked = sound.copy()
    clicked[RATE + 320 : RATE + 400] += 0.9  # at 1.02 s, while picture 25 is shown
    before, after = (
        embed_sound(model, mfcc(each), 100, torch.device("cpu")) for each in (sound, clicked)
    )
    assert len(before) == 45  # 50 pictures; the last window has too few columns, as published
    changed = np.flatnonzero((before - after).abs().amax(1) > 1e-4)
    np.testing.assert_array_equal(changed, np.arange(21, 26))  # windows i ... i + 4 with picture 25


def test_squares_enclose_the_mesh_and_are_steady() -> None:
    points = np.zeros((60, 468, 2))
    points[:, 0] = [100, 200]
    points[:, 1] = [180, 320]
    points[:, 2:] = [140, 260]
    points[30, 1] = [180, 400]  # one frame is misread
    valid = np.ones(60, bool)
    points[40:50] = np.nan
    valid[40:50] = False
    squares = face_squares(points, valid)
    np.testing.assert_allclose(squares, np.tile([140, 260, 60], (60, 1)))


def test_the_face_is_cut_as_published() -> None:
    """A square 2.8 times half the face's height; grey where the picture ends."""
    picture = np.zeros((400, 400, 3), np.uint8)
    picture[260 - 60, :] = 255  # the top of the face
    face = cut_face(picture, np.array([140.0, 260.0, 60.0]))
    assert face.shape == (224, 224, 3)
    assert face[0].min() > 200  # is the top of the picture
    assert face[10:].max() == 0
    outside = cut_face(picture, np.array([60.0, 380.0, 60.0]))
    assert (outside[:, :10] == GREY).all()  # the picture begins 24 pixels inside on the left
    assert (outside[-100:] == GREY).all()


@pytest.mark.parametrize("fps", [25.0, 30.0])
def test_pictures_are_embedded_at_25_a_second_in_one_pass(model, fps: float) -> None:
    frames, samples = round(0.48 * fps), round(0.48 * RATE)
    draw = np.random.default_rng(0)
    pictures = draw.integers(0, 256, (frames, 40, 40, 3)).astype(np.uint8)
    squares = np.tile([20.0, 14.0, 12.0], (frames, 1))
    observer = OfficialFaces(model, squares, fps, torch.device("cpu"))
    assert len(observer.rows) == (12 if fps == 25 else 11)
    if fps == 25:
        np.testing.assert_array_equal(observer.rows, np.arange(12))
    valid = np.ones(frames, bool)
    valid[0] = False
    for row, picture in enumerate(pictures):
        other = 255 - picture
        observer(Instant(row, row, np.zeros(4), picture, other, picture, other, other))
    sound = draw.normal(0, 0.1, samples).astype(np.float32)
    one_run = np.zeros(frames, int)
    score = observer.score(sound, valid, one_run)
    assert score is not None
    heard = embed_sound(model, mfcc(sound), len(observer.rows) - 4, torch.device("cpu"))
    assert len(heard) == 7
    assert score.real.distances.shape == (6, 31)  # less the window without a face
    for window in (1, 6):  # the second of them is in the second batch
        rows = observer.rows[window : window + 5]
        faces = np.stack([cut_face(pictures[row], squares[0])[..., ::-1] for row in rows])  # BGR
        lips = model.embed_lips(torch.from_numpy(faces).permute(3, 0, 1, 2)[None].float())[0, 0]
        wanted = (lips - heard[window]).norm().item()
        assert score.real.distances[window - 1, MAX_SHIFT] == pytest.approx(wanted, rel=1e-3)
        assert score.rendered.distances[window - 1, MAX_SHIFT] != pytest.approx(wanted, rel=1e-3)
    assert observer.score(sound, np.zeros(frames, bool), one_run) is None
    cut = (np.arange(frames) >= observer.rows[7]).astype(int)  # no window reaches over it
    two_runs = observer.score(sound, np.ones(frames, bool), cut)
    assert two_runs is not None
    assert len(two_runs.real.distances) == 7 - 4
