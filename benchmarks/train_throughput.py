"""How quickly the generator trains: samples a second, GFLOP a sample, time spent waiting for data.

    python benchmarks/train_throughput.py [--preset quick production] [--steps 8] [--device auto]
    torchrun --nproc-per-node 2 benchmarks/train_throughput.py             # in two processes

One sample is one picture. The data are noise of the right size, the losses those of the preset, the
steps those of stage train_generator: losses, backward, optimiser, moving average. The presets take
turns, so that a busy moment of the machine hits all; medians are printed. "waiting" is the share of
a step in which pictures and speech are fetched and augmented. A FLOP is a multiplication or an
addition of a convolution or matrix product, forward and backward, SyncNet included.

The reference is SyncTalk_2D at 328 px with its VGG and sync losses: 0.28 samples a second on 2
cores (docs/results.md). Wanted at 320 px: 15 times that.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from lipsync.generator.model import Generator
from lipsync.generator.params import GeneratorParams
from lipsync.generator.task import GeneratorTask
from lipsync.presets import PRESETS
from lipsync.syncnet.model import SyncNet
from lipsync.training import distributed
from lipsync.training.data import PersonData, to_unit
from lipsync.training.device import Compute, choose_compute
from lipsync.training.params import ComputeParams, SplitParams
from lipsync.training.split import split_frames
from lipsync.training.state import TrainingState

FRAMES, FPS, DIMENSION, SILENCE = 250, 25.0, 320, 64
REFERENCE = 0.28  # samples/s


def noise(size: int, device: torch.device) -> PersonData:
    """A person of random pictures and sounds."""
    draw = torch.Generator().manual_seed(0)
    crops = torch.randint(0, 256, (FRAMES, size, size, 3), dtype=torch.uint8, generator=draw)
    lips = (0.4 + 0.3 * torch.rand(FRAMES, 40, 2, generator=draw)) * size
    speech = torch.rand(FRAMES + 2 * SILENCE, DIMENSION, generator=draw)
    return PersonData(
        crops=crops.permute(0, 3, 1, 2).to(device),
        valid=np.ones(FRAMES, bool),
        seen=np.ones(FRAMES, bool),
        lips=lips.to(device),
        speech=speech.to(device),
        past=SILENCE,
        future=SILENCE,
        per_decibel=0.0125,
        instants=4,
        fps=FPS,
    )


class Stopwatch:
    """Adds up the seconds spent in functions that fetch data."""

    def __init__(self, device: torch.device) -> None:
        self.seconds = 0.0
        self._device = device

    def now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **keywords: Any) -> Any:
            start = self.now()
            result = function(*arguments, **keywords)
            self.seconds += self.now() - start
            return result

        return timed


class Training:
    """A preset's training and what its steps took."""

    def __init__(self, preset: str, compute: Compute) -> None:
        values = PRESETS[preset].values
        self.size = values["crop"]["size"]
        params = GeneratorParams.model_validate(values["generator"])
        device = compute.device
        torch.manual_seed(0)
        data = noise(self.size, device)
        model = Generator(self.size, DIMENSION, **params.architecture())
        model.to(device, memory_format=torch.channels_last)
        syncnet = SyncNet(self.size, DIMENSION, channels=values["syncnet"]["channels"])
        syncnet.requires_grad_(False).eval().to(device)
        split = split_frames(FRAMES, FPS, SplitParams())
        reference = to_unit(data.crops[:1])
        self.task = GeneratorTask(model, syncnet, data, reference, split, params, compute, seed=1)
        self.state = TrainingState(model, params)
        self.losses = distributed.replicate(model, self.task.losses)
        self.watch = Stopwatch(device)
        self.task.fetch = self.watch.around(self.task.fetch)  # type: ignore[method-assign]
        self.steps = 0
        self.seconds: list[float] = []
        self.waiting: list[float] = []

    def step(self) -> None:
        self.watch.seconds = 0.0
        start = self.watch.now()
        loss = self.losses(0, self.steps % self.task.steps())["loss"]
        self.state.update(loss * distributed.world_size())
        self.seconds.append(self.watch.now() - start)
        self.waiting.append(self.watch.seconds / self.seconds[-1])
        self.steps += 1

    def gigaflops(self) -> float:
        """Of one sample."""
        with FlopCounterMode(display=False) as counter:
            self.step()
        flops = distributed.add_up({"flops": float(counter.get_total_flops())})["flops"]
        return flops / 1e9 / self.task.samples_per_step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", nargs="+", choices=PRESETS, default=["quick", "production"])
    parser.add_argument("--steps", type=int, default=8, help="of each, after one that warms up")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")
    arguments = parser.parse_args()
    compute = choose_compute(ComputeParams(device=arguments.device))
    trainings = {name: Training(name, compute) for name in arguments.preset}
    costs = {name: training.gigaflops() for name, training in trainings.items()}
    for _ in range(arguments.steps):
        for training in trainings.values():
            training.step()
    processes = distributed.world_size()
    print(f"on {compute}, {torch.get_num_threads()} threads, {processes} processes")
    print(f"{'preset':<12}{'px':>5}{'batch':>7}{'GFLOP':>8}{'samples/s':>11}{'waiting':>9}{'x':>7}")
    for name, training in trainings.items():
        rate = training.task.samples_per_step / statistics.median(training.seconds[1:])
        print(
            f"{name:<12}{training.size:>5}{training.task.samples_per_step:>7}{costs[name]:>8.1f}"
            f"{rate:>11.1f}{statistics.median(training.waiting[1:]):>9.1%}{rate / REFERENCE:>7.0f}"
        )


if __name__ == "__main__":
    with distributed.process_group():
        main()
