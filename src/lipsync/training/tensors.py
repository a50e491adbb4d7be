"""Tensors and a JSON header in one safetensors file, the same bytes for the same content.

safetensors keeps its metadata in an unordered map, so two keys may swap from run to run; all of
ours is one JSON text under one key. The header carries a SHA-256 of itself and of the tensors, for
a disk that flips a bit gives no other sign of it.
"""

import hashlib
import json
import struct
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path

KEY = "lipsync"
_LENGTH = struct.Struct("<Q")  # a safetensors file begins with the length of its JSON header
_LARGEST_HEADER = 100_000_000  # bytes, as the format's own limit


def write_tensors(path: Path, tensors: dict[str, torch.Tensor], header: dict[str, Any]) -> None:
    """Write atomically. ``header`` must be JSON."""
    header = header | {"sha256": checksum(header, tensors)}
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(tensors, metadata={KEY: json.dumps(header)}))


def read_header(path: Path) -> dict[str, Any]:
    """The JSON header alone; LipsyncError if the file is missing, damaged or not ours."""
    try:
        with path.open("rb") as file:
            return read_header_from(file)
    except FileNotFoundError:
        raise _missing(path) from None
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path, error) from error


def read_header_from(file: BinaryIO) -> dict[str, Any]:
    """The JSON header of an open file, of which no more than the beginning is read.

    Raises:
        KeyError, TypeError, ValueError: damaged, or not a file of this project.
    """
    start = file.read(_LENGTH.size)
    if len(start) < _LENGTH.size or _LENGTH.unpack(start)[0] > _LARGEST_HEADER:
        raise ValueError("it does not begin like a safetensors file")
    text = file.read(_LENGTH.unpack(start)[0])
    return json.loads(json.loads(text)["__metadata__"][KEY])


def read_tensors(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Header and tensors (on the CPU); LipsyncError as for ``read_header``."""
    header = read_header(path)
    try:
        tensors = load(path.read_bytes())
        if checksum(header, tensors) != header["sha256"]:
            raise ValueError("its content does not match its checksum")
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise _damaged(path, error) from error
    return header, tensors


def checksum(header: dict[str, Any], tensors: dict[str, torch.Tensor]) -> str:
    """SHA-256 (hex) over the header less its checksum, and names, kinds, shapes and bytes."""
    content = {key: value for key, value in header.items() if key != "sha256"}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        # A scalar has no bytes to view before it is a vector: () -> (1,).
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _missing(path: Path) -> LipsyncError:
    return LipsyncError(f"{path}: no such file; run `dvc repro` or `dvc pull`")


def _damaged(path: Path, error: Exception) -> LipsyncError:
    return LipsyncError(f"{path}: damaged, or not a file of this project: {error}")
