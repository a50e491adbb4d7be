"""Several people teach one refiner: what of them is laid aside, and how they take turns."""

from dataclasses import fields, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from lipsync.base.gather import gather
from lipsync.base.people import Gathered, load_gathered, load_people
from lipsync.base.task import GeneratorsTogether
from lipsync.errors import LipsyncError
from lipsync.generator.model import Refiner
from lipsync.generator.params import GeneratorParams
from lipsync.generator.task import GeneratorTask
from lipsync.geometry.storage import read_geometry, write_geometry
from lipsync.training.device import Compute
from lipsync.training.split import write_split
from lipsync.training.state import TrainingState
from tests.tiny import FRAMES, SIZE, tiny_geometry, tiny_person, tiny_split, tiny_syncnet, tiny_task

PARAMS = GeneratorParams(
    channels=(8, 16), batch_size=10, exemplars=10, warmup_steps=5, ema_decay=0.9
)
CPU = Compute(torch.device("cpu"), torch.float32)


@pytest.fixture
def folder(tmp_path) -> Path:
    """data/alice of the tiny person, of whom four frames have no face."""
    data, folder = tiny_person(), tmp_path / "data/alice"
    folder.mkdir(parents=True)
    valid = np.ones(FRAMES, bool)
    valid[60:64] = False
    crops = data.crops.permute(0, 2, 3, 1).numpy()
    np.savez(
        folder / "faces.npz",
        crops=crops, boxes=data.boxes, valid=valid, seen=valid, lips=data.lips.numpy(),
    )  # fmt: skip
    np.savez(
        folder / "speech.npz",
        rows=data.speech[64:-64].numpy(), silence=data.speech[0].numpy(),
        per_decibel=0.01, instants=1, fps=25.0, weights_sha256="",
    )  # fmt: skip
    model, track = tiny_geometry()
    write_geometry(folder / "geometry.npz", model, replace(track, valid=valid))
    write_split(folder / "split.json", tiny_split())
    return folder


def gathered(folder: Path, most: int | None) -> Gathered:
    out = folder.parent / "base" / f"{folder.name}.npz"
    gather(folder, out, most)
    return load_gathered(out, torch.device("cpu"))


def test_what_is_gathered_is_the_person(folder):
    person, data, split = gathered(folder, None), tiny_person(), tiny_split()
    assert (person.name, person.split) == ("alice", split)
    used = person.data.valid
    outside = np.arange(split.training_end, split.validation_start)
    assert set(np.flatnonzero(~used)) == {60, 61, 62, 63, *outside}
    assert torch.equal(person.data.crops[used], data.crops[used])
    assert torch.equal(person.data.speech, data.speech)
    assert np.array_equal(person.data.boxes, data.boxes)
    model, track = read_geometry(folder / "geometry.npz")
    for mine, theirs in ((person.material.model, model), (person.material.track, track)):
        for field in fields(mine):
            if field.name != "valid":
                assert np.array_equal(getattr(mine, field.name), getattr(theirs, field.name))
    assert np.array_equal(person.material.track.valid, used)
    assert np.array_equal(np.isfinite(person.material.light[:, 0]), used)
    assert person.material.light[used].min() > 100  # of skin, not of black frames


def test_frames_that_are_not_kept_are_black_and_nobodys_exemplars(folder):
    person = gathered(folder, 50)
    training = person.data.valid[: person.split.training_end]
    assert training.sum() == 50 == person.used_frames
    assert (person.data.crops[~person.data.valid] == 0).all()
    numbers = person.exemplars(20)
    assert len(numbers) == 20
    assert training[numbers].all()
    exemplars = person.material.exemplars(numbers)
    assert all(picture.shape == (SIZE, SIZE, 3) for picture in exemplars.pictures)
    assert all(picture.mean() > 50 for picture in exemplars.pictures)
    model = Refiner(SIZE, **PARAMS.architecture())
    task = GeneratorTask(
        model, tiny_syncnet(), person.data, person.material, numbers, person.split, PARAMS, CPU, 1
    )
    losses = task.losses(0, 0)
    assert torch.isfinite(losses["loss"])
    assert np.isfinite(task.validate(model)["psnr"])


def test_files_that_do_not_belong_together_are_refused(folder):
    model, track = tiny_geometry()
    shorter = replace(track, **{f.name: getattr(track, f.name)[1:] for f in fields(track)})
    write_geometry(folder / "geometry.npz", model, shorter)
    with pytest.raises(LipsyncError, match=r"faces\.npz has 160 frames .*geometry\.npz has 159"):
        gather(folder, folder / "out.npz", None)
    (folder / "geometry.npz").unlink()
    with pytest.raises(LipsyncError, match=r"geometry\.npz: no such file; run `dvc repro`"):
        gather(folder, folder / "out.npz", None)
    assert not (folder / "out.npz").exists()


def test_a_damaged_file_of_the_base_is_one_line(folder):
    gathered(folder, None)
    path = folder.parent / "base/alice.npz"
    with np.load(path) as archive:
        stored = {name: archive[name] for name in archive.files if "components" not in name}
    np.savez(path, **stored)
    with pytest.raises(LipsyncError, match=r"alice\.npz: damaged: .*run `dvc repro gather_base`"):
        load_gathered(path, torch.device("cpu"))
    path.unlink()
    with pytest.raises(LipsyncError, match=r"alice\.npz: no such file"):
        load_people(path.parent, ("alice",), torch.device("cpu"))


def together(model: Refiner) -> GeneratorsTogether:
    return GeneratorsTogether({name: tiny_task(model, PARAMS) for name in ("alice", "bob")}, seed=1)


def test_one_refiner_learns_from_both():
    torch.manual_seed(0)
    model = Refiner(SIZE, **PARAMS.architecture())
    task, state = together(model), TrainingState(model, PARAMS)
    with torch.no_grad():
        before = task.validate(state.ema)
    for step in range(40):
        state.update(task.losses(step // task.steps(), step % task.steps())["loss"])
    with torch.no_grad():
        after = task.validate(state.ema)
    assert after["l1"] < 0.5 * before["l1"]
    assert after["l1"] == pytest.approx((after["alice/l1"] + after["bob/l1"]) / 2)


def test_sample_pictures_stand_one_below_the_other():
    model = Refiner(SIZE, **PARAMS.architecture())
    task = together(model)
    jpegs = (task.tasks["bob"].picture(model), task.picture(model))
    one, both = (cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) for jpeg in jpegs)
    assert both.shape == (2 * one.shape[0], one.shape[1], 3)
    assert np.abs(both[len(one) :].astype(int) - one).mean() < 4
