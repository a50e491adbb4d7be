"""A model's weights and architecture in one safetensors file."""

from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from lipsync.errors import LipsyncError
from lipsync.training.tensors import read_tensors, write_tensors

M = TypeVar("M", bound=nn.Module)


def save_model(
    path: Path, model: nn.Module, form: str, extra: dict[str, torch.Tensor] | None = None
) -> None:
    """Write weights and ``model.config``, and tensors of other names, if any.

    Args:
        form: name and version of the file's format, checked by ``load_model``
    """
    tensors = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    write_tensors(path, tensors | (extra or {}), {"format": form, "config": model.config})


def load_model(path: Path, kind: type[M], form: str) -> tuple[M, dict[str, torch.Tensor]]:
    """The model in evaluation mode, frozen, on the CPU, and the file's other tensors.

    Raises:
        LipsyncError: the file is missing, damaged, or of another format or architecture.
    """
    header, tensors = read_tensors(path)
    try:
        if header["format"] != form:
            raise KeyError(f"it is {header['format']}")
        model = kind(**header["config"])
        names = model.state_dict().keys()
        model.load_state_dict({name: tensors.pop(name) for name in names})
    except (KeyError, TypeError, RuntimeError) as error:
        problem = str(error).splitlines()[0]
        raise LipsyncError(
            f"{path}: not a {kind.__name__} of this version ({problem}); run `dvc repro`"
        ) from error
    return model.requires_grad_(False).eval(), tensors
