"""profile.json for machines, and the table for people."""

import json
from pathlib import Path
from typing import Any

from lipsync.files import atomic_path
from lipsync.profiling.measure import Profile
from lipsync.profiling.rules import ORDER
from lipsync.profiling.timeline import REASONS
from lipsync.table import table as columns

DIGITS = 3  # after the point


def as_json(profile: Profile) -> dict[str, Any]:
    """The verdict, each value by name, and the figures with verdict and advice.

    ``values`` is flat, so that `dvc metrics show` has a column each; DVC passes over ``figures``,
    a list, whose sentences would fill the screen.
    """
    recording = profile.recording
    return {
        "verdict": profile.verdict,
        "values": {f.key: _rounded(f.value) for f in profile.figures if f.value is not None},
        "figures": [
            {
                "name": figure.key,
                "label": figure.name,
                "value": _rounded(figure.value),
                "unit": figure.unit,
                "verdict": figure.verdict,
                "advice": figure.advice,
                **{key: _rounded(value) for key, value in figure.details.items()},
            }
            for figure in profile.figures
        ],
        "timeline": {
            "cuts": profile.timeline.cuts.tolist(),
            "usable": _rounded(profile.timeline.usable.mean()),
            "unused_seconds": {
                name: _rounded(seconds) for name, seconds in profile.timeline.unused().items()
            },
            "unused": [
                {"reason": reason, "frames": [begin, end]}
                for code, reason in enumerate(REASONS, start=1)
                for begin, end in profile.timeline.stretches(code)
            ],
        },
        "picture": {
            "width": recording.width,
            "height": recording.height,
            "frames": len(recording.points),
            "fps": recording.fps,
        },
    }


def write_profile(path: Path, profile: Profile) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(as_json(profile), indent=2, ensure_ascii=False) + "\n")


def table(profile: Profile) -> str:
    """The overall word, the timeline in a line, then every figure with its verdict and advice."""
    rows = [("", f.name, f.text(), f.verdict, f.advice) for f in profile.figures]
    said = f"{profile.recording.name}: {headline(profile)}\n{profile.timeline.text()}"
    return f"{said}\n\n{columns(rows, right=(2,))}"


def headline(profile: Profile) -> str:
    """The verdict and what it rests on, in a line."""
    meaning = {
        "green": "fit to be trained on",
        "amber": "can be trained on; better is possible",
        "red": "not worth training on as it is",
    }[profile.verdict]
    counts = {v: sum(f.verdict == v for f in profile.figures) for v in reversed(ORDER)}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    return f"{profile.verdict}, {meaning} ({told})"


def _rounded(value: float | bool | None) -> float | bool | None:
    return value if value is None or isinstance(value, bool) else round(float(value), DIGITS)
