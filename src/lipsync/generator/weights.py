"""The generator's file: the refiner's weights, and how much of the detail is shown.

That of a person who adapts a base holds the adapter's tensors in half precision, and the base's
SHA-256. The base lies beside it, in ``inherited/``.
"""

from dataclasses import asdict
from pathlib import Path

import torch

from lipsync.errors import LipsyncError
from lipsync.files import sha256
from lipsync.generator.adapter import MARK, AdapterShape, adapt
from lipsync.generator.model import Refiner
from lipsync.training.tensors import read_header, read_tensors, write_tensors
from lipsync.training.weights import load_model, save_model

FORMAT = "lipsync-generator-5"
ADAPTER_FORMAT = "lipsync-adapter-3"
DETAIL = "detail"
BASE = Path("inherited/generator.safetensors")  # beside an adapter's file


def save_generator(path: Path, model: Refiner, detail: float) -> None:
    """Write weights, architecture, and the factor of the texture's detail."""
    save_model(path, model, FORMAT, {DETAIL: torch.tensor(detail)})


def load_generator(path: Path) -> tuple[Refiner, float]:
    """The refiner, frozen, on the CPU, and the factor of the texture's detail.

    An adapted one has its adapters apart; ``Refiner.folded`` merges them.

    Raises:
        LipsyncError: as of ``load_model``; or the base is not the one that was adapted.
    """
    if read_header(path).get("format") == ADAPTER_FORMAT:
        return _load_adapted(path)
    model, extra = load_model(path, Refiner, FORMAT)
    if DETAIL not in extra:
        raise LipsyncError(f"{path}: holds no factor of detail; run `dvc repro`")
    return model, float(extra[DETAIL])


def adapt_base(base: Path, adapter: AdapterShape) -> Refiner:
    """A base's refiner with adapters that change nothing yet, on the CPU; only they are trained."""
    model, _ = load_model(base, Refiner, FORMAT)
    adapt(model, adapter.rank, adapter.alpha)
    return model


def save_adapter(
    path: Path, model: Refiner, base: Path, adapter: AdapterShape, detail: float
) -> None:
    """Write what ``model``, made by ``adapt_base``, has beyond its base."""
    tensors = {
        name: value.detach().cpu().contiguous().to(torch.float16)
        for name, value in model.state_dict().items()
        if MARK in name
    }
    header = {"format": ADAPTER_FORMAT, "adapter": asdict(adapter), "base_sha256": sha256(base)}
    write_tensors(path, tensors | {DETAIL: torch.tensor(detail)}, header)


def _load_adapted(path: Path) -> tuple[Refiner, float]:
    header, tensors = read_tensors(path)
    base = path.parent / BASE
    if not base.is_file():
        raise LipsyncError(f"{base}: no such file, and {path} adapts it; run `dvc repro`")
    if sha256(base) != header.get("base_sha256"):
        raise LipsyncError(
            f"{path}: adapts another base than {base}; run `dvc repro`, or `dvc checkout` the base "
            "that it was trained on"
        )
    try:
        detail = float(tensors.pop(DETAIL))
        model = adapt_base(base, AdapterShape(**header["adapter"]))
        own = {name: value.float() for name, value in tensors.items()}
        if own.keys() != {name for name in model.state_dict() if MARK in name}:
            raise KeyError("it has other tensors than an adapter of this base")
        model.load_state_dict(own, strict=False)
    except (KeyError, TypeError, RuntimeError) as error:
        problem = str(error).splitlines()[0]
        raise LipsyncError(
            f"{path}: not an adapter of this version ({problem}); run `dvc repro`"
        ) from error
    return model.requires_grad_(False).eval(), detail
