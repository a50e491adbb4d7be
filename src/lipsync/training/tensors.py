"""Tensors and a JSON header in one safetensors file, the same bytes for the same content.

safetensors keeps its metadata in an unordered map, so two keys may swap from run to run; all of
ours is one JSON text under one key.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path

KEY = "lipsync"


def write_tensors(path: Path, tensors: dict[str, torch.Tensor], header: dict[str, Any]) -> None:
    """Write atomically. ``header`` must be JSON."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(tensors, metadata={KEY: json.dumps(header, sort_keys=True)}))


def read_header(path: Path) -> dict[str, Any]:
    """The JSON header alone; LipsyncError if the file is missing, damaged or not ours."""
    return _read(path, with_tensors=False)[0]


def read_tensors(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Header and tensors (on the CPU); LipsyncError as for ``read_header``."""
    return _read(path, with_tensors=True)


def _read(path: Path, with_tensors: bool) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            header = json.loads((file.metadata() or {})[KEY])
            names = list(file.keys()) if with_tensors else []
            return header, {name: file.get_tensor(name) for name in names}
    except FileNotFoundError:
        raise LipsyncError(f"{path}: no such file; run `dvc repro` or `dvc pull`") from None
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise LipsyncError(f"{path}: damaged, or not a file of this project: {error}") from error
