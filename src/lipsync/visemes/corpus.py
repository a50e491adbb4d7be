"""The corpus as the trainings read it: features, labels and who said them, packed.

    features.npy    (F, 80) float16     filter bank of all utterances, one after the other
    labels.npy      (F,) int8           viseme of each frame, -1 where it is not known
    corpus.json     utterances (name, speaker, first frame, frames, held out), statistics
    quarantine.csv  what was set aside, and why

float16 holds a log energy to 0.004 at worst, far below what a microphone adds.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.visemes.labels import IGNORED, VISEMES

FORM = "lipsync-viseme-corpus-1"


@dataclass(frozen=True)
class Utterance:
    """Frames first ... first + frames - 1 of the corpus."""

    name: str
    speaker: str
    first: int
    frames: int
    held_out: bool

    @property
    def part(self) -> slice:
        return slice(self.first, self.first + self.frames)


@dataclass(frozen=True)
class Corpus:
    """A packed corpus; arrays are mapped into memory, not read.

    features: (F, 80) float16, at least QUIET. labels: (F,) int8.
    mean, deviation: (80,) float32 of the features of those who are not held out.
    """

    features: np.ndarray
    labels: np.ndarray
    utterances: list[Utterance]
    mean: np.ndarray
    deviation: np.ndarray

    def chosen(self, held_out: bool) -> list[Utterance]:
        """The utterances of one side of the split."""
        return [u for u in self.utterances if u.held_out == held_out]

    def class_counts(self, held_out: bool) -> np.ndarray:
        """(15,) int64 frames of each viseme."""
        counts = np.zeros(len(VISEMES), np.int64)
        for utterance in self.chosen(held_out):
            labels = self.labels[utterance.part]
            counts += np.bincount(labels[labels != IGNORED], minlength=len(VISEMES))
        return counts


def load_corpus(folder: Path) -> Corpus:
    """Read what `pack` wrote. Raises LipsyncError where it is missing or damaged."""
    try:
        index = json.loads((folder / "corpus.json").read_text())
        if index["format"] != FORM or tuple(index["visemes"]) != VISEMES:
            raise ValueError("it is of another version")
        features = np.load(folder / "features.npy", mmap_mode="r")
        labels = np.load(folder / "labels.npy", mmap_mode="r")
        utterances = [Utterance(**row) for row in index["utterances"]]
        if len(features) != len(labels):
            raise ValueError(f"{len(features)} rows of features and {len(labels)} labels")
        mean, deviation = (np.array(index[key], np.float32) for key in ("mean", "deviation"))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise LipsyncError(
            f"{folder}: missing or damaged: {error}; run `dvc repro visemes/dvc.yaml`"
        ) from error
    return Corpus(features, labels, utterances, mean, deviation)
