"""VGG19 as the perceptual loss sees it, with random weights of the true shapes."""

import hashlib
import io
import urllib.error
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from lipsync.errors import LipsyncError
from lipsync.generator import perceptual
from lipsync.generator.model import Refiner
from lipsync.generator.params import GeneratorParams
from lipsync.generator.perceptual import LEVELS, VGGFeatures, load_vgg
from lipsync.generator.task import Batch
from tests.tiny import SIZE, awake, tiny_syncnet, tiny_task


@pytest.fixture(scope="module")
def tensors() -> dict[str, torch.Tensor]:
    """Weights under torchvision's names; none of the classifier's, which is not read."""
    draw = torch.Generator().manual_seed(0)
    found = {}
    for name, value in VGGFeatures().layers.state_dict().items():
        fan = value[0].numel() if value.dim() > 1 else 1
        drawn = torch.randn(value.shape, generator=draw) * (2 / fan) ** 0.5
        found[f"features.{name}"] = drawn if value.dim() > 1 else 0.01 * drawn
    return found


@pytest.fixture(scope="module")
def path(tensors, tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg") / "vgg19.pth"
    torch.save(tensors, path)
    return path


def test_names_and_levels_are_torchvisions(tensors):
    assert list(tensors)[:4] == [f"features.{i}.{n}" for i in (0, 2) for n in ("weight", "bias")]
    assert tensors["features.28.weight"].shape == (512, 512, 3, 3)  # conv5_1
    layers = VGGFeatures().layers
    assert all(isinstance(layers[place], torch.nn.ReLU) for place in LEVELS)
    before = [sum(isinstance(x, torch.nn.MaxPool2d) for x in layers[:place]) for place in LEVELS]
    assert before == [0, 1, 2, 3, 4]


def test_feature_maps_halve_level_by_level(path, tmp_path):
    model = load_vgg(str(path), tmp_path)
    maps = model(torch.rand(2, 3, 64, 48, generator=torch.Generator().manual_seed(1)))
    shapes = [tuple(found.shape[1:]) for found in maps]
    assert shapes == [(64, 64, 48), (128, 32, 24), (256, 16, 12), (512, 8, 6), (512, 4, 3)]
    assert all(found.min() == 0 < found.max() for found in maps)  # after the ReLU, before its pool


def test_the_first_level_is_two_convolutions_of_the_normalised_rgb_picture(path, tensors, tmp_path):
    picture = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    mean, spread = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    out = (picture - mean[:, None, None]) / spread[:, None, None]
    for layer in (0, 2):
        weight, bias = (tensors[f"features.{layer}.{name}"] for name in ("weight", "bias"))
        out = torch.nn.functional.conv2d(out, weight, bias, padding=1).relu()
    model = load_vgg(str(path), tmp_path)
    assert torch.allclose(model(picture)[0], out, atol=1e-4)
    assert not torch.allclose(model(picture.flip(1))[0], out, atol=1e-2)  # BGR is another picture


def test_safetensors_are_the_same(path, tensors, tmp_path):
    save_file(tensors, tmp_path / "vgg.safetensors")
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    mine, theirs = (
        load_vgg(str(file), tmp_path)(picture)[-1] for file in (path, tmp_path / "vgg.safetensors")
    )
    assert torch.equal(mine, theirs)


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 cut off"])
def test_other_files_are_one_line(tmp_path, content):
    (tmp_path / "vgg.pth").write_bytes(content)
    refused(tmp_path / "vgg.pth", "damaged, or no file of weights")
    (tmp_path / "vgg.safetensors").write_bytes(content)
    refused(tmp_path / "vgg.safetensors", "damaged, or no file of weights")


def test_other_weights_are_one_line(tensors, tmp_path):
    refused(tmp_path / "none.pth", "no such file; legal: imagenet, or the path")
    torch.save({"features.0.weight": tensors["features.0.weight"]}, tmp_path / "half.pth")
    refused(tmp_path / "half.pth", "not the weights of torchvision's vgg19")
    torch.save(tensors | {"features.0.weight": torch.zeros(1)}, tmp_path / "shape.pth")
    refused(tmp_path / "shape.pth", "not the weights of torchvision's vgg19")
    torch.save([1], tmp_path / "list.pth")
    refused(tmp_path / "list.pth", "not the weights of torchvision's vgg19")


def refused(path, words: str) -> None:
    with pytest.raises(LipsyncError) as error:
        load_vgg(str(path), path.parent)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert path.name in str(error.value)


class Answer(io.BytesIO):
    """Of a server."""

    headers: dict = {}  # noqa: RUF012 - never written to


def test_imagenet_weights_are_fetched_once(path, tmp_path, monkeypatch):
    content, asked = path.read_bytes(), []

    def serve(url, timeout):
        asked.append(url)
        return Answer(content)

    monkeypatch.setattr(perceptual.urllib.request, "urlopen", serve)
    monkeypatch.setattr(perceptual, "SHA256", hashlib.sha256(content).hexdigest()[:8])
    for _ in range(2):
        load_vgg("imagenet", tmp_path / "vgg")
    assert asked == ["https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"]
    assert [file.name for file in (tmp_path / "vgg").iterdir()] == ["vgg19-dcbb9e9d.pth"]


def test_a_wrong_download_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(perceptual.urllib.request, "urlopen", lambda *_, **__: Answer(b"a page"))
    with pytest.raises(LipsyncError, match="SHA-256 does not begin with dcbb9e9d"):
        load_vgg("imagenet", tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_network_says_where_the_weights_belong(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(perceptual.urllib.request, "urlopen", fail)
    with pytest.raises(LipsyncError) as error:
        load_vgg("imagenet", tmp_path)
    message = str(error.value)
    assert "no route to host" in message
    assert f"put it at {tmp_path / 'vgg19-dcbb9e9d.pth'}" in message
    assert "generator.perceptual.features: syncnet" in message
    assert "\n" not in message


def test_the_loss_compares_pasted_pictures_with_the_truth(path, tmp_path, monkeypatch):
    """And its gradient reaches the refiner; SyncNet is not asked where its loss is off."""
    params = GeneratorParams(channels=(8, 16), batch_size=5, exemplars=10).without_sync()
    torch.manual_seed(0)
    model = awake(Refiner(SIZE, **params.architecture()))
    syncnet = tiny_syncnet()
    syncnet.features = None
    vgg = load_vgg(str(path), tmp_path)
    task = tiny_task(model, params, syncnet=syncnet, vgg=vgg)
    loss = task.losses(0, 0)["perceptual"]
    loss.backward()
    assert loss.item() > 0
    assert max(p.grad.abs().max() for p in model.parameters() if p.grad is not None) > 0
    fetch = task.fetch

    def hidden(epoch: int, step: int) -> Batch:
        batch = fetch(epoch, step)
        return replace(batch, mask=torch.zeros_like(batch.mask))

    monkeypatch.setattr(task, "fetch", hidden)  # nothing is pasted: the picture is the truth
    assert task.losses(0, 0)["perceptual"].item() == 0
