"""Where to compute, how precisely, and reproducibly."""

import contextlib
import os
from dataclasses import dataclass

import torch

from lipsync.errors import LipsyncError
from lipsync.training import distributed
from lipsync.training.params import ComputeParams


@dataclass(frozen=True)
class Compute:
    """A device and the precision of its convolutions and matrix products."""

    device: torch.device
    precision: torch.dtype  # float32 or bfloat16

    def autocast(self) -> contextlib.AbstractContextManager:
        """Context for forward passes; float32 needs none."""
        if self.precision == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self.precision)

    def __str__(self) -> str:
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else ""
        precision = {torch.float32: "fp32", torch.bfloat16: "bf16"}[self.precision]
        return " ".join(part for part in (self.device.type, name, precision) if part)


def choose_compute(params: ComputeParams) -> Compute:
    """Auto is cuda > mps > cpu, and bf16 only where the hardware has it.

    A processor without bf16 instructions emulates them ten times slower than fp32, so there auto
    means fp32.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    name = params.device
    if name == "auto":
        name = next(key for key in ("cuda", "mps", "cpu") if available[key])
    if not available[name]:
        raise LipsyncError(
            f"compute.device: {name} is not available here; legal: auto, "
            + ", ".join(key for key, there in available.items() if there)
        )
    fast_bf16 = {
        "cuda": lambda: torch.cuda.is_bf16_supported(including_emulation=False),
        "mps": lambda: False,
        "cpu": lambda: (
            torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        ),
    }[name]
    bf16 = params.precision == "bf16" or (params.precision == "auto" and fast_bf16())
    return Compute(_own_device(name), torch.bfloat16 if bf16 else torch.float32)


def gpus(params: ComputeParams) -> int:
    """CUDA devices that a training may use; 0 where it computes on something else."""
    return torch.cuda.device_count() if params.device in ("auto", "cuda") else 0


def _own_device(name: str) -> torch.device:
    """Of several processes each has a GPU of its own; a processor is shared."""
    processes, number = distributed.world_size(), distributed.local_rank()
    if processes == 1 or name == "cpu":
        return torch.device(name)
    there = torch.cuda.device_count() if name == "cuda" else 1
    if name == "mps" or number >= there:
        raise LipsyncError(
            f"compute.device: {name}: {processes} processes want a GPU each, and {there} can be "
            f"used here; set LIPSYNC_PROCESSES={there}, or compute.device: cpu"
        )
    torch.cuda.set_device(number)
    return torch.device(name, number)


def make_deterministic(device: torch.device) -> None:
    """Same input, same bytes on the same machine.

    On the CPU an operator that cannot promise it raises. On a GPU torch gives no such promise for
    the gradient of ``grid_sample``, by which the refiner's flow is followed, so there it only
    warns.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")


def step_generator(*numbers: int) -> torch.Generator:
    """A CPU random generator that is a function of its numbers (seed, epoch, step) alone.

    Randomness that is counted, not carried, needs no saving: a resumed run draws the same.
    """
    state = 0x9E3779B97F4A7C15
    for number in numbers:  # splitmix64, https://prng.di.unimi.it/splitmix64.c
        state = (state + number + 0x9E3779B97F4A7C15) % 2**64
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) % 2**64
        state ^= state >> 31
    return torch.Generator().manual_seed(state % 2**63)
