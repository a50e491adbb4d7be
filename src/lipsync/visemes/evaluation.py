"""The exported network judged on held-out speakers, as it is used: from the ONNX."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lipsync.media.audio import SAMPLE_RATE
from lipsync.speech.fbank import HOP, fbank
from lipsync.speech.viseme import VisemeNetwork, VisemeStream
from lipsync.visemes.corpus import Corpus
from lipsync.visemes.labels import IGNORED
from lipsync.visemes.metrics import (
    TOLERANCE,
    class_table,
    confusion,
    macro_f1,
    near,
    strict_accuracy,
)
from lipsync.visemes.statistics import QUIET

TIMED_SECONDS = 20  # of noise; what it costs does not depend on what is heard
ROUNDS = 3  # of which the fastest counts


@dataclass(frozen=True)
class Judgement:
    """Figures over held-out frames.

    table: (15, 15) confusion, labels in rows. by_speaker: strict accuracy of each.
    """

    table: np.ndarray
    strict: float
    near: float
    macro_f1: float
    by_speaker: dict[str, float]

    def figures(self) -> dict[str, Any]:
        """For evaluation.json."""
        return {
            "strict_accuracy": round(self.strict, 4),
            f"accuracy_within_{TOLERANCE * 10}_ms": round(self.near, 4),
            "macro_f1": round(self.macro_f1, 4),
            "frames": int(self.table.sum()),
            "speakers": {name: round(value, 4) for name, value in self.by_speaker.items()},
            "f1": {
                row.viseme: None if np.isnan(row.f1) else round(row.f1, 4)
                for row in class_table(self.table)
            },
        }


def judge(network: VisemeNetwork, corpus: Corpus) -> Judgement:
    """Tell every held-out utterance of the corpus and compare with its labels."""
    tables: dict[str, np.ndarray] = {}
    right, known = 0, 0
    for utterance in corpus.chosen(held_out=True):
        labels = np.asarray(corpus.labels[utterance.part]).astype(np.int64)
        told = tell(network, np.asarray(corpus.features[utterance.part]))
        table = confusion(labels, told)
        tables[utterance.speaker] = tables.get(utterance.speaker, 0) + table
        counted = labels != IGNORED
        right += int(near(labels, told)[counted].sum())
        known += int(counted.sum())
    whole = np.sum(list(tables.values()), axis=0)
    return Judgement(
        table=whole,
        strict=strict_accuracy(whole),
        near=right / max(1, known),
        macro_f1=macro_f1(whole),
        by_speaker={name: strict_accuracy(table) for name, table in sorted(tables.items())},
    )


def tell(network: VisemeNetwork, columns: np.ndarray) -> np.ndarray:
    """Columns (T, 80) of an utterance, silence after it -> the likeliest class of each, (T,)."""
    quiet = np.full((network.lookahead, columns.shape[1]), QUIET, np.float32)
    told, _ = network.step(np.concatenate([columns, quiet]).astype(np.float32), network.start())
    return told.posteriors[network.lookahead :].argmax(1)


def timings(network: VisemeNetwork) -> dict[str, float]:
    """CPU-seconds for a second of sound, front end included; CPU-milliseconds a hop.

    real_time_whole: the whole sound at once. real_time_hops: 10 ms at a time. hop_ms: the network
    alone, one column.
    """
    draw = np.random.default_rng(0)
    sound = draw.normal(0, 0.1, TIMED_SECONDS * SAMPLE_RATE).astype(np.float32)
    hops = np.split(sound, len(sound) // HOP)
    columns = fbank(sound)

    def whole() -> None:
        network.listen(sound)

    def live() -> None:
        stream = VisemeStream(network)
        for hop in hops:
            stream.push(hop)

    def bare() -> None:
        state = network.start()
        for column in columns:
            _, state = network.step(column[None], state)

    return {
        "real_time_whole": _significant(_fastest(whole) / TIMED_SECONDS),
        "real_time_hops": _significant(_fastest(live) / TIMED_SECONDS),
        "hop_ms": _significant(_fastest(bare) / len(columns) * 1000),
    }


def _fastest(run: Callable[[], None]) -> float:
    taken = []
    for _ in range(ROUNDS):
        start = time.process_time()  # whatever else the machine does
        run()
        taken.append(time.process_time() - start)
    return min(taken)


def _significant(value: float) -> float:
    return float(f"{value:.3g}")
