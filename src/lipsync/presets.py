"""Recommended params, written into params.yaml as if by hand: comments and layout stay.

``quick`` is what params.yaml holds when the project is cloned. All name the same keys, so that each
preset can follow any other. A person's own overrides stay, and win. The crop need not be as large
as the face in the video: exemplars have the video's own resolution, and crop.size only says how
finely they are warped and refined.
"""

import io
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from lipsync.errors import LipsyncError
from lipsync.generator.params import LossWeights
from lipsync.params import load_params, sections
from lipsync.yaml_edit import rewrite, round_trip

Values = dict[str, Any]

LOSSES: Values = LossWeights().model_dump()  # all of them, as the defaults weigh them
QUICK: Values = {
    "epochs": 5,
    "crop": {"size": 160},
    "syncnet": {"epochs": 6, "channels": 24},
    "motion": {"epochs": 10, "channels": 64},
    "generator": {
        "exemplars": 128,
        "batch_size": 10,
        "learning_rate": 5e-4,
        "ema_decay": 0.99,
        "channels": [48, 80, 112],
        "losses": LOSSES,
    },
}
PRODUCTION: Values = {
    "epochs": 40,
    "crop": {"size": 224},
    "syncnet": {"epochs": 40, "channels": 32},
    "motion": {"epochs": 30, "channels": 64},
    "generator": {
        "exemplars": 192,
        "batch_size": 20,
        "learning_rate": 5e-4,
        "ema_decay": 0.995,
        "channels": [48, 80, 112],
        "losses": LOSSES,
    },
}
MAX: Values = {
    "epochs": 100,
    "crop": {"size": 256},
    "syncnet": {"epochs": 60, "channels": 48},
    "motion": {"epochs": 40, "channels": 96},
    "generator": {
        "exemplars": 256,
        "batch_size": 20,
        "learning_rate": 3e-4,
        "ema_decay": 0.998,
        "channels": [64, 96, 128, 160],
        "losses": LOSSES,
    },
}


@dataclass(frozen=True)
class Preset:
    """A name's values and what to expect of them."""

    values: Values
    about: str


PRESETS = {
    "quick": Preset(QUICK, "160 px, 128 exemplars, 5 epochs of the refiner: whether a video works"),
    "production": Preset(
        PRODUCTION, "224 px, 192 exemplars, 40 epochs of the refiner: for minutes of video"
    ),
    "max": Preset(MAX, "256 px, 256 exemplars, 100 epochs of the refiner: for close-ups, on a GPU"),
}


def write_preset(name: str, params: Path) -> list[tuple[str, Any, Any]]:
    """Set a preset's values in ``params`` (params.yaml).

    Returns:
        what changed: (key, old value, new value)
    Raises:
        LipsyncError: no such preset; the file is missing or wrong, before or after the change.
    """
    _check(name)
    load_params(params)
    changes: list[tuple[str, Any, Any]] = []

    def change(text: str) -> str:
        yaml, stream = round_trip(), io.StringIO()
        content = yaml.load(text)
        changes.extend(_set(content, PRESETS[name].values))
        yaml.dump(content, stream)
        ends = "\r\n" if "\r\n" in text else "\n"
        return stream.getvalue().replace("\n", ends)

    rewrite(params, change, check=load_params)
    return changes


def for_one_person(name: str) -> Values:
    """A preset's values as overrides of a person: all but those that are the same for everybody.

    Raises LipsyncError if there is no such preset.
    """
    _check(name)
    found: Values = {}
    for key, value in PRESETS[name].values.items():
        if not isinstance(value, dict):
            found[key] = value
        elif own := {k: v for k, v in value.items() if k not in sections()[key].shared_keys}:
            found[key] = deepcopy(own)
    return found


def _check(name: str) -> None:
    if name not in PRESETS:
        raise LipsyncError(f"preset {name}: there is none; there are: {', '.join(PRESETS)}")


def _set(content: CommentedMap, values: Values, prefix: str = "") -> list[tuple[str, Any, Any]]:
    changes = []
    for key, value in values.items():
        if isinstance(value, dict):
            changes += _set(content.setdefault(key, CommentedMap()), value, f"{prefix}{key}.")
        elif content.get(key) != value:
            changes.append((f"{prefix}{key}", content.get(key), value))
            content[key] = _in_one_line(value) if isinstance(value, list) else value
    return changes


def _in_one_line(items: list[Any]) -> CommentedSeq:
    """A list that YAML writes as [a, b, c]."""
    sequence = CommentedSeq(items)
    sequence.fa.set_flow_style()
    return sequence
