"""Frames -> a timeline of mouth shapes, and the files that hold one.

Posteriors of 10 ms flicker where two shapes are as likely; what is shown is the path of highest
probability if every change of shape costs something (Viterbi, 1967).
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.media.audio import audio_blocks
from lipsync.speech.frames import FRAME_RATE
from lipsync.speech.viseme import VisemeNetwork, VisemeStream

CHANGE = 3.0  # nepers that a change of shape costs: a shape of 1 frame has to be 20 times as likely
FLOOR = 1e-6  # posteriors below count as this
# Mouth shapes of Rhubarb Lip Sync, https://github.com/DanielSWolf/rhubarb-lip-sync#mouth-shapes
RHUBARB = {
    "sil": "X", "PP": "A", "FF": "G", "TH": "B", "DD": "B", "kk": "B", "CH": "B", "SS": "B",
    "nn": "B", "RR": "E", "aa": "D", "E": "C", "ih": "B", "oh": "E", "ou": "F",
}  # fmt: skip
FORMATS = ("json", "csv", "tsv")


class Shape(NamedTuple):
    """A mouth shape and how long it is held, in seconds."""

    start: float
    end: float
    viseme: str
    probability: float  # mean posterior while it is held


def listen(path: Path, network: VisemeNetwork) -> np.ndarray:
    """Posteriors (T, 15) float32 of a sound or video file, T frames of 10 ms.

    The sound is read in blocks, so only the posteriors grow with its length. Raises LipsyncError
    where the file has no sound.
    """
    stream = VisemeStream(network)
    parts = [stream.push(block).posteriors for block in audio_blocks(path)]
    return np.concatenate([*parts, stream.finish().posteriors])


def shapes(posteriors: np.ndarray, visemes: tuple[str, ...], change: float = CHANGE) -> list[Shape]:
    """Posteriors (T, V) -> shapes that follow each other without a gap.

    change: nepers (natural logarithm of a ratio of probabilities) that each change costs
    """
    path = best_path(posteriors, change)
    if not len(path):
        return []
    edges = np.concatenate([[0], np.flatnonzero(np.diff(path)) + 1, [len(path)]])
    return [
        Shape(
            first / FRAME_RATE,
            last / FRAME_RATE,
            visemes[path[first]],
            float(posteriors[first:last, path[first]].mean()),
        )
        for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]


def best_path(posteriors: np.ndarray, change: float) -> np.ndarray:
    """(T, V) -> (T,) classes; 0 for ``change`` takes the likeliest of every frame."""
    score = np.log(np.maximum(posteriors, FLOOR))  # (T, V)
    came = np.zeros(score.shape, np.int16)  # class of the frame before, on the best way here
    stay = np.arange(score.shape[1])
    total = np.zeros(score.shape[1])
    for t, row in enumerate(score):
        best = int(total.argmax())
        moves = total[best] - change > total
        came[t] = np.where(moves, best, stay)
        total = np.where(moves, total[best] - change, total) + row
    path = np.zeros(len(score), np.int64)
    if len(score):
        path[-1] = total.argmax()
        for t in range(len(score) - 1, 0, -1):
            path[t - 1] = came[t, path[t]]
    return path


def as_text(found: list[Shape], form: str) -> str:
    """The timeline as json, csv, or tsv as Rhubarb Lip Sync writes it."""
    out = io.StringIO()
    match form:
        case "json":
            rows = [
                {
                    "start": round(shape.start, 2),
                    "end": round(shape.end, 2),
                    "viseme": shape.viseme,
                    "probability": round(shape.probability, 3),
                }
                for shape in found
            ]
            lines = ",\n".join("  " + json.dumps(row) for row in rows)
            length = round(found[-1].end, 2) if found else 0.0
            out.write(f'{{"seconds": {length}, "visemes": [\n{lines}\n]}}\n')
        case "csv":
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(("start", "end", "viseme", "probability"))
            writer.writerows(
                (f"{s.start:.2f}", f"{s.end:.2f}", s.viseme, f"{s.probability:.3f}") for s in found
            )
        case "tsv":
            out.writelines(f"{start:.2f}\t{mouth}\n" for start, mouth in rhubarb(found))
        case _:
            raise LipsyncError(f"{form}: no such format; legal: {', '.join(FORMATS)}")
    return out.getvalue()


def rhubarb(found: Iterable[Shape]) -> Iterator[tuple[float, str]]:
    """(start, mouth shape A-G or X) where the shape changes; X at the very end, as Rhubarb does.

    Its H, a long L with the tongue up, is never told: no viseme of ours says l alone.
    """
    before, end = "", 0.0
    for shape in found:
        mouth, end = RHUBARB[shape.viseme], shape.end
        if mouth != before:
            yield shape.start, mouth
        before = mouth
    if before:
        yield end, "X"


def write_timeline(path: Path, found: list[Shape]) -> None:
    """Write in the format that the file's ending says."""
    text = as_text(found, path.suffix.lower().removeprefix("."))
    with atomic_path(path) as temporary:
        temporary.write_text(text)
