"""The table at the end of ``make demo``: a person's figures and what is good. Imports no torch."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lipsync.errors import LipsyncError
from lipsync.evaluation.bootstrap import INTERVAL


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


# Most held-out parts have no pause; then the mouth counts that is painted when nothing is heard.
DIGITAL = Line(
    "open in digital silence, of pauses", "mouth.silence_digital", "{:.2f}", "at most 1.2"
)
LINES = (
    Line("mouth follows the voice, r", "mouth.correlation", "{:.2f}", "above 0.85"),
    Line("    ridge regression", "ridge.correlation", "{:.2f}", "not above that"),
    Line("the same with wrong speech", "mouth.correlation_shifted", "{:.2f}", "-0.2 ... 0.2"),
    Line("lips off by, of eye distance", "mouth.lip_distance", "{:.1%}", "below 3 %"),
    Line("open in silence, of the real one", "mouth.silence", "{:.2f}", "at most 1.2", DIGITAL),
    Line("in sync by SyncNet, top-1", "sync.top1", "{:.0%}", "above 80 %"),
    Line("    the real video", "sync.real_top1", "{:.0%}", "above 80 %"),
    Line("lips after sound, frames", "sync.offset", "{:+d}", "-1 ... 1"),
    Line("PSNR in the pasted part, dB", "picture.psnr_mask", "{:.1f}", "above 28"),
    Line("    of a still mouth", "copy.psnr_mask", "{:.1f}", "3 below that"),
    Line("SSIM in the pasted part", "picture.ssim_mask", "{:.3f}", "above 0.9"),
    Line("sharpness against the original", "picture.sharpness", "{:.2f}", "0.7 ... 1.3"),
    Line("flicker against the original", "picture.flicker", "{:.2f}", "below 1.3"),
    Line("visible seam, 1 is none", "picture.seam", "{:.2f}", "below 1.15"),
    Line("ONNX against PyTorch", "export.parity_max_abs", "{:.0e}", "below 1e-3"),
    Line("avatar, frames a second", "export.frames_per_second", "{:.0f}", "above 25"),
)
PLACES = (
    ("speaks new words", "data/{person}/render.mp4"),
    ("real and rendered", "metrics/{person}/evaluation/comparison.mp4"),
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
    lines = [f"{person}, measured on video that no training saw:", ""]
    rows = [("", "here", "95 % within", "good"), *table(person, root)]
    width = [max(len(row[column]) for row in rows) for column in range(3)]
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


def table(person: str, root: Path) -> list[tuple[str, str, str, str]]:
    """Rows (name, figure, its interval or "", what is good) of a person.

    Raises:
        LipsyncError: as of ``summary``.
    """
    folder = root / "metrics" / person
    values = _read(folder / "evaluation.json")
    if values is None:
        raise LipsyncError(f"{folder / 'evaluation.json'}: no such file; run `dvc repro`")
    values["export"] = _read(folder / "export.json") or {}
    details = _read(folder / "evaluation" / "details.json") or {}
    return [
        (line.name, _value(values, line), _interval(values, details, line), line.good)
        for line in (_told(values, line) for line in LINES)
    ]


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
