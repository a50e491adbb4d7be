"""Stage train_generator: whom it listens to, and what it says that it has read."""

import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from lipsync.errors import LipsyncError
from lipsync.generator import experts
from lipsync.generator.weights import load_generator
from lipsync.params import load_params
from lipsync.retrieval.exemplars import read_exemplars
from lipsync.syncnet.trust import CHANCE, Trust
from lipsync.syncnet.weights import load_syncnet, load_trust, save_syncnet
from tests.project import change_params, must

TRUSTED, AT_CHANCE = Trust(0.9, 0.8, 1.0), Trust(0.1, 0.0, 0.3)
PLOTS = "metrics/sample/generator/plots/metrics/train"


@pytest.fixture(scope="module")
def project(project_copy) -> Path:
    """One copy for all verdicts, each of which is written over the one before it."""
    return project_copy()


@pytest.mark.parametrize("trust", [TRUSTED, AT_CHANCE], ids=["trusted", "at chance"])
def test_syncnet_is_listened_to_if_it_is_better_than_chance(project, trust):
    """The same network either way; only what held-out video said of it differs."""
    change_params(project, lambda values: values["generator"]["losses"].update(sync=0.1))
    path = project / "models/sample/syncnet.safetensors"
    save_syncnet(path, load_syncnet(path), trust)
    assert load_trust(path) == trust
    shutil.rmtree(project / "metrics/sample/generator")
    said = must(project, "python", "stages/train_generator.py", "sample")
    figures = json.loads((project / "metrics/sample/generator/metrics.json").read_text())
    wanted = yaml.safe_load((project / "params.yaml").read_text())["generator"]["losses"]["sync"]
    assert wanted > 0
    believed = trust.low > CHANCE
    assert figures["sync_weight"] == (wanted if believed else 0)
    assert ("generator.losses.sync is switched off" in said) is not believed
    # The loss itself is computed only where it counts.
    assert (project / PLOTS / "sync.tsv").exists() is believed
    assert (project / PLOTS / "l1.tsv").exists()


def test_no_epochs_leave_exemplars_alone_and_all_that_follows_needs(project):
    """The quick look: the refiner stays untrained, and changes nothing."""
    models = project / "models/sample"
    trained, _ = load_generator(models / "generator.safetensors")
    assert trained.head.weight.abs().max() > 0
    change_params(project, lambda values: values.update(epochs=0))
    said = must(project, "dvc", "repro", "-s", "train_generator@sample")
    untrained, detail = load_generator(models / "generator.safetensors")
    assert untrained.head.weight.abs().max() == 0
    assert 0.8 < detail < 1.6
    exemplars = read_exemplars(models / "exemplars.npz")
    assert f"{len(exemplars)} exemplars" in said
    assert 2 <= len(exemplars) <= 16
    assert min(len(picture) for picture in exemplars.pictures) > 64  # the video's own resolution
    figures = json.loads((project / "metrics/sample/generator/metrics.json").read_text())
    assert figures["epoch"] == 0
    assert figures["detail"] == pytest.approx(detail, abs=1e-3)
    samples = project / "metrics/sample/generator/samples"
    assert [path.name for path in samples.iterdir()] == ["epoch_00000.jpg"]


@pytest.fixture
def stage(root: Path, monkeypatch) -> ModuleType:
    monkeypatch.setenv("LIPSYNC_PROCESSES", "1")  # it may not start this very test once a GPU
    spec = importlib.util.spec_from_file_location("stage", root / "stages/train_generator.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("perceptual", "read"),
    [
        ({"features": "vgg19", "weights": "my/vgg.pth"}, {"vgg19": Path("my/vgg.pth")}),
        (
            {"features": "vgg19", "weights": "imagenet"},
            {"vgg19": Path("models/pretrained/vgg/vgg19-dcbb9e9d.pth")},
        ),
        ({"features": "syncnet", "weights": "my/vgg.pth"}, {}),
    ],
)
def test_the_weights_that_are_read_are_told_to_the_session(
    root, tmp_path, stage, monkeypatch, perceptual, read
):
    """Its fingerprint counts their content, since dvc.yaml does not name them."""
    values = yaml.safe_load((root / "params.yaml").read_text())
    values["generator"]["perceptual"] = perceptual
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    params = load_params(tmp_path / "params.yaml").for_person("speaker")
    told = []

    def refuse(name: str, of: object, loaded: object, also_read: dict[str, Path]) -> None:
        told.append((name, also_read))
        raise LipsyncError("far enough")

    monkeypatch.setattr(experts, "load_vgg", lambda weights, folder: None)
    monkeypatch.setattr(stage, "load_faces_and_speech", lambda person: None)
    monkeypatch.setattr(stage, "open_session", refuse)
    with pytest.raises(LipsyncError, match="far enough"):
        stage.train_generator.__wrapped__(params)
    assert told == [("train_generator", read)]
