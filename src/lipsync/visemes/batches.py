"""Batches of utterances of about the same length, so that little is padding."""

import itertools
from collections.abc import Sequence

import numpy as np
import torch

from lipsync.training.device import step_generator
from lipsync.visemes.corpus import Corpus, Utterance
from lipsync.visemes.labels import IGNORED
from lipsync.visemes.statistics import QUIET

JITTER = 0.03  # spread of the logarithm of a length as it is sorted: neighbours change by the epoch


class Batches:
    """Cuts utterances, sorted by length, into as many batches in every epoch.

    frames: of a batch, padding included, about. A longer utterance is a batch of its own.
    """

    def __init__(self, utterances: Sequence[Utterance], frames: int, seed: int) -> None:
        self._utterances, self._seed = list(utterances), seed
        self._lengths = np.array([u.frames for u in self._utterances])
        ordered = np.sort(self._lengths)
        edges, first = [0], 0
        for last, length in enumerate(ordered):
            # The last of a batch is its longest, to which all others are padded.
            if last > first and (last + 1 - first) * length > frames:
                edges.append(last)
                first = last
        self._edges = [*edges, len(ordered)]
        self._epoch = -1  # whose order is held
        self._order: list[list[int]] = []

    def __len__(self) -> int:
        return len(self._edges) - 1

    def batch(self, epoch: int, step: int) -> list[Utterance]:
        """The utterances of one step; every epoch has each utterance once."""
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._shuffled(epoch)
        return [self._utterances[i] for i in self._order[step]]

    def _shuffled(self, epoch: int) -> list[list[int]]:
        """Numbers of the utterances of each step."""
        draw = step_generator(self._seed, epoch)
        spread = torch.randn(len(self._lengths), generator=draw).numpy() * JITTER
        rank = np.argsort(self._lengths * np.exp(spread), kind="stable").tolist()
        batches = [rank[first:last] for first, last in itertools.pairwise(self._edges)]
        return [batches[place] for place in torch.randperm(len(self), generator=draw).tolist()]


def collate(
    corpus: Corpus, utterances: Sequence[Utterance], lookahead: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (B, T, 80) float32 and labels (B, T) int64 of utterances, padded at the end.

    T holds the longest and ``lookahead`` frames of silence, after which its last frame is told;
    label t is that of the frame ``lookahead`` before column t.
    """
    longest = max(utterance.frames for utterance in utterances) + lookahead
    columns = np.full((len(utterances), longest, corpus.features.shape[1]), QUIET, np.float32)
    labels = np.full((len(utterances), longest), IGNORED, np.int64)
    for row, utterance in enumerate(utterances):
        columns[row, : utterance.frames] = corpus.features[utterance.part]
        labels[row, lookahead : lookahead + utterance.frames] = corpus.labels[utterance.part]
    return torch.from_numpy(columns), torch.from_numpy(labels)
