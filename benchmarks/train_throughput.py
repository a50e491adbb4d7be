"""How quickly the refiner trains: samples a second, GFLOP a sample, time spent waiting for data.

    python benchmarks/train_throughput.py [--preset quick production] [--steps 8] [--device auto]
    torchrun --nproc-per-node 2 benchmarks/train_throughput.py             # in two processes

One sample is one picture. The data are noise of the right size under a made-up mesh, the losses
those of the preset, the steps those of stage train_generator: losses, backward, optimiser, moving
average. The presets take turns, so that a busy moment of the machine hits all; medians are printed.
"waiting" is the share of a step in which exemplars are chosen and warped into layers. A FLOP is a
multiplication or an addition of a convolution or matrix product, forward and backward, SyncNet
included.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from lipsync.faces.landmarks import LIPS, LIPS_INNER, LIPS_OUTER, POINTS
from lipsync.generator.model import Refiner
from lipsync.generator.params import GeneratorParams
from lipsync.generator.task import GeneratorTask, material_of
from lipsync.geometry.model import POSE_FEATURES, ShapeModel, Track
from lipsync.geometry.topology import OUTLINE, triangulate, with_ring
from lipsync.presets import PRESETS
from lipsync.syncnet.model import SyncNet
from lipsync.training import distributed
from lipsync.training.data import PersonData
from lipsync.training.device import Compute, choose_compute
from lipsync.training.params import ComputeParams, SplitParams
from lipsync.training.split import split_frames
from lipsync.training.state import TrainingState

FRAMES, FPS, DIMENSION, SILENCE = 500, 25.0, 320, 64
EYES = 0.42  # of the crop's side: an eye distance
MIDDLE = (0.5, 0.55)  # of the mouth, shares of the crop's side


def made_up_head() -> tuple[ShapeModel, Track]:
    """A face of about the right proportions in random expressions, in shares of the crop's side."""
    draw = np.random.default_rng(0)
    points = draw.uniform((-0.75, -1.2, 0), (0.75, 0.5, 0), (POINTS, 3))  # eye distances
    for ring, wide, high in (
        (OUTLINE, 0.85, 1.05),
        (LIPS_OUTER, 0.3, 0.13),
        (LIPS_INNER, 0.2, 0.03),
    ):
        angle = np.linspace(np.pi, -np.pi, len(ring), endpoint=False)
        points[list(ring), 0], points[list(ring), 1] = wide * np.cos(angle), high * np.sin(angle)
    points[list(OUTLINE), 1] -= 0.4
    mean = with_ring(points)
    components = np.zeros((12, len(mean), 3), np.float32)
    components[:, list(LIPS), :2] = draw.normal(0, 0.01, (12, len(LIPS), 2))
    model = ShapeModel(
        mean=mean.astype(np.float32),
        components=components,
        pose_components=np.zeros((POSE_FEATURES, len(mean), 3), np.float32),
        pose_centre=np.zeros(3, np.float32),
        triangles=triangulate(mean),
    )
    track = Track(
        scale=np.full(FRAMES, EYES, np.float32),
        rotation=np.tile(np.eye(3, dtype=np.float32), (FRAMES, 1, 1)),
        translation=np.tile(np.array([*MIDDLE, 0], np.float32), (FRAMES, 1)),
        expression=draw.normal(size=(FRAMES, 12)).astype(np.float32),
        valid=np.ones(FRAMES, bool),
    )
    return model, track


def noise(size: int, device: torch.device) -> PersonData:
    """A person of random pictures and sounds."""
    draw = torch.Generator().manual_seed(0)
    crops = torch.randint(0, 256, (FRAMES, size, size, 3), dtype=torch.uint8, generator=draw)
    lips = (0.4 + 0.3 * torch.rand(FRAMES, 40, 2, generator=draw)) * size
    speech = torch.rand(FRAMES + 2 * SILENCE, DIMENSION, generator=draw)
    return PersonData(
        crops=crops.permute(0, 3, 1, 2).to(device),
        boxes=np.tile(np.array([0, 0, 1, 1], np.float32), (FRAMES, 1)),
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
        model = Refiner(self.size, **params.architecture()).to(device)
        syncnet = SyncNet(self.size, DIMENSION, channels=values["syncnet"]["channels"])
        syncnet.requires_grad_(False).eval().to(device)
        split = split_frames(np.ones(FRAMES, bool), FPS, SplitParams())
        material = material_of(data, made_up_head())
        exemplars = material.choose(split.training, params.exemplars)
        self.task = GeneratorTask(
            model, syncnet, data, material, exemplars, split, params, compute, seed=1
        )
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
    print(f"{'preset':<12}{'px':>5}{'batch':>7}{'GFLOP':>8}{'samples/s':>11}{'waiting':>9}")
    for name, training in trainings.items():
        rate = training.task.samples_per_step / statistics.median(training.seconds[1:])
        print(
            f"{name:<12}{training.size:>5}{training.task.samples_per_step:>7}{costs[name]:>8.1f}"
            f"{rate:>11.1f}{statistics.median(training.waiting[1:]):>9.1%}"
        )


if __name__ == "__main__":
    with distributed.process_group():
        main()
