"""The generator's file; it holds the reference picture too.

That of a person who adapts a base holds what differs from it, and the base's SHA-256: the adapter's
tensors in half precision, the straight line in 8 bits (a sum over thousands of weights, whose
rounding averages out), the statistics of the person's speech, and the reference picture as
lossless WebP. The base lies beside it, in ``inherited/``.
"""

from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch

from lipsync.errors import LipsyncError
from lipsync.files import sha256
from lipsync.generator.adapter import MARK, AdapterShape, adapt
from lipsync.generator.model import Generator
from lipsync.training.tensors import read_header, read_tensors, write_tensors
from lipsync.training.weights import load_model, save_model

FORMAT = "lipsync-generator-4"
ADAPTER_FORMAT = "lipsync-adapter-2"
REFERENCE = "reference_crop"
LOSSLESS = 101  # "quality" of WebP: above 100 no pixel changes
BASE = Path("inherited/generator.safetensors")  # beside an adapter's file
OWN = ("lips.line.", "lips.standardize.")  # tensors that are the person's, beside the adapter's
LINE, LINE_STEP = "lips.line.weight", "lips.line.step"  # int8 (R, K D), and what 1 is: (R, 1)


def save_generator(path: Path, model: Generator, reference: np.ndarray) -> None:
    """Write weights, architecture and the reference crop (S, S, 3) uint8 RGB."""
    picture = torch.from_numpy(np.ascontiguousarray(reference))
    save_model(path, model, FORMAT, {REFERENCE: picture})


def load_generator(path: Path) -> tuple[Generator, np.ndarray]:
    """The model, frozen, on the CPU, and its reference crop (S, S, 3) uint8 RGB.

    An adapted one has its adapters apart; ``Generator.folded`` merges them.

    Raises:
        LipsyncError: as of ``load_model``; or the base is not the one that was adapted.
    """
    if read_header(path).get("format") == ADAPTER_FORMAT:
        return _load_adapted(path)
    model, extra = load_model(path, Generator, FORMAT)
    if REFERENCE not in extra:
        raise LipsyncError(f"{path}: holds no reference picture; run `dvc repro`")
    return model, extra[REFERENCE].numpy()


def adapt_base(base: Path, adapter: AdapterShape) -> Generator:
    """A base's generator with adapters that change nothing yet, on the CPU.

    The straight line has none: it is fitted anew, as a whole. Only adapters may be trained.
    """
    model, _ = load_model(base, Generator, FORMAT)
    adapt(model, adapter.rank, adapter.alpha, leave=(model.lips.line,))
    model.lips.straight = adapter.straight
    return model


def save_adapter(
    path: Path, model: Generator, base: Path, adapter: AdapterShape, reference: np.ndarray
) -> None:
    """Write what ``model``, made by ``adapt_base``, has beyond its base, and the reference crop."""
    tensors = {}
    for name, value in model.state_dict().items():
        if name.startswith(OWN) or MARK in name:
            kind = torch.float32 if name.startswith(OWN) else torch.float16
            tensors[name] = value.detach().cpu().contiguous().to(kind)
    line = tensors[LINE]
    tensors[LINE_STEP] = line.abs().amax(1, keepdim=True).clamp_min(1e-12) / 127
    tensors[LINE] = (line / tensors[LINE_STEP]).round().to(torch.int8)
    header = {"format": ADAPTER_FORMAT, "adapter": asdict(adapter), "base_sha256": sha256(base)}
    bgr = cv2.cvtColor(reference, cv2.COLOR_RGB2BGR)
    packed = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, LOSSLESS])[1]  # (bytes,) uint8
    write_tensors(path, tensors | {REFERENCE: torch.from_numpy(packed)}, header)


def _load_adapted(path: Path) -> tuple[Generator, np.ndarray]:
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
        picture = cv2.imdecode(tensors.pop(REFERENCE).numpy(), cv2.IMREAD_COLOR)
        if picture is None:
            raise KeyError("no reference picture")
        step = tensors.pop(LINE_STEP)
        model = adapt_base(base, AdapterShape(**header["adapter"]))
        own = {name: value.float() for name, value in tensors.items()}
        own[LINE] *= step
        wanted = {n for n in model.state_dict() if n.startswith(OWN) or MARK in n}
        if own.keys() != wanted:
            raise KeyError("it has other tensors than an adapter of this base")
        model.load_state_dict(own, strict=False)
    except (KeyError, TypeError, RuntimeError) as error:
        problem = str(error).splitlines()[0]
        raise LipsyncError(
            f"{path}: not an adapter of this version ({problem}); run `dvc repro`"
        ) from error
    return model.requires_grad_(False).eval(), cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
