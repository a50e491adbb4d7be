"""What the stage scripts in visemes/stages share; they run in the project's folder."""

import functools
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lipsync.files import atomic_path
from lipsync.parent_watchdog import ends_with_parent
from lipsync.speech.weights import SOURCES
from lipsync.stage import errors_for_people
from lipsync.visemes.params import VisemeParams, load_viseme_params

CORPUS = Path("data/visemes/corpus")
LIBRISPEECH = Path("data/visemes/librispeech")
MODEL = Path("models/visemes/visemes.safetensors")
STATE = Path("models/visemes/visemes_state.safetensors")
NETWORK = SOURCES["viseme"].default
METRICS = Path("metrics/visemes")


def viseme_stage(run: Callable[[VisemeParams], None]) -> Callable[[], None]:
    """Make a script of a function of visemes/params.yaml; ``log_level`` sets what it says."""

    @functools.wraps(run)
    def main() -> None:
        with errors_for_people(run.__name__), ends_with_parent():
            params = load_viseme_params()
            logging.basicConfig(format="%(message)s")
            logging.getLogger("lipsync.visemes").setLevel(params.log_level.upper())
            run(params)

    return main


def downloads() -> Path:
    """Where downloads grow. DVC empties outs before a stage runs again, but not this."""
    from lipsync.training.checkpoints import scratch_folder

    return scratch_folder("fetch_librispeech", "downloads", "")


def write_figures(path: Path, figures: dict[str, Any]) -> None:
    """A JSON of metrics."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(figures, indent=2) + "\n")
