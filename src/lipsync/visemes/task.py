"""What train_visemes trains, for ``lipsync.training.loop``."""

import numpy as np
import torch
from torch import nn

from lipsync.errors import LipsyncError
from lipsync.training.device import Compute, step_generator
from lipsync.visemes.augment import augment
from lipsync.visemes.batches import Batches, collate
from lipsync.visemes.corpus import Corpus, Utterance
from lipsync.visemes.labels import CLASSES, FRAME, IGNORED
from lipsync.visemes.losses import class_weights, viseme_loss
from lipsync.visemes.metrics import confusion, macro_f1, strict_accuracy
from lipsync.visemes.model import VisemeTCN
from lipsync.visemes.params import VisemeParams


class VisemeTask:
    """Classify the frames of those who are not held out."""

    def __init__(
        self, model: VisemeTCN, corpus: Corpus, params: VisemeParams, compute: Compute
    ) -> None:
        self.model, self.corpus, self.params, self.compute = model, corpus, params, compute
        training = corpus.chosen(held_out=False)
        self.held_out = corpus.chosen(held_out=True)
        if not training or not self.held_out:
            raise LipsyncError(
                f"visemes: {len(training)} utterances to learn from and {len(self.held_out)} held "
                "out; both are needed: see data in visemes/params.yaml"
            )
        frames = round(params.train.batch_seconds / FRAME)
        self.batches = Batches(training, frames, params.seed)
        self.samples_per_step = round(sum(u.frames for u in training) / len(self.batches))
        counts = corpus.class_counts(held_out=False)
        weights = class_weights(counts, params.loss.class_weights)
        self.weights = weights.to(compute.device)

    def warm_up(self) -> None:
        """Nothing to prepare."""

    def steps(self) -> int:
        """Steps in an epoch."""
        return len(self.batches)

    def losses(self, epoch: int, step: int) -> dict[str, torch.Tensor]:
        """The loss of one batch."""
        draw = step_generator(self.params.seed, epoch, step + 1)
        torch.manual_seed(draw.initial_seed())  # dropout draws from the global generator
        columns, labels = self.fetch(self.batches.batch(epoch, step), draw)
        with self.compute.autocast():
            logits = self.model(columns)
        return {"loss": viseme_loss(logits, labels, self.weights, self.params.loss)}

    def fetch(
        self, utterances: list[Utterance], draw: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Features and labels of a batch, augmented, on the device."""
        columns, labels = collate(self.corpus, utterances, self.model.lookahead)
        columns, labels = columns.to(self.compute.device), labels.to(self.compute.device)
        return augment(columns, labels, self.params.augment, self.model.lookahead, draw)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Loss, strict accuracy and macro F1 on held-out speakers."""
        assert isinstance(model, VisemeTCN)
        total, weight, table = 0.0, 0.0, np.zeros((CLASSES, CLASSES), np.int64)
        for utterances in in_batches(self.held_out, self.params.train.batch_seconds):
            columns, labels = collate(self.corpus, utterances, model.lookahead)
            columns, labels = columns.to(self.compute.device), labels.to(self.compute.device)
            with self.compute.autocast():
                logits = model(columns)
            loss = viseme_loss(logits, labels, self.weights, self.params.loss)
            share = float(self.weights[labels[labels != IGNORED]].sum())  # as the loss's own mean
            total, weight = total + loss.item() * share, weight + share
            told = logits.argmax(-1).cpu().numpy()
            table = table + confusion(labels.cpu().numpy().ravel(), told.ravel())
        return {
            "loss": total / max(1e-6, weight),
            "accuracy": strict_accuracy(table),
            "macro_f1": macro_f1(table),
        }

    def picture(self, model: nn.Module) -> bytes | None:
        """Nothing to see along the way."""
        return None


def in_batches(utterances: list[Utterance], seconds: float) -> list[list[Utterance]]:
    """Utterances sorted by length, in batches of about so much sound."""
    batches: list[list[Utterance]] = []
    held = 0.0
    for utterance in sorted(utterances, key=lambda u: (u.frames, u.first)):
        if not batches or held + utterance.frames * FRAME > seconds:
            batches.append([])
            held = 0.0
        batches[-1].append(utterance)
        held += utterance.frames * FRAME
    return batches
