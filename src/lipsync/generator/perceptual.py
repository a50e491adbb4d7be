"""VGG19's features of a picture, for the perceptual loss.

The network of "Very deep convolutional networks" (Simonyan & Zisserman, 2015) as torchvision builds
and names it; its levels relu1_2 ... relu5_2 are those of "Photographic image synthesis" (Chen &
Koltun, 2017). It was trained on RGB pictures normalised by ImageNet's mean and spread, and so it is
fed here.
"""

import hashlib
import urllib.error
import urllib.request
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from torch import nn

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.progress import progress

URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"  # torchvision's IMAGENET1K_V1
SHA256 = "dcbb9e9d"  # its beginning, which torchvision puts into the name
LEVELS = (3, 8, 13, 22, 31)  # places of relu1_2, relu2_2, relu3_2, relu4_2, relu5_2
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # RGB 0..1, of ImageNet
TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 20  # bytes


class VGGFeatures(nn.Module):
    """The convolutions of VGG19 up to relu5_2, frozen, without weights at first."""

    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import vgg19

        with torch.device("meta"):  # 144 M weights that are never drawn
            network = vgg19(weights=None, init_weights=False)
        self.layers = network.features[: LEVELS[-1] + 1]
        for layer in self.layers:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False  # feature maps are kept
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("spread", torch.tensor(SPREAD)[:, None, None], persistent=False)

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        """RGB pictures (B, 3, H, W) 0..1 -> feature maps (B, 64, H, W) ... (B, 512, H/16, W/16)."""
        out, maps = (pictures - self.mean) / self.spread, []
        for place, layer in enumerate(self.layers):
            out = layer(out)
            if place in LEVELS:
                maps.append(out)
        return maps


def vgg_file(weights: str, folder: Path) -> Path:
    """Where the weights lie, or will; arguments as of ``load_vgg``."""
    return folder / URL.rsplit("/", 1)[1] if weights == "imagenet" else Path(weights)


def load_vgg(weights: str, folder: Path) -> VGGFeatures:
    """VGG19 with its weights, frozen, on the CPU.

    Args:
        weights: "imagenet" for torchvision's, which are downloaded once; or the path of a file with
            the same names, .pth or .safetensors
        folder: where downloaded weights are kept
    Raises:
        LipsyncError: the file is missing, cannot be downloaded, or is not of VGG19.
    """
    path = vgg_file(weights, folder)
    if weights == "imagenet" and not path.exists():
        _download(path)
    tensors = _read(path)
    model = VGGFeatures()
    wanted = {f"features.{name}": name for name in model.layers.state_dict()}
    try:
        mine = {name: tensors[key].float() for key, name in wanted.items()}
        model.layers.load_state_dict(mine, assign=True)
    except (KeyError, RuntimeError, AttributeError) as error:
        problem = " ".join(str(error).split())[:120]
        raise LipsyncError(
            f"{path}: not the weights of torchvision's vgg19 ({problem}); get {URL}"
        ) from error
    return model.requires_grad_(False).eval()


def _read(path: Path) -> dict[str, torch.Tensor]:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise LipsyncError(
            f"generator.perceptual.weights: {path}: no such file; legal: imagenet, or the path of "
            "vgg19 weights as .pth or .safetensors"
        ) from None
    except (OSError, RuntimeError, EOFError, UnpicklingError, SafetensorError) as error:
        problem = " ".join(str(error).split())[:120]
        raise LipsyncError(f"{path}: damaged, or no file of weights ({problem}); get {URL}") from (
            error
        )
    if not isinstance(tensors, dict):
        raise LipsyncError(f"{path}: not the weights of torchvision's vgg19; get {URL}")
    return tensors


def _download(path: Path) -> None:
    """Fetch torchvision's weights, 548 MB, and check the hash that their name tells."""
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(URL, timeout=TIMEOUT) as answer, atomic_path(path) as temporary:
            size = int(answer.headers.get("Content-Length", 0))
            chunks = iter(lambda: answer.read(CHUNK), b"")
            with temporary.open("wb") as file:
                for chunk in progress(chunks, total=size // CHUNK, desc="vgg19, MB"):
                    digest.update(chunk)
                    file.write(chunk)
            if not digest.hexdigest().startswith(SHA256):
                raise LipsyncError(f"{URL}: its SHA-256 does not begin with {SHA256}; try again")
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise LipsyncError(
            f"{URL}: cannot be downloaded ({reason}); put it at {path} by hand, name other vgg19 "
            "weights in generator.perceptual.weights, or set generator.perceptual.features: syncnet"
        ) from None
