"""Recordings -> the packed corpus (`corpus`), in memory of one recording at a time."""

import csv
import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.speech.fbank import BINS, HOP
from lipsync.speech.frames import frame_columns
from lipsync.visemes.corpus import FORM, Utterance
from lipsync.visemes.labels import FRAME, IGNORED, SILENCE, VISEMES, frame_labels
from lipsync.visemes.maps import PhoneMap
from lipsync.visemes.recordings import Aligned, Quarantine
from lipsync.visemes.statistics import QUIET, Statistics

log = logging.getLogger(__name__)
_HEADER = 128  # bytes, which the header of any array of ours fits into


def held_out_speakers(
    speakers: Iterable[str], named: Iterable[str], share: float, seed: int
) -> set[str]:
    """Who is held out: those named, or ``share`` of all, drawn by ``seed``; at least one.

    Raises LipsyncError for a name that nobody has, and where nobody would be left to learn from.
    """
    known = sorted(set(speakers))
    for name in named:
        if name not in known:
            raise LipsyncError(
                f"visemes/params.yaml: data.held_out: no speaker {name!r}; "
                f"there are: {', '.join(known)}"
            )
    chosen = set(named)
    if not chosen:
        count = max(1, round(share * len(known)))
        chosen = set(np.random.default_rng(seed).permutation(known)[:count].tolist())
    if len(chosen) >= len(known):
        raise LipsyncError(
            f"visemes: {len(known)} speakers, {len(chosen)} of them held out: nobody is left to "
            "learn from; add speakers, or change data.held_out"
        )
    return chosen


def pack(
    folder: Path,
    recordings: Iterable[Aligned],
    phones: PhoneMap,
    held_out: set[str],
    longest: float,
    quarantine: Quarantine,
) -> dict[str, Any]:
    """Write the corpus into ``folder``, in memory of one recording; returns its figures."""
    folder.mkdir(parents=True, exist_ok=True)
    utterances: list[Utterance] = []
    statistics, counts, total = Statistics(BINS), np.zeros((2, len(VISEMES)), np.int64), 0
    with (
        atomic_path(folder / "features.npy") as feature_path,
        atomic_path(folder / "labels.npy") as label_path,
        feature_path.open("wb") as features,
        label_path.open("wb") as labels,
    ):
        _reserve(features)
        _reserve(labels)
        for spoken in recordings:
            frames = len(spoken.sound) // HOP
            told = frame_labels(phones.visemes(spoken.phones), frames)
            columns = np.maximum(frame_columns(spoken.sound, frames), QUIET)
            outside = spoken.speaker in held_out
            if not outside:
                statistics.add(columns)
            counts[int(outside)] += np.bincount(told[told != IGNORED], minlength=len(VISEMES))
            columns.astype(np.float16).tofile(features)
            told.tofile(labels)
            for number, (first, last) in enumerate(cut(told, round(longest / FRAME))):
                utterances.append(
                    Utterance(f"{spoken.name}.{number}", spoken.speaker, total + first,
                              last - first, outside)
                )  # fmt: skip
            total += frames
        _head(features, (total, BINS), np.dtype("<f2"))
        _head(labels, (total,), np.dtype("i1"))
    if not statistics.count:
        raise LipsyncError(
            f"{folder}: no recording is left to learn from; set aside: {quarantine.counts()}"
        )
    index = {
        "format": FORM,
        "visemes": VISEMES,
        "mean": statistics.mean.tolist(),
        "deviation": statistics.deviation.tolist(),
        "utterances": [asdict(utterance) for utterance in utterances],
    }
    _write_text(folder / "corpus.json", json.dumps(index, indent=0) + "\n")
    with atomic_path(folder / "quarantine.csv") as path, path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([("file", "reason", "detail"), *quarantine.rows])
    figures = _figures(utterances, counts, quarantine)
    for side in ("training", "held_out"):
        log.info("%s: %s", side, ", ".join(f"{v} {k}" for k, v in figures[side].items()))
    log.info("share: %s", ", ".join(f"{k} {v:.1%}" for k, v in figures["share"].items()))
    return figures


def cut(labels: np.ndarray, longest: int) -> Iterator[tuple[int, int]]:
    """Frames (T,) -> [first, last) stretches of at most ``longest``, cut in the longest silences.

    A stretch is cut in the middle of its longest pause that is not at its edge; where it has none,
    in two halves.
    """
    ahead = [(0, len(labels))]
    while ahead:
        first, last = ahead.pop()
        if last - first <= longest:
            if last > first:
                yield first, last
            continue
        margin = (last - first) // 8
        silent = np.concatenate([[False], labels[first:last] == SILENCE, [False]])
        begins, ends = np.flatnonzero(np.diff(silent.astype(np.int8))).reshape(-1, 2).T
        middles = first + (begins + ends) // 2
        inner = (middles >= first + margin) & (middles <= last - margin)
        middle = (first + last) // 2
        if inner.any():
            middle = int(middles[inner][(ends - begins)[inner].argmax()])
        ahead += [(middle, last), (first, middle)]


def _reserve(file: BinaryIO) -> None:
    file.write(bytes(_HEADER))
    file.flush()


def _head(file: BinaryIO, shape: tuple[int, ...], kind: np.dtype) -> None:
    """Write the header of an .npy file (version 1.0) into its reserved beginning."""
    text = repr({"descr": kind.str, "fortran_order": False, "shape": shape})
    start = np.lib.format.magic(1, 0)
    length = _HEADER - len(start) - 2
    file.seek(0)
    file.write(start + length.to_bytes(2, "little") + text.ljust(length - 1).encode() + b"\n")


def _write_text(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text)


def _figures(
    utterances: list[Utterance], counts: np.ndarray, quarantine: Quarantine
) -> dict[str, Any]:
    def side(held_out: bool) -> dict[str, Any]:
        chosen = [u for u in utterances if u.held_out == held_out]
        return {
            "speakers": len({u.speaker for u in chosen}),
            "utterances": len(chosen),
            "minutes": round(sum(u.frames for u in chosen) * FRAME / 60, 2),
        }

    share = counts.sum(0) / max(1, counts.sum())
    return {
        "training": side(False),
        "held_out": side(True),
        "quarantined": {"files": len(quarantine.rows)} | quarantine.counts(),
        "share": {name: round(float(s), 4) for name, s in zip(VISEMES, share, strict=True)},
    }
