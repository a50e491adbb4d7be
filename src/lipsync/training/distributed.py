"""One training in several processes: who this one is, and what they tell each other.

Torchrun starts the processes and numbers them, by the environment: RANK of WORLD_SIZE. Each holds
the whole model and all data and works on its share of every batch. What a rank returns as a loss is
its part of the batch's loss: over all ranks the parts add up to what one process computes. So the
gradients add up too, and all ranks take the same step.

Rank 0 is the one that writes, prints, and decides what only one may decide. In a process that
nobody numbered every function here does nothing.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from lipsync.errors import LipsyncError

T = TypeVar("T")
# Of a collective operation. Rank 0 may fetch a state from a remote, or wait for another training,
# while the others wait for it; who starts the processes ends them when one of them dies.
PATIENCE = timedelta(days=7)
EXIT_PEER_LOST = 75  # exit code of a rank that says nothing, because another one is gone
FAILURE_TIMEOUT = timedelta(seconds=5)  # that rank 0 has to say what all ranks know
_LEFT, _SAID, _OVER = "left", "said", "over"  # keys of the store that all ranks see
_stores: list[dist.Store] = []  # one, while there is a process group


def numbered() -> bool:
    """Whether torchrun, or somebody who speaks like it, started this process."""
    return {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys()


def rank() -> int:
    """Number of this process, 0 ... ``world_size() - 1``."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def world_size() -> int:
    """Number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def refuse_several(stage: str) -> None:
    """LipsyncError in a process that torchrun numbered beside others."""
    if numbered() and os.environ["WORLD_SIZE"] != "1":
        raise LipsyncError(
            f"torchrun: {stage} runs in one process; start it with `dvc repro {stage}`"
        )


def is_main() -> bool:
    """Whether this is rank 0."""
    return rank() == 0


def local_rank() -> int:
    """Number of this process among those on this machine: that of its GPU."""
    return int(os.environ["LOCAL_RANK"]) if world_size() > 1 else 0


@contextmanager
def process_group() -> Iterator[None]:
    """Belong to the processes that torchrun started; the others than rank 0 are silent meanwhile.

    What all ranks find wrong is said once: by rank 0 if it knows, else by the first that does. A
    rank that another one left alone ends with `EXIT_PEER_LOST` and says nothing.
    """
    if not numbered() or os.environ["WORLD_SIZE"] == "1":
        yield
        return
    store, number, size = next(iter(dist.rendezvous("env://")))
    store.set_timeout(PATIENCE)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(
        backend, store=dist.PrefixStore("group", store), rank=number, world_size=size,
        timeout=PATIENCE,
    )  # fmt: skip
    _stores.append(dist.PrefixStore("lipsync", store))
    try:
        with ExitStack() as stack:
            if number:
                nowhere = stack.enter_context(open(os.devnull, "w"))
                stack.enter_context(redirect_stdout(nowhere))
                stack.enter_context(redirect_stderr(nowhere))
            yield
    except LipsyncError:
        if number:
            _wait_for(_LEFT, FAILURE_TIMEOUT)
        if not _is_first_to_speak():
            raise SystemExit(1) from None
        raise
    except SystemExit as end:
        if number and end.code:  # who ends first ends all: not before rank 0 has written
            _wait_for(_LEFT, PATIENCE)
        raise
    except RuntimeError as error:
        if not _left_alone(error):
            raise
        raise SystemExit(EXIT_PEER_LOST) from None
    finally:
        if number == 0:
            with suppress(RuntimeError):  # the store ends with who started us
                _stores[-1].set(_LEFT, "")
        _stores.pop()
        if dist.is_initialized():
            dist.destroy_process_group()


def _wait_for(key: str, most: timedelta) -> None:
    with suppress(RuntimeError):  # not within ``most``, or whoever keeps the store is gone
        _stores[-1].wait([key], most)


def _is_first_to_speak() -> bool:
    try:
        return _stores[-1].add(_SAID, 1) == 1
    except RuntimeError:
        return True


def _left_alone(error: RuntimeError) -> bool:
    """Whether a collective operation failed because another rank is gone."""
    if isinstance(error, dist.DistError):
        return True
    return "gloo" in str(error).lower() and "onnection" in str(error)


def finish() -> None:
    """The training is over: rank 0 goes on alone, the others end here, with exit code 0."""
    if world_size() == 1:
        return
    main = is_main()
    if main:
        _stores[-1].set(_OVER, "")
    else:
        _stores[-1].wait([_OVER], PATIENCE)
    dist.destroy_process_group()
    if not main:
        raise SystemExit(0)


@contextmanager
def main_first() -> Iterator[None]:
    """Rank 0 does what follows before the others do: it fetches, they find."""
    if not is_main():
        anyone(False)  # waits for all
    yield
    if is_main():
        anyone(False)


def mine(count: int) -> slice:
    """Which of ``count`` items are this rank's: consecutive, all ranks' together are all.

    Shares differ by one item at most; with fewer items than ranks some are empty.
    """
    return slice(count * rank() // world_size(), count * (rank() + 1) // world_size())


class _Sum(torch.autograd.Function):
    """Adds a tensor up over the ranks; what is minimised is the sum over ranks as well.

    So its derivative is the sum, over ranks, of the derivatives of what each made of the result:
    the adjoint of a broadcast is a reduction, and the other way round (Hewett & Grady, "A linear
    algebraic approach to model parallelism in deep learning", 2020).
    """

    @staticmethod
    def forward(context: Any, tensor: torch.Tensor) -> torch.Tensor:
        return _added_up(tensor)

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> torch.Tensor:
        return _added_up(gradients[0])


def _added_up(tensor: torch.Tensor) -> torch.Tensor:
    total = tensor.detach().clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total


def gather(rows: torch.Tensor, count: int) -> torch.Tensor:
    """All ranks' rows in their order, for each of them; gradients flow back to whose row it is.

    Args:
        rows: (n, ...), this rank's ``mine(count)`` of ``count`` rows
    Returns:
        (count, ...)
    """
    if world_size() == 1:
        return rows
    part = mine(count)
    before = rows.new_zeros(part.start, *rows.shape[1:])
    after = rows.new_zeros(count - part.stop, *rows.shape[1:])
    return _Sum.apply(torch.cat([before, rows, after]))


def fraction(weight: torch.Tensor) -> torch.Tensor:
    """``weight`` (not negative, any shape) as a share of its sum over all ranks, 0..1.

    A mean over the whole batch is the sum of the ranks' own means, each times the fraction that
    its weights are of all.
    """
    if world_size() == 1:
        return torch.ones_like(weight)
    weight = weight.detach().float()
    return weight / _added_up(weight).clamp_min(torch.finfo(weight.dtype).tiny)


def add_up(values: dict[str, float]) -> dict[str, float]:
    """Each value's sum over the ranks, which all have the same keys."""
    if world_size() == 1:
        return values
    numbers = torch.tensor(list(values.values()), dtype=torch.float64)
    dist.all_reduce(numbers)
    return dict(zip(values, numbers.tolist(), strict=True))


def anyone(flag: bool) -> bool:
    """Whether the flag is set on any rank."""
    return add_up({"flag": float(flag)})["flag"] > 0


def from_main(make: Callable[[], T]) -> T:
    """What ``make`` returns on rank 0, for all ranks; it is called nowhere else.

    It must be what JSON knows: nothing is unpickled.
    """
    if world_size() == 1:
        return make()
    value = make() if is_main() else None
    text = json.dumps(value).encode() if is_main() else b""
    length = torch.tensor([len(text)])
    dist.broadcast(length, src=0)
    content = torch.zeros(int(length), dtype=torch.uint8)
    if is_main():
        content = torch.frombuffer(bytearray(text), dtype=torch.uint8)
    dist.broadcast(content, src=0)
    return json.loads(content.numpy().tobytes())


class _Losses(nn.Module):
    """A step's losses as a module's forward, the one place where DDP prepares its hooks."""

    def __init__(
        self, model: nn.Module, losses: Callable[[int, int], dict[str, torch.Tensor]]
    ) -> None:
        super().__init__()
        self.model, self._losses = model, losses

    def forward(self, epoch: int, step: int) -> dict[str, torch.Tensor]:
        return self._losses(epoch, step)


def replicate(
    model: nn.Module, losses: Callable[[int, int], dict[str, torch.Tensor]]
) -> Callable[[int, int], dict[str, torch.Tensor]]:
    """``losses`` such that gradients of the model's parameters are averaged over the ranks.

    All ranks take over rank 0's weights first. The parameters that are to be trained must be so
    already. Averages, where parts want sums: minimise the loss times ``world_size()``. Keep what is
    returned until the gradients are there: the hooks go with it.
    """
    if world_size() == 1:
        return losses
    return DistributedDataParallel(_Losses(model, losses), forward_sync_buffers=False)
