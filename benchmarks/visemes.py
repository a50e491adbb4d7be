"""How quickly visemes are learned and told: audio-seconds a CPU-second, a hop, real-time factors.

    python benchmarks/visemes.py [--corpus data/visemes/corpus] [--steps 30] [--threads 1]

Training steps are those of stage train_visemes: fetch, augmentation, loss, backward, optimiser,
moving average, on batches by length from cached features. Audio-seconds are those of the
utterances, without padding; CPU-seconds are the process's own. Both depths of a layer take turns,
so that a busy moment of the machine hits both; medians are printed. The reference's layer has two
convolutions; its training learns 202 audio-seconds a CPU-second, and a hop takes 1.7 ms.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from lipsync.speech.viseme import VisemeNetwork
from lipsync.training.device import choose_compute
from lipsync.visemes.corpus import Corpus, load_corpus
from lipsync.visemes.evaluation import timings
from lipsync.visemes.export import to_onnx
from lipsync.visemes.labels import FRAME
from lipsync.visemes.params import VisemeParams
from lipsync.visemes.schedule import ScheduledState
from lipsync.visemes.session import prepare_model
from lipsync.visemes.task import VisemeTask

REFERENCE = 202.0  # audio-seconds a CPU-second
REFERENCE_HOP = 1.7  # ms


class Training:
    """A training and what its steps cost."""

    def __init__(self, corpus: Corpus, convolutions: int) -> None:
        params = VisemeParams.model_validate({"model": {"convolutions": convolutions}})
        compute = choose_compute(params.compute)
        self.model = prepare_model(corpus, params, compute)
        self.task = VisemeTask(self.model, corpus, params, compute)
        self.state = ScheduledState(self.model, params.train, 1000)
        self.rates: list[float] = []
        self.steps = 0

    def step(self) -> None:
        epoch, number = divmod(self.steps, self.task.steps())
        seconds = sum(u.frames for u in self.task.batches.batch(epoch, number)) * FRAME
        start = time.process_time()
        self.state.update(self.task.losses(epoch, number)["loss"])
        self.rates.append(seconds / (time.process_time() - start))
        self.steps += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, default=Path("data/visemes/corpus"))
    parser.add_argument("--steps", type=int, default=30, help="of each, after two that warm up")
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    corpus = load_corpus(chosen.corpus)
    trainings = {number: Training(corpus, number) for number in (1, 2)}
    for _ in range(chosen.steps + 2):
        for training in trainings.values():
            training.step()
    print(f"{chosen.threads} threads; audio-seconds a CPU-second, x of {REFERENCE:.0f}")
    for number, training in trainings.items():
        rate = statistics.median(training.rates[2:])
        size = sum(p.numel() for p in training.model.parameters())
        print(
            f"5 layers of {number} convolutions x 128: {rate:6.0f}  {rate / REFERENCE:.2f}x"
            f"  {size / 1e6:.2f} M parameters"
        )
    print(f"{'':<28}{'hop ms':>8}{'x':>7}{'RTF whole':>11}{'RTF hops':>10}")
    for number, training in trainings.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "visemes.onnx"
            path.write_bytes(to_onnx(training.model.eval(), 20))
            told = timings(VisemeNetwork(path))
        print(
            f"ONNX, {number} convolutions a layer{told['hop_ms']:>8.3f}"
            f"{REFERENCE_HOP / told['hop_ms']:>7.1f}{told['real_time_whole']:>11.5f}"
            f"{told['real_time_hops']:>10.4f}"
        )


if __name__ == "__main__":
    main()
