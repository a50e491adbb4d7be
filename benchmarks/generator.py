"""What a generator costs to run: GFLOP, and pictures a second in ONNX Runtime as an avatar runs it.

    python benchmarks/generator.py [--preset quick production max] [--rounds 7]

The weights are random; they do not change the time. The presets take turns, round after round, so
that a busy moment of the machine hits all of them; the median and the best round are printed.
A FLOP is a multiplication or an addition of a convolution or matrix product; what is done to single
values (warping, scaling, activation) is not counted. Wanted on 2 cores: at most 3 GFLOP and at
least 50 pictures a second at 320 px, at least 150 at 160 px.
"""

import argparse
import statistics
import time

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from lipsync.export.onnx import to_onnx
from lipsync.generator.model import Generator
from lipsync.presets import PRESETS
from lipsync.rendering.avatar import open_session
from lipsync.rendering.pictures import BATCH

SPEECH = (320, 6, 4)  # dimension of mel, past and future rows
CALLS = 6  # batches in a round


def make_generator(preset: str) -> Generator:
    """An untrained generator of a preset."""
    values = PRESETS[preset].values
    chosen = values["generator"]
    torch.manual_seed(0)
    return Generator(
        values["crop"]["size"],
        *SPEECH,
        channels=tuple(chosen["channels"]),
        code_channels=chosen["code_channels"],
    ).eval()


def gigaflops(generator: Generator) -> float:
    """Of one picture, the reference's features being at hand."""
    size = generator.visible.shape[-1]
    picture, speech = torch.zeros(1, 3, size, size), torch.zeros(1, *_window())
    with torch.no_grad():
        reference = generator.encode_reference(picture)
        with FlopCounterMode(display=False) as counter:
            generator.generate(picture, reference, generator.lips(speech))
    return counter.get_total_flops() / 1e9


def _window() -> tuple[int, int]:
    dimension, past, future = SPEECH
    return past + 1 + future, dimension


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", nargs="+", choices=PRESETS, default=["quick", "production"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    draw = np.random.default_rng(0)
    runs = {}
    for name in arguments.preset:
        generator = make_generator(name)
        size = generator.visible.shape[-1]
        network = to_onnx(generator, np.zeros((size, size, 3), np.uint8), opset=20)
        inputs = {
            "crop": draw.integers(0, 256, (BATCH, size, size, 3), np.uint8),
            "speech": draw.uniform(0, 1, (BATCH, *_window())).astype(np.float32),
        }
        runs[name] = (generator, open_session(network, arguments.threads), inputs)
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(arguments.rounds + 1):
        for name, (_, session, inputs) in runs.items():
            start = time.perf_counter()
            for _ in range(CALLS):
                session.run(["face"], inputs)
            if turn:  # the first one warms up
                rates[name].append(CALLS * BATCH / (time.perf_counter() - start))
    print(f"{'preset':<12}{'px':>5}{'M params':>10}{'GFLOP':>8}{'median/s':>10}{'best/s':>8}")
    for name, (generator, *_) in runs.items():
        size = generator.visible.shape[-1]
        millions = sum(parameter.numel() for parameter in generator.parameters()) / 1e6
        print(
            f"{name:<12}{size:>5}{millions:>10.2f}{gigaflops(generator):>8.2f}"
            f"{statistics.median(rates[name]):>10.0f}{max(rates[name]):>8.0f}"
        )


if __name__ == "__main__":
    main()
