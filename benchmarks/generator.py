"""What a refiner costs to run: GFLOP, and pictures a second in ONNX Runtime as an avatar runs it.

    python benchmarks/generator.py [--preset quick production max] [--rounds 7]

One picture at a time, as a rendering asks. The weights are random; they do not change the time. The
presets take turns, round after round, so that a busy moment of the machine hits all of them; the
median and the best round are printed. A FLOP is a multiplication or an addition of a convolution;
what is done to single values (enlarging, scaling, activation) is not counted.
"""

import argparse
import statistics
import time

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from lipsync.export.onnx import refiner_to_onnx
from lipsync.generator.model import Refiner
from lipsync.generator.params import GeneratorParams
from lipsync.presets import PRESETS
from lipsync.rendering.avatar import open_session
from lipsync.rendering.refiner import MASKS, OUTPUTS, PICTURES

CALLS = 50  # pictures in a round
OPSET = 20


def make_refiner(preset: str) -> tuple[Refiner, int]:
    """An untrained refiner of a preset, and its working size."""
    values = PRESETS[preset].values
    params, size = GeneratorParams.model_validate(values["generator"]), values["crop"]["size"]
    torch.manual_seed(0)
    return Refiner(size, **params.architecture()).eval(), size


def gigaflops(refiner: Refiner, size: int) -> float:
    """Of one picture."""
    picture, mask = torch.zeros(1, 3, size, size), torch.zeros(1, 1, size, size)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        refiner(picture, picture, picture, picture, mask, mask)
    return counter.get_total_flops() / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", nargs="+", choices=PRESETS, default=["quick", "production"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    draw = np.random.default_rng(0)
    runs = {}
    for name in arguments.preset:
        refiner, size = make_refiner(name)
        inputs = {key: draw.integers(0, 256, (1, size, size, 3), np.uint8) for key in PICTURES}
        inputs |= {key: draw.integers(0, 256, (1, size, size), np.uint8) for key in MASKS}
        session = open_session(refiner_to_onnx(refiner, OPSET), arguments.threads)
        runs[name] = (refiner, size, session, inputs)
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(arguments.rounds + 1):
        for name, (_, _, session, inputs) in runs.items():
            start = time.perf_counter()
            for _ in range(CALLS):
                session.run(OUTPUTS, inputs)
            if turn:  # the first one warms up
                rates[name].append(CALLS / (time.perf_counter() - start))
    print(f"{'preset':<12}{'px':>5}{'M params':>10}{'GFLOP':>8}{'median/s':>10}{'best/s':>8}")
    for name, (refiner, size, *_) in runs.items():
        millions = sum(parameter.numel() for parameter in refiner.parameters()) / 1e6
        print(
            f"{name:<12}{size:>5}{millions:>10.2f}{gigaflops(refiner, size):>8.2f}"
            f"{statistics.median(rates[name]):>10.0f}{max(rates[name]):>8.0f}"
        )


if __name__ == "__main__":
    main()
