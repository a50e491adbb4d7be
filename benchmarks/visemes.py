"""How quickly visemes are learned and told: audio-seconds a CPU-second, a hop, real-time factors.

    python benchmarks/visemes.py [--corpus data/visemes/corpus] [--steps 30] [--threads 1]

Training steps are those of stage train_visemes: fetch, augmentation, loss, backward, optimiser,
moving average, on batches by length from cached features. Audio-seconds are those of the
utterances, without padding; CPU-seconds are the process's own. All trainings take turns,
so that a busy moment of the machine hits each; medians are printed.

`torch's own` is the same network of two convolutions a layer, the reference's architecture, as one
writes it down: `nn.Conv1d` under weight norm, batches as they are drawn, cross-entropy, AdamW; no
augmentation, no moving average, and the same cached features. The reference itself was once
measured at 202 audio-seconds a CPU-second and 1.7 ms a hop, in another run. `products alone` is
the arithmetic of two convolutions a layer, forward and backward, and nothing else: a bound of the
processor for float32.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from lipsync.speech.fbank import BINS
from lipsync.speech.viseme import VisemeNetwork
from lipsync.training.device import choose_compute, step_generator
from lipsync.training.layers import Standardize
from lipsync.visemes.batches import collate
from lipsync.visemes.corpus import Corpus, load_corpus
from lipsync.visemes.evaluation import timings
from lipsync.visemes.export import to_onnx
from lipsync.visemes.labels import FRAME, IGNORED, VISEMES
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


class PlainLayer(nn.Module):
    """Two causal convolutions of torch's, and what went in added (Bai et al., 2018)."""

    def __init__(self, channels: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.reach, self.dropout = (kernel - 1) * dilation, nn.Dropout(dropout)
        self.convolutions = nn.ModuleList(
            weight_norm(nn.Conv1d(channels, channels, kernel, dilation=dilation)) for _ in range(2)
        )

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        """(B, C, T) -> (B, C, T)"""
        out = signal
        for convolution in self.convolutions:
            out = self.dropout(F.relu(convolution(F.pad(out, (self.reach, 0)))))
        return F.relu(signal + out)


class PlainTraining:
    """The network of two convolutions a layer and its training, as torch offers them."""

    def __init__(self, corpus: Corpus) -> None:
        params = VisemeParams()
        shape = params.model
        self.corpus, self.lookahead = corpus, shape.lookahead
        standardize = Standardize(BINS)
        standardize.mean.copy_(torch.from_numpy(corpus.mean))
        standardize.deviation.copy_(torch.from_numpy(corpus.deviation))
        self.standardize = standardize
        self.model = nn.Sequential(
            nn.Conv1d(BINS, shape.channels, 1),
            *(
                PlainLayer(shape.channels, shape.kernel, 2**level, shape.dropout)
                for level in range(shape.layers)
            ),
            nn.Conv1d(shape.channels, len(VISEMES), 1),
        )
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=params.train.learning_rate)
        self.utterances = corpus.chosen(held_out=False)
        mean = sum(u.frames for u in self.utterances) * FRAME / len(self.utterances)
        self.batch = max(1, round(params.train.batch_seconds / mean))  # utterances
        self.rates: list[float] = []

    def step(self) -> None:
        draw = step_generator(1, len(self.rates))
        order = torch.randperm(len(self.utterances), generator=draw)[: self.batch]
        utterances = [self.utterances[i] for i in order]
        start = time.process_time()
        columns, labels = collate(self.corpus, utterances, self.lookahead)
        logits = self.model(self.standardize(columns).transpose(1, 2))  # (B, 15, T)
        loss = F.cross_entropy(logits, labels, ignore_index=IGNORED)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        seconds = sum(u.frames for u in utterances) * FRAME
        self.rates.append(seconds / (time.process_time() - start))


class Products:
    """The matrix products of a step of two convolutions a layer, and nothing else."""

    def __init__(self, seconds: float = 20.0) -> None:
        shape, self.seconds = VisemeParams().model, seconds
        channels, taps = shape.channels, 2 * shape.layers * shape.kernel
        rows = round(seconds / FRAME)
        self.signal, self.gradient = torch.randn(rows, channels), torch.randn(rows, channels)
        self.weight, self.taps = torch.randn(channels, channels), taps
        self.out, self.to_weight = torch.empty(rows, channels), torch.empty(channels, channels)
        self.rates: list[float] = []

    def step(self) -> None:
        start = time.process_time()
        for _ in range(self.taps):
            torch.mm(self.signal, self.weight, out=self.out)
            torch.mm(self.gradient, self.weight.T, out=self.out)
            torch.mm(self.signal.T, self.gradient, out=self.to_weight)
        self.rates.append(self.seconds / (time.process_time() - start))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, default=Path("data/visemes/corpus"))
    parser.add_argument("--steps", type=int, default=30, help="of each, after two that warm up")
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    corpus = load_corpus(chosen.corpus)
    trainings = {number: Training(corpus, number) for number in (1, 2)}
    plain, products = PlainTraining(corpus), Products()
    for _ in range(chosen.steps + 2):
        for training in (*trainings.values(), plain, products):
            training.step()
    torchs = statistics.median(plain.rates[2:])
    print(f"{chosen.threads} threads; audio-seconds a CPU-second, x of torch's own, x of 202")
    for name, rates in (("torch's own, 2 convolutions", plain), ("products alone, 2", products)):
        rate = statistics.median(rates.rates[2:])
        print(f"{name:<34}{rate:6.0f}  {rate / torchs:.2f}x  {rate / REFERENCE:.2f}x")
    for number, training in trainings.items():
        rate = statistics.median(training.rates[2:])
        size = sum(p.numel() for p in training.model.parameters())
        print(
            f"{f'5 layers of {number} convolutions x 128':<34}{rate:6.0f}  {rate / torchs:.2f}x"
            f"  {rate / REFERENCE:.2f}x  {size / 1e6:.2f} M parameters"
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
