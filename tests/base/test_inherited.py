"""What a person takes over: the files, and what is refused."""

import json

import pytest
import torch

from lipsync.base.inherited import Inherited, read_inherited, write_inherited
from lipsync.base.params import AdapterParams
from lipsync.errors import LipsyncError
from lipsync.syncnet.model import SyncNet
from lipsync.syncnet.weights import load_fitting_syncnet, save_syncnet
from tests.tiny import tiny_person

ADAPTER = AdapterParams().model_dump()
BASE = {"people": ["alice"], "kind": tiny_person().kind}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models/base/networks").mkdir(parents=True)
    for name in ("generator", "motion", "syncnet"):
        (tmp_path / f"models/base/networks/{name}.safetensors").write_text(name)
    return tmp_path


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_nothing_inherited_stays_the_same_whatever_the_base_becomes(here):
    models = here / "models/bob"
    write_inherited(Inherited(models / "inherited"), None)
    before = files(models / "inherited")
    assert list(before) == ["about.json"]
    (here / "models/base/networks/generator.safetensors").write_text("another")
    write_inherited(Inherited(models / "inherited"), None)
    assert files(models / "inherited") == before
    found = read_inherited(models)
    kind = tiny_person().kind
    assert not any(part(models, kind) for part in (found.generator, found.motion, found.syncnet))


def test_a_base_is_copied_and_another_one_is_seen(here):
    models, source = here / "models/bob", here / "models/base/networks/syncnet.safetensors"
    wanted = Inherited(models / "inherited", BASE, ADAPTER, "base")
    write_inherited(wanted, source)
    found = read_inherited(models)
    assert found == wanted
    kind = tiny_person().kind
    assert found.generator(models, kind).read_text() == "generator"
    assert found.motion(models, kind).read_text() == "motion"
    assert found.syncnet(models, kind).read_text() == "syncnet"
    marks = json.loads((models / "inherited/about.json").read_text())["sha256"]
    source.write_text("another")
    write_inherited(wanted, source)
    assert json.loads((models / "inherited/about.json").read_text())["sha256"] != marks


def test_what_is_not_there_is_named_with_the_remedy(here):
    models = here / "models/bob"
    with pytest.raises(LipsyncError, match=r"alice\.safetensors: no such file; `lipsync share al"):
        write_inherited(
            Inherited(models / "inherited", syncnet_of="alice"),
            here.joinpath("models/shared/alice.safetensors").relative_to(here),
        )
    assert not (models / "inherited").exists()
    with pytest.raises(LipsyncError, match=r"about\.json: no such file; run `dvc repro`"):
        read_inherited(models)


def test_a_base_for_other_data_is_refused(here):
    inherited = Inherited(here, BASE, ADAPTER, "base", source="models/base/networks")
    other = tiny_person().kind | {"crop.size": 96}
    for part in (inherited.generator, inherited.syncnet):
        with pytest.raises(LipsyncError, match=r"crop\.size is 96, but 64 for the base; give"):
            part(here, other)
    assert inherited.motion(here, other) == here / "motion.safetensors"  # sees no crops


def test_of_the_base_that_ships_a_person_takes_what_fits(here, capsys):
    inherited = Inherited(here, BASE, ADAPTER, "base", source="models/shared/base")
    kind = tiny_person().kind
    assert inherited.syncnet(here, kind) == here / "syncnet.safetensors"
    assert inherited.generator(here, kind | {"crop.size": 96}) is None
    assert inherited.motion(here, kind | {"crop.size": 96}) == here / "motion.safetensors"
    assert inherited.motion(here, kind | {"frames.fps": 30.0}) is None
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"{here}: crop.size is 96, but 64 for the base that ships: generator is trained from "
        "nothing",
        f"{here}: frames.fps is 30.0, but 25.0 for the base that ships: motion is trained from "
        "nothing",
    ]


@pytest.mark.parametrize(
    ("size", "dimension", "words"),
    [(96, 8, "crops of 96 pixels, not 64"), (64, 5, "speech rows of 5, not 8")],
)
def test_a_syncnet_for_other_data_is_refused(tmp_path, size, dimension, words):
    path = tmp_path / "alice.safetensors"
    save_syncnet(path, SyncNet(size, dimension, channels=8, embedding=16))
    with pytest.raises(LipsyncError, match=words):
        load_fitting_syncnet(path, tiny_person())


def test_one_that_fits_is_taken_as_it_is(tmp_path):
    model, path = SyncNet(64, 8, channels=8, embedding=16), tmp_path / "alice.safetensors"
    save_syncnet(path, model)
    found = load_fitting_syncnet(path, tiny_person()).state_dict()
    assert all(torch.equal(value, found[name]) for name, value in model.state_dict().items())
