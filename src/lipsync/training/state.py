"""The full state of a training, and its file.

One safetensors file holds weights, their moving average, optimiser moments, counters, metric
history and the sample pictures made so far. Nothing else is needed to go on: order and
augmentation are functions of (seed, epoch, step). No pickle, so a state from a stranger is data.
"""

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lipsync.errors import LipsyncError
from lipsync.training.params import OptimizerParams
from lipsync.training.tensors import read_header, read_tensors, write_tensors

FORMAT = "lipsync-training-1"
ADVICE = (
    "lower the learning_rate of this training, or set compute.precision: fp32; "
    "the last checkpoint is intact"
)


@dataclass
class Progress:
    """Counters and history; JSON in the file's metadata."""

    epoch: int = 0  # finished epochs
    step: int = 0  # finished steps of the epoch under way
    total_steps: int = 0
    sums: dict[str, float] = field(default_factory=dict)  # of the losses of the epoch under way
    history: list[dict[str, float]] = field(default_factory=list)  # one row a finished epoch
    best_epoch: int = 0
    best_value: float = float("inf")


class TrainingState:
    """Model, moving average, optimiser and progress of one training.

    Args:
        model: on its device
        params: of the optimiser
    """

    def __init__(self, model: nn.Module, params: OptimizerParams) -> None:
        self.model = model
        self.ema = copy.deepcopy(model).requires_grad_(False).eval()
        self.params = params
        self.optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=params.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=params.weight_decay,
            fused=True,
        )
        self.progress = Progress()
        self.pictures: dict[str, bytes] = {}  # file name -> JPEG

    def learning_rate(self) -> float:
        """Of the step to come: it warms up and then stays."""
        warm = min(1.0, (self.progress.total_steps + 1) / max(1, self.params.warmup_steps))
        return self.params.learning_rate * warm

    def update(self, loss: torch.Tensor) -> None:
        """One optimiser step on ``loss`` (scalar), then the moving average.

        Raises:
            LipsyncError: the gradient is not finite; the weights are as they were.
        """
        progress = self.progress
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.params.gradient_clip)
        if not torch.isfinite(norm):
            raise LipsyncError(
                f"the gradient became {norm.item()} in step {progress.total_steps + 1}; {ADVICE}"
            )
        self.optimizer.step()
        progress.total_steps += 1
        # Young averages forget faster, so that the first epochs are not the initial weights.
        decay = min(self.params.ema_decay, progress.total_steps / (10 + progress.total_steps))
        with torch.no_grad():
            averaged: list[torch.Tensor] = list(self.ema.parameters())
            current: list[torch.Tensor] = list(self.model.parameters())
            torch._foreach_lerp_(averaged, current, 1 - decay)
            for average, buffer in zip(self.ema.buffers(), self.model.buffers(), strict=True):
                average.copy_(buffer)

    def restart_average(self) -> None:
        """Let the moving average begin with the weights as they are."""
        self.ema.load_state_dict(self.model.state_dict())

    def tensors(self) -> dict[str, torch.Tensor]:
        """Everything that is a tensor, by a flat name."""
        named = {f"model.{key}": value for key, value in self.model.state_dict().items()}
        named |= {f"ema.{key}": value for key, value in self.ema.state_dict().items()}
        for key, parameter in self.model.named_parameters():
            for moment, value in self.optimizer.state.get(parameter, {}).items():
                named[f"optimizer.{moment}.{key}"] = torch.as_tensor(value)
        for name, data in self.pictures.items():
            named[f"picture.{name}"] = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        return {key: value.detach().cpu().contiguous() for key, value in named.items()}

    def save(self, path: Path, fingerprint: str) -> None:
        """Write the whole state; the file appears under its name only when complete."""
        header = {"format": FORMAT, "fingerprint": fingerprint, "progress": vars(self.progress)}
        write_tensors(path, self.tensors(), header)

    def load(self, path: Path, fingerprint: str) -> None:
        """Take over a saved state.

        Raises:
            LipsyncError: the file is damaged, or not a state of this training.
        """
        try:
            header, tensors = read_tensors(path)
            progress, written_for = progress_from(header)
            if written_for != fingerprint:
                raise KeyError("it belongs to another training")
            self.model.load_state_dict(_strip(tensors, "model."))
            self.ema.load_state_dict(_strip(tensors, "ema."))
            moments: dict[str, dict[str, torch.Tensor]] = {}
            for key, value in _strip(tensors, "optimizer.").items():
                moment, name = key.split(".", 1)
                moments.setdefault(name, {})[moment] = value
            for name, parameter in self.model.named_parameters():
                if name in moments:
                    self.optimizer.state[parameter] = {
                        moment: _laid_out_like(parameter, value)
                        for moment, value in moments[name].items()
                    }
        except (KeyError, TypeError, RuntimeError) as error:
            raise LipsyncError(f"{path}: damaged or foreign training state: {error}") from error
        self.progress = progress
        self.pictures = {
            name: value.numpy().tobytes() for name, value in _strip(tensors, "picture.").items()
        }


def _laid_out_like(parameter: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """``value`` on the parameter's device and, where it has its shape, in its memory format.

    The fused optimiser walks through memory: moments in another order belong to other weights.
    """
    if value.shape != parameter.shape:
        return value.to(parameter.device)
    return torch.empty_like(parameter, requires_grad=False).copy_(value)


def read_progress(path: Path) -> tuple[Progress, str]:
    """Progress and fingerprint of a saved state, without its tensors.

    Raises:
        LipsyncError: the file is damaged.
    """
    header = read_header(path)
    try:
        return progress_from(header)
    except (KeyError, TypeError) as error:
        raise LipsyncError(f"{path}: damaged or foreign training state: {error}") from error


def progress_from(header: dict[str, Any]) -> tuple[Progress, str]:
    """Progress and fingerprint of a state's header; KeyError or TypeError if it has none."""
    if header["format"] != FORMAT:
        raise KeyError(f"its format is {header['format']}, not {FORMAT}")
    return Progress(**header["progress"]), header["fingerprint"]


def _strip(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
