"""The table at the end of ``make demo``: a person's figures and what is good. Imports no torch."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lipsync.errors import LipsyncError
from lipsync.evaluation.bootstrap import INTERVAL

Row = tuple[str, str, str, str]
"""name, figure, its interval or "", what is good"""


@dataclass(frozen=True)
class Line:
    """A figure: what people call it, where it stands, how it is written, what is good.

    ``instead`` is the line that is shown where the figure is null or missing.
    """

    name: str
    key: str  # in evaluation.json, or export.json after "export."
    form: str
    good: str
    instead: "Line | None" = None


# Most held-out parts have no pause; then the mouth counts that is rendered when nothing is heard.
DIGITAL = Line(
    "open in digital silence, of pauses", "mouth.silence_digital", "{:.2f}", "at most 1.2"
)
SILENCE = Line(
    "open in silence, of the real one", "mouth.silence", "{:.2f}", "at most 1.2", DIGITAL
)
BLOCKS = (
    (
        "Face, with the expression as filmed",
        (
            Line("mouth as filmed, r", "face.correlation", "{:.2f}", "above 0.97"),
            Line("spread of its opening", "face.spread", "{:.2f}", "0.95 ... 1.05"),
            Line("PSNR in the face region, dB", "face.psnr_region", "{:.1f}", "above 25"),
            Line("    retrieval alone", "retrieval.psnr_region", "{:.1f}", "below that"),
            Line("PSNR in the mask, dB", "face.psnr_mask", "{:.1f}", "above 24"),
            Line("SSIM in the mask", "face.ssim_mask", "{:.3f}", "above 0.8"),
            Line("sharpness against the original", "face.sharpness", "{:.2f}", "0.85 ... 1.15"),
            Line("    retrieval alone", "retrieval.sharpness", "{:.2f}", "0.1 above at most"),
            Line("flicker against the original", "face.flicker", "{:.2f}", "at most 1.15"),
            Line("    retrieval alone", "retrieval.flicker", "{:.2f}", "above that"),
            Line("visible seam, 1 is none", "face.seam", "{:.2f}", "at most 1.1"),
            Line("    retrieval alone", "retrieval.seam", "{:.2f}", "above that"),
        ),
    ),
    (
        "Expression from speech",
        (
            Line("opening of the mouth, r", "expression.opening_r", "{:.2f}", "above 0.8"),
            Line("width of the mouth, r", "expression.width_r", "{:.2f}", "above 0.4"),
            Line("spread of the opening", "expression.spread", "{:.2f}", "0.85 ... 1.15"),
            Line("closed when truly closed", "expression.closure", "{:.0%}", "above 60 %"),
        ),
    ),
    (
        "Other voices",
        (
            Line("spread of the opening, least", "voices.least_spread", "{:.2f}", "above 0.85"),
            Line("    most", "voices.most_spread", "{:.2f}", "below 1.15"),
            Line("mean opening, least", "voices.least_mean", "{:.2f}", "above 0.85"),
            Line("    most", "voices.most_mean", "{:.2f}", "below 1.15"),
            Line("closed at p, b and m", "voices.closure", "{:.0%}", "above 80 %"),
            Line("agrees with the base, r", "voices.agreement", "{:.2f}", "above 0.8"),
        ),
    ),
    (
        "Both together",
        (
            Line("mouth follows the voice, r", "mouth.correlation", "{:.2f}", "above 0.8"),
            Line("    ridge regression", "ridge.correlation", "{:.2f}", "not above that"),
            Line("    mismatched audio", "mouth.correlation_shifted", "{:.2f}", "-0.15 ... 0.15"),
            Line("spread of its opening", "mouth.spread", "{:.2f}", "0.85 ... 1.15"),
            Line("lips off by, of eye distance", "mouth.lip_distance", "{:.1%}", "below 3 %"),
            SILENCE,
            Line("in sync by SyncNet, top-1", "sync.top1", "{:.0%}", "above 80 %"),
            Line("    the real video", "sync.real_top1", "{:.0%}", "above 80 %"),
            Line("in sync by the base, r", "sync.base_score", "{:.2f}", "above 0.35"),
            Line("    the real video", "sync.base_real_score", "{:.2f}", "above 0.35"),
            Line("lips after sound, frames", "sync.offset", "{:+d}", "-1 ... 1"),
            Line("PSNR from speech, dB", "picture.psnr_region", "{:.1f}", "above 24"),
            Line("    of a still mouth", "copy.psnr_region", "{:.1f}", "below that"),
            Line("sharpness from speech", "picture.sharpness", "{:.2f}", "0.85 ... 1.15"),
            Line("flicker from speech", "picture.flicker", "{:.2f}", "at most 1.3"),
            Line("seam from speech", "picture.seam", "{:.2f}", "at most 1.15"),
            Line("ONNX against PyTorch", "export.parity_max_abs", "{:.0e}", "below 1e-3"),
            Line("avatar, frames a second", "export.frames_per_second", "{:.0f}", "above 25"),
        ),
    ),
)
LINES = tuple(line for _, lines in BLOCKS for line in lines)
PLACES = (
    ("speaks new words", "data/{person}/render.mp4"),
    ("real and from speech", "metrics/{person}/evaluation/comparison.mp4"),
    ("figures", "metrics/{person}/evaluation/"),
)


def print_summary(person: str, root: Path) -> None:
    """Print where a person's results lie under the project's folder, and the table."""
    print(summary(person, root))


def summary(person: str, root: Path) -> str:
    """The text that ``print_summary`` prints; a figure that is missing shows as "-".

    Raises:
        LipsyncError: the person was not evaluated yet, or a file is damaged.
    """
    lines = [f"{person}, measured on video that no training saw:"]
    blocks = [(heading, [("", "here", "95 % within", "good"), *rows]) for heading, rows in
              table(person, root)]  # fmt: skip
    every = [row for _, rows in blocks for row in rows]
    width = [max(len(row[column]) for row in every) for column in range(3)]
    for heading, rows in blocks:
        lines += ["", heading]
        lines += [
            f"  {n:<{width[0]}}  {v:>{width[1]}}   {i:<{width[2]}}   {g}".rstrip()
            for n, v, i, g in rows
        ]
    lines.append("")
    for name, place in PLACES:
        path = place.format(person=person)
        if (root / path).exists():
            lines.append(f"  {name:<{width[0]}}  {path}")
    return "\n".join(lines)


def table(person: str, root: Path) -> list[tuple[str, list[Row]]]:
    """Blocks of the summary: heading, and rows of a person.

    Raises:
        LipsyncError: as of ``summary``.
    """
    folder = root / "metrics" / person
    values = _read(folder / "evaluation.json")
    if values is None:
        raise LipsyncError(f"{folder / 'evaluation.json'}: no such file; run `dvc repro`")
    values["export"] = _read(folder / "export.json") or {}
    details = _read(folder / "evaluation" / "details.json") or {}

    def row(line: Line) -> Row:
        line = _told(values, line)
        return line.name, _value(values, line), _interval(values, details, line), line.good

    return [(heading, [row(line) for line in lines]) for heading, lines in BLOCKS]


def _read(path: Path) -> dict[str, Any] | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise LipsyncError(f"{path}: damaged: {error}; run `dvc repro`") from error
    return values if isinstance(values, dict) else None


def _told(values: dict[str, Any], line: Line) -> Line:
    """The line, or the one to show instead where only that has a figure."""
    other = line.instead
    if other is None or _find(values, line.key) is not None or _find(values, other.key) is None:
        return line
    return other


def _value(values: dict[str, Any], line: Line) -> str:
    value = _find(values, line.key)
    return "-" if value is None else line.form.format(value)


def _interval(values: dict[str, Any], details: dict[str, Any], line: Line) -> str:
    """The figure's interval; "" where there is none, or details.json is of another evaluation."""
    found = _find(details, line.key + INTERVAL)
    if not found or _find(details, line.key) != _find(values, line.key):
        return ""
    return " ... ".join(line.form.format(edge) for edge in found)


def _find(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values
