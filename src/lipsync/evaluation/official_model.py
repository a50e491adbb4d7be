"""The published SyncNet: its layers under the names of its own state dict, and its weights.

Chung & Zisserman, "Out of time: automated lip sync in the wild", 2016; layers and names are those
of the authors' PyTorch release (code under the MIT licence). The weights are not ours to pass on.
"""

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from lipsync.errors import LipsyncError, first_line

PICTURES = 5  # consecutive ones in a window
COLUMNS = 20  # of MFCC in a window: 0.2 s
CEPSTRA = 13
EMBEDDING = 1024
NAME = "syncnet_v2.model"
SOURCE = f"http://www.robots.ox.ac.uk/~vgg/software/lipsync/data/{NAME}"
PLACE = f"models/pretrained/syncnet/{NAME}"


class OfficialSyncNet(nn.Module):
    """Face pictures and MFCC as vectors of 1024; 13.6 M parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_sound(1, 64, 3, padding=1),
            nn.MaxPool2d(1, 1),
            *_sound(64, 192, 3, padding=1),
            nn.MaxPool2d(3, (1, 2)),
            *_sound(192, 384, 3, padding=1),
            *_sound(384, 256, 3, padding=1),
            *_sound(256, 256, 3, padding=1),
            nn.MaxPool2d(3, 2),
            *_sound(256, 512, (5, 4)),
        )
        self.netfcaud = _head()
        self.netfclip = _head()
        self.netcnnlip = nn.Sequential(
            *_lips(3, 96, (5, 7, 7), stride=(1, 2, 2)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_lips(96, 256, (1, 5, 5), stride=(1, 2, 2), padding=(0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), padding=(0, 1, 1)),
            *_lips(256, 256, (1, 3, 3), padding=(0, 1, 1)),
            *_lips(256, 256, (1, 3, 3), padding=(0, 1, 1)),
            *_lips(256, 256, (1, 3, 3), padding=(0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_lips(256, 512, (1, 6, 6)),
        )

    def embed_sound(self, columns: torch.Tensor) -> torch.Tensor:
        """MFCC (B, 1, 13, 20) -> (B, 1024)."""
        return self.netfcaud(self.netcnnaud(columns).flatten(1))  # (B, 512, 1, 1) before

    @torch.no_grad()
    def embed_lips(self, pictures: torch.Tensor) -> torch.Tensor:
        """Consecutive faces (B, 3, T, 224, 224) BGR 0..255 -> (B, T - 4, 1024), a window each.

        Only the first layer reaches across pictures, so windows share no work that is lost.
        """
        maps = self.netcnnlip(pictures)  # (B, 512, T - 4, 1, 1)
        features = maps.flatten(2).transpose(1, 2)  # (B, T - 4, 512)
        return self.netfclip(features.flatten(0, 1)).unflatten(0, features.shape[:2])


def _sound(inputs: int, outputs: int, kernel: int | tuple[int, int], padding: int = 0) -> list:
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=padding)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]


def _lips(
    inputs: int,
    outputs: int,
    kernel: tuple[int, int, int],
    stride: tuple[int, int, int] = (1, 1, 1),
    padding: tuple[int, int, int] = (0, 0, 0),
) -> list:
    convolution = nn.Conv3d(inputs, outputs, kernel, stride, padding)
    return [convolution, nn.BatchNorm3d(outputs), nn.ReLU()]


def _head() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, EMBEDDING)
    )


def load_official_syncnet(path: Path) -> OfficialSyncNet:
    """The network with the weights of ``path`` (a PyTorch state dict or safetensors), frozen.

    Raises:
        LipsyncError: the file is missing, damaged, or holds something else.
    """
    if not path.is_file():
        raise LipsyncError(
            f"evaluate.official_syncnet: {path}: no such file; download {NAME} (55 MB) from "
            f"{SOURCE} to {PLACE}, or set evaluate.official_syncnet: null"
        )
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
        model = OfficialSyncNet()
        counters = {  # of batches in training; older files have none
            name: value
            for name, value in model.state_dict().items()
            if name.endswith("num_batches_tracked")
        }
        model.load_state_dict(counters | state)
    except (SafetensorError, pickle.UnpicklingError, OSError, TypeError, ValueError,
            RuntimeError, EOFError) as error:  # fmt: skip
        raise LipsyncError(
            f"evaluate.official_syncnet: {path}: not the weights of {NAME} "
            f"({first_line(error)}); download it again from {SOURCE}"
        ) from error
    return model.requires_grad_(False).eval()
